//! The request's Cookie header: names and values as they stand (RFC 6265 §5.4). Set-Cookie is left to those who set it.

use crate::Headers;
use crate::Known;

/// Returns the value of the first cookie of that name; names are compared byte by byte, quotes stay.
pub fn get<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers.known_all(Known::Cookie).flat_map(pairs).find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// Returns all pairs of one Cookie header in order; pieces without `=` are left out.
pub fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|b| *b == b';').filter_map(|piece| {
        let piece = piece.trim_ascii();
        let at = memchr::memchr(b'=', piece)?;
        Some((piece[..at].trim_ascii_end(), piece[at + 1..].trim_ascii_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_cookies() {
        let headers: Headers =
            [("Cookie", "a=1; b = \"2\" ;c;  d=x=y"), ("cookie", "e=5")].into_iter().collect::<Headers>();
        for (name, want) in [("a", Some("1")), ("b", Some("\"2\"")), ("c", None), ("d", Some("x=y")), ("e", Some("5"))]
        {
            assert_eq!(get(&headers, name), want.map(str::as_bytes), "{name}");
        }
    }
}
