//! Accept headers: media ranges with their q-values, best first. Which types are on offer is the caller's business.

/// One media range of an Accept header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<'a> {
    /// `type/subtype`, as written, without parameters.
    pub media: &'a str,
    /// The weight, 0 to 1; 1 if none was given, 0 if what was given is no number.
    pub q: f32,
}

/// Returns the ranges of an Accept value, those with the highest weight first, equal ones in the order given
/// (RFC 9110 §12.5.1). Ranges that are not UTF-8 are left out.
pub fn parse(value: &[u8]) -> Vec<Range<'_>> {
    let mut ranges: Vec<Range<'_>> = value
        .split(|b| *b == b',')
        .filter_map(|item| {
            let mut pieces = std::str::from_utf8(item).ok()?.split(';').map(str::trim);
            let media = pieces.next().filter(|media| !media.is_empty())?;
            let q = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
            let q: f32 = q.map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            Some(Range { media, q: if q.is_finite() { q.clamp(0.0, 1.0) } else { 0.0 } })
        })
        .collect();
    ranges.sort_by(|a, b| b.q.total_cmp(&a.q));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_weight() {
        for (value, want) in [
            ("text/html, application/json;q=0.9", "text/html application/json"),
            ("text/html;q=0.1,application/json ; level=1 ; q=0.5", "application/json text/html"),
            ("*/*", "*/*"),
            ("a/a;q=x, b/b", "b/b a/a"),
            ("a/a;q=NaN, b/b;q=0.1", "b/b a/a"),
            ("", ""),
            (",;q=1,", ""),
        ] {
            let got: Vec<&str> = parse(value.as_bytes()).iter().map(|range| range.media).collect();
            assert_eq!(got.join(" "), want, "{value}");
        }
    }
}
