//! Path normalisation and the escaping on the way to the upstream, as Kong has them: reserved characters keep their
//! escapes, all others are decoded, `.` and `..` are resolved and runs of `/` merged. It never fails: what nginx
//! refuses was refused before.

use std::borrow::Cow;

use memchr::memchr;
use memchr::memmem;

use crate::percent;

/// Characters whose escapes stay, since decoding them would change what the path means.
const fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'*'
            | b'\''
            | b'('
            | b')'
            | b';'
            | b':'
            | b'@'
            | b'&'
            | b'='
            | b'+'
            | b'$'
            | b','
            | b'/'
            | b'?'
            | b'%'
            | b'#'
            | b'['
            | b']'
    )
}

/// Returns the normal form of a received path: what routes are matched against. Borrows when nothing changes.
///
/// Kong 3.10 `tools/uri.lua` with merging of slashes; pinned by `golden.json` "normalize".
pub fn normalize(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let decoded = match memchr(b'%', path) {
        Some(_) => Cow::Owned(decode_unreserved(path)),
        None => Cow::Borrowed(path),
    };
    if memchr(b'.', &decoded).is_none() && memmem::find(&decoded, b"//").is_none() {
        return decoded;
    }
    let mut rest = &*decoded;
    let mut out: Vec<u8> = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        match rest {
            b"/." => rest = b"/",
            b"/.." => {
                pop_segment(&mut out);
                rest = b"/";
            }
            b"." | b".." => rest = b"",
            [b'.', b'.', b'/', ..] => rest = &rest[3..],
            [b'.', b'/', ..] => rest = &rest[2..],
            [b'/', b'.', b'/', ..] => rest = &rest[2..],
            [b'/', b'.', b'.', b'/', ..] => {
                pop_segment(&mut out);
                rest = &rest[3..];
            }
            [b'/', b'/', ..] => rest = &rest[1..],
            _ => {
                let end = memchr(b'/', &rest[1..]).map_or(rest.len(), |at| at + 1);
                out.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    Cow::Owned(out)
}

/// Returns how a server reads a normal path that decodes escaped slashes, takes backslashes for slashes and drops what
/// stands behind a `;`, brought into normal form again; `None` where that is the path itself.
pub fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    if !path.iter().fold(false, |found, byte| found | matches!(byte, b'%' | b'\\' | b';')) {
        return None;
    }
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let (byte, length) = match path[at] {
            b'%' => match path.get(at + 1..at + 3).and_then(percent::hex_pair) {
                Some(byte @ (b'/' | b';')) => (byte, 3),
                _ => (b'%', 1),
            },
            byte => (byte, 1),
        };
        at += length;
        match byte {
            b'/' | b'\\' => out.push(b'/'),
            b';' => at += path[at..].iter().position(|b| matches!(b, b'/' | b'\\')).unwrap_or(path.len() - at),
            byte => out.push(byte),
        }
    }
    (out != path).then(|| normalize(&out).into_owned())
}

/// Tells whether a path is its own normal form, as far as that can be seen at a glance: it never says so wrongly.
#[inline]
fn is_normal(path: &[u8]) -> bool {
    // Loops without a way out: paths are short, and nearly all are normal.
    let behind = path.get(1..).unwrap_or_default();
    let doubled = path.iter().zip(behind).fold(false, |found, (one, next)| found | (*one == b'/') & (*next == b'/'));
    !path.iter().fold(doubled, |found, byte| found | matches!(byte, b'%' | b'.'))
}

/// Takes the last segment away, with the slash before it.
fn pop_segment(out: &mut Vec<u8>) {
    let start = out.iter().rposition(|b| *b == b'/').unwrap_or(0);
    out.truncate(start);
}

