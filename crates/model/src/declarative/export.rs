//! Documents as a declarative file of format 3.0: what `config db_export` and `GET /config` give.
//! YAML is written in block style; every text that could be read as something else is quoted.

use std::fmt::Write as _;

use serde_json::Value;

use super::yaml;
use crate::Document;
use crate::Entity;

/// Writes entities into a file, each entity's documents together.
pub struct Exporter {
    out: String,
    current: Option<&'static str>,
}

impl Default for Exporter {
    fn default() -> Self {
        Self::new()
    }
}

impl Exporter {
    /// Begins a file: format 3.0, nothing left to transform.
    pub fn new() -> Self {
        Self { out: "_format_version: '3.0'\n_transform: false\n".to_owned(), current: None }
    }

    /// Adds a document as selected with nulls; foreign keys become ids.
    ///
    /// Documents of an entity must come one after the other.
    pub fn add(&mut self, entity: &Entity, document: &Document) {
        if self.current != Some(entity.name) {
            let _ = writeln!(self.out, "{}:", entity.name);
            self.current = Some(entity.name);
        }
        let mut fields = document.clone();
        for reference in &entity.refs {
            if let Some(value) = fields.get_mut(reference.field)
                && let Value::Object(key) = value
            {
                *value = key.values().next().cloned().unwrap_or(Value::Null);
            }
        }
        item(&Value::Object(fields), 0, &mut self.out);
    }

    /// Returns the file.
    pub fn finish(self) -> String {
        self.out
    }
}

/// Returns a tree as YAML.
pub fn to_yaml(document: &Document) -> String {
    if document.is_empty() {
        return "{}\n".to_owned();
    }
    let mut out = String::new();
    mapping(document, 0, &mut out);
    out
}

fn mapping(entries: &Document, depth: usize, out: &mut String) {
    for (key, value) in entries {
        indent(depth, out);
        scalar_text(key, out);
        out.push(':');
        after_colon(value, depth, out);
    }
}

/// Writes a value behind `key:`.
fn after_colon(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            mapping(entries, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|value| item(value, depth, out));
        }
        value => {
            out.push(' ');
            scalar(value, out);
            out.push('\n');
        }
    }
}

/// Writes an element of a list; its first line stands behind the dash.
fn item(value: &Value, depth: usize, out: &mut String) {
    indent(depth, out);
    out.push('-');
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                if index == 0 {
                    out.push(' ');
                } else {
                    indent(depth + 1, out);
                }
                scalar_text(key, out);
                out.push(':');
                after_colon(value, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|value| item(value, depth + 1, out));
        }
        value => {
            out.push(' ');
            scalar(value, out);
            out.push('\n');
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push('~'),
        Value::String(text) => scalar_text(text, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        value => out.push_str(&value.to_string()),
    }
}

/// Writes a text plain if it is safe so, else in single quotes, else with escapes.
fn scalar_text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        escaped_text(text, out);
    }
}

/// Returns whether a character may stand in a file as it is, and ends no line for any reader.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes a text in double quotes. JSON's strings are YAML's, but for characters that JSON takes as they are.
fn escaped_text(text: &str, out: &mut String) {
    for c in Value::String(text.to_owned()).to_string().chars() {
        if is_printable(c) {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
}

/// Returns whether a text means itself when it stands without quotes.
fn is_plain(text: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./~@$%*+ ".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_');
    starts && text.chars().all(safe) && !text.ends_with(' ') && yaml::resolve(text).is_none()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let document = json!({
            "a": {"b": [1, 2.5, true, null, "x"], "c": [], "d": {}},
            "words": ["yes", "null", "3.0", "~/x", "- a", "a: b", "#x", "it's", "", " x", "x ", "10:30"],
            "lines": "a\nb\n",
            "list": [[1, [2]], {"k": {"l": [{"m": null}]}}],
            "unicode": "grüße ☃",
            "unprintable": "a\u{7f}b\u{85}\u{2028}\u{feff}\u{ffff}\u{1}\"\\",
            "cert": "-----BEGIN\nAA==\n-----END\n",
            "*": "&",
        });
        let Value::Object(document) = document else { unreachable!() };
        let text = to_yaml(&document);
        assert_eq!(yaml::parse(&text).unwrap(), Some(Value::Object(document)), "{text}");
        assert_eq!(yaml::parse(&to_yaml(&Document::new())).unwrap(), Some(json!({})));
    }
}
