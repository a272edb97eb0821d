//! The text format of Prometheus (exposition format 0.0.4).

use std::fmt::{Display, Write};

/// A page of metrics being written.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins a family. The lines of its series follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes whatever is written to it.
        let _ = write!(self.text, "# HELP kong_{name} {help}\n# TYPE kong_{name} {kind}\n");
    }

    /// Writes one series.
    pub(super) fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str("kong_");
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for c in text.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// Writes the series of a histogram: counts up to each bound, all, and the sum.
    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], read: (Vec<(u64, u64)>, u64, u64)) {
        let (counts, count, sum) = read;
        let bucket = format!("{name}_bucket");
        let up_to_all = [("+Inf".to_owned(), count)];
        for (bound, up_to) in counts.into_iter().map(|(bound, up_to)| (bound.to_string(), up_to)).chain(up_to_all) {
            let with_bound = [labels, &[("le", bound.as_str())]].concat();
            self.series(&bucket, &with_bound, up_to);
        }
        self.series(&format!("{name}_count"), labels, count);
        self.series(&format!("{name}_sum"), labels, sum);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}