fn decode_unreserved(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let escaped = match path[at] {
            b'%' => path.get(at + 1..at + 3).and_then(percent::hex_pair),
            _ => None,
        };
        match escaped {
            Some(byte) if is_reserved(byte) => percent::push_escaped(&mut out, byte),
            Some(byte) => out.push(byte),
            None => out.push(path[at]),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// Bytes that may stand in a request line as they are.
const STAYS: [bool; 256] = {
    let mut stays = [false; 256];
    let mut byte = 0;
    while byte < 128u8 {
        stays[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || is_reserved(byte);
        byte += 1;
    }
    stays
};

/// Appends a normal path as it may stand in a request line: reserved and unreserved characters and `%` as they are, all
/// else escaped.
pub fn escape_into(out: &mut Vec<u8>, path: &[u8]) {
    if path.iter().fold(true, |stay, byte| stay & STAYS[usize::from(*byte)]) {
        return out.extend_from_slice(path);
    }
    let mut start = 0;
    for (at, byte) in path.iter().enumerate() {
        if !STAYS[usize::from(*byte)] {
            out.extend_from_slice(&path[start..at]);
            percent::push_escaped(out, *byte);
            start = at + 1;
        }
    }
    out.extend_from_slice(&path[start..]);
}

/// As [`escape_into`], returning a new path.
pub fn escape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    escape_into(&mut out, path);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, normal form, escaped for the upstream: the vectors that Kong's own functions gave (facts, golden.json).
    const GOLDEN: &[(&str, &str, &str)] = &[
        ("", "", ""),
        ("/", "/", "/"),
        ("/a", "/a", "/a"),
        ("/a/", "/a/", "/a/"),
        ("//a", "/a", "/a"),
        ("/a//b///c", "/a/b/c", "/a/b/c"),
        ("/a/./b", "/a/b", "/a/b"),
        ("/a/../b", "/b", "/b"),
        ("/../a", "/a", "/a"),
        ("/a/..", "/", "/"),
        ("/a/.", "/a/", "/a/"),
        ("/a/b/../../..", "/", "/"),
        ("/%61", "/a", "/a"),
        ("/%7e", "/~", "/~"),
        ("/%2f", "/%2F", "/%2F"),
        ("/%2F", "/%2F", "/%2F"),
        ("/%2e%2e/a", "/a", "/a"),
        ("/a%20b", "/a b", "/a%20b"),
        ("/a%c3%a9", "/aé", "/a%C3%A9"),
        ("/%C3%A9", "/é", "/%C3%A9"),
        ("/a%", "/a%", "/a%"),
        ("/a%zz", "/a%zz", "/a%zz"),
        ("/a.b/..c/.d", "/a.b/..c/.d", "/a.b/..c/.d"),
        ("/a;b=1/./c", "/a;b=1/c", "/a;b=1/c"),
        ("/.", "/", "/"),
        ("/..", "/", "/"),
        ("/a/%2e/b", "/a/b", "/a/b"),
        ("/A%2fB%2E", "/A%2FB.", "/A%2FB."),
        ("/café", "/café", "/caf%C3%A9"),
    ];

    #[test]
    fn normalizes_as_kong_does() {
        for (input, normal, escaped) in GOLDEN {
            let got = normalize(input.as_bytes());
            assert_eq!(&*got, normal.as_bytes(), "{input}");
            assert_eq!(escape(&got), escaped.as_bytes(), "{input}");
        }
    }

    #[test]
    fn decodes_what_servers_may() {
        for (path, want) in [
            ("/a/b", None),
            ("/a%20", None),
            ("/a%2Fb", Some("/a/b")),
            ("/%2Fadmin", Some("/admin")),
            ("/x\\y", Some("/x/y")),
            ("/;a=b/admin;c", Some("/admin")),
            ("/a%3Bb/c", Some("/a/c")),
        ] {
            let got = decoded(path.as_bytes()).map(|path| String::from_utf8(path).expect("test values are text"));
            assert_eq!(got.as_deref(), want, "{path}");
        }
    }

    #[test]
    fn borrows_when_nothing_changes() {
        assert!(matches!(normalize(b"/a/b/c"), Cow::Borrowed(_)));
    }
}
