//! The request target in its four forms (RFC 9112 §3.2): which bytes are path, query and authority, and whether nginx
//! would take it. It does not normalise; see [`crate::path`].

use std::ops::Range;

use crate::Method;
use crate::scan;

/// Which of the four forms a request target has (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`.
    Absolute,
    /// `host:port`, with CONNECT.
    Authority,
    /// `*`, with OPTIONS.
    Asterisk,
}

/// Why a request target is refused, always with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// A control byte or DEL (RFC 9112 §3.2).
    #[error("a byte that may not stand in a request target")]
    Byte,
    /// None of the four forms, or one the method does not take.
    #[error("a request target of no known form")]
    Form,
    /// `%` without two hexadecimal digits behind it, or `%00` (RFC 3986 §2.1).
    #[error("a broken percent escape")]
    Escape,
    /// More `..` than there are segments before them.
    #[error("a path that leaves the root")]
    AboveRoot,
    /// A dot segment that only some servers see: beside an escaped slash, a backslash or a `;` (RFC 3986 §3.3).
    #[error("a dot segment in disguise")]
    Disguised,
    /// A fragment in the path, which some servers cut off and others do not (RFC 9112 §3.2).
    #[error("a fragment in the path")]
    Fragment,
}

/// A request target as received. Its memory is reused from request to request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    raw: Vec<u8>,
    form: Form,
    authority: Range<usize>,
    path: Range<usize>,
}

impl Target {
    /// Empties the target and keeps its memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.form = Form::Origin;
        self.authority = 0..0;
        self.path = 0..0;
    }

    /// Takes over `raw`, a target received with `method`.
    ///
    /// # Errors
    /// As nginx: control bytes, broken escapes, a path above the root, `*` and authority-form (no proxy of ours serves
    /// them). The bytes are kept for the log all the same.
    pub fn receive(&mut self, raw: &[u8], method: &Method) -> Result<(), BadTarget> {
        self.clear();
        self.raw.extend_from_slice(raw);
        if raw.iter().fold(false, |found, byte| found | (*byte <= b' ') | (*byte == 0x7f)) {
            return Err(BadTarget::Byte);
        }
        self.split(method)?;
        check(&self.raw[self.path.clone()])
    }

    fn split(&mut self, method: &Method) -> Result<(), BadTarget> {
        let raw = self.raw.as_slice();
        if raw.first() == Some(&b'/') {
            self.path = 0..path_end(raw, 0);
            return Ok(());
        }
        if raw == b"*" || *method == Method::Connect {
            self.form = if raw == b"*" { Form::Asterisk } else { Form::Authority };
            return Err(BadTarget::Form);
        }
        self.form = Form::Absolute;
        let start = match raw {
            _ if starts_with(raw, b"http://") => 7,
            _ if starts_with(raw, b"https://") => 8,
            _ => return Err(BadTarget::Form),
        };
        let end = raw[start..].iter().position(|b| matches!(b, b'/' | b'?')).map_or(raw.len(), |at| start + at);
        self.authority = start..end;
        // Userinfo (RFC 9110 §4.2.4) and a fragment are no host.
        if !crate::host::is_valid(&raw[start..end]) {
            return Err(BadTarget::Form);
        }
        self.path = end..path_end(raw, end);
        Ok(())
    }

    /// Returns all of it, as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Returns path and query as received: the whole target but for scheme and authority; `/` if that leaves nothing.
    pub fn path_and_query(&self) -> &[u8] {
        match &self.raw[self.path.start.min(self.raw.len())..] {
            [] => b"/",
            rest => rest,
        }
    }

    /// Returns the path as received, up to the first `?`; `/` if it is empty.
    pub fn path(&self) -> &[u8] {
        match &self.raw[self.path.clone()] {
            [] => b"/",
            path => path,
        }
    }

    /// Returns what stands behind the first `?` and before a `#`, `None` if there is no `?` (a lone one gives an empty
    /// query). Fragments are not for the wire; nginx drops those that come all the same.
    pub fn query(&self) -> Option<&[u8]> {
        let query = self.raw.get(self.path.end..)?.strip_prefix(b"?")?;
        query.split(|byte| *byte == b'#').next()
    }

    /// Returns the authority of an absolute-form target; it goes before the Host header (RFC 9112 §3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        (self.form == Form::Absolute).then(|| &self.raw[self.authority.clone()])
    }

    /// Returns the port that an absolute-form target means when it names none.
    pub fn default_port(&self) -> u16 {
        if starts_with(&self.raw, b"https:") { 443 } else { 80 }
    }

    /// Returns the form.
    pub const fn form(&self) -> Form {
        self.form
    }
}

fn path_end(raw: &[u8], from: usize) -> usize {
    scan::find(b'?', &raw[from..]).map_or(raw.len(), |at| from + at)
}

fn starts_with(raw: &[u8], prefix: &[u8]) -> bool {
    raw.len() >= prefix.len() && raw[..prefix.len()].eq_ignore_ascii_case(prefix)
}

/// What ends a segment, for some reader at least.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// A slash: everybody agrees.
    Plain,
    /// An escaped slash, a backslash, a `;`: some servers end the segment here, others do not.
    Disputed,
}

/// Checks escapes and `..` as nginx does before it looks for a location: escapes are decoded first, so `%2e%2e%2f`
/// climbs too. A dot segment whose edge is disputed is refused: it would lead past a route or a service's path at a
/// server that sees it.
fn check(path: &[u8]) -> Result<(), BadTarget> {
    // Paths are short: a loop without a way out is quicker than a call.
    if !path.iter().fold(false, |found, byte| found | matches!(byte, b'%' | b'.' | b'#')) {
        return Ok(());
    }
    let mut depth = 0usize;
    let mut segment_is_empty = true;
    // What stands between two edges: behind which it began, and how many dots it has if it has nothing else.
    let (mut before, mut dots) = (Edge::Plain, Some(0usize));
    let mut at = 0;
    while at <= path.len() {
        let escaped = path.get(at) == Some(&b'%');
        let byte = match path.get(at) {
            Some(b'%') => {
                let hex = path.get(at + 1..at + 3).and_then(crate::percent::hex_pair).ok_or(BadTarget::Escape)?;
                at += 2;
                if hex == 0 {
                    return Err(BadTarget::Escape);
                }
                hex
            }
            Some(b'#') => return Err(BadTarget::Fragment),
            Some(byte) => *byte,
            None => b'/',
        };
        at += 1;
        if !matches!(byte, b'/' | b'\\' | b';') {
            dots = if byte == b'.' { dots.map(|n| n + 1) } else { None };
            segment_is_empty = false;
            continue;
        }
        let edge = if byte == b'/' && !escaped { Edge::Plain } else { Edge::Disputed };
        match dots {
            Some(1 | 2) if edge == Edge::Disputed || before == Edge::Disputed => return Err(BadTarget::Disguised),
            Some(2) => depth = depth.checked_sub(1).ok_or(BadTarget::AboveRoot)?,
            Some(1) => {}
            // For those who see no edge here it is the same segment still.
            _ if byte != b'/' => segment_is_empty = false,
            _ if segment_is_empty => {}
            _ => depth += 1,
        }
        segment_is_empty |= byte == b'/';
        (before, dots) = (edge, Some(0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_the_forms() {
        type Want = Result<(&'static str, Option<&'static str>, Option<&'static str>), BadTarget>;
        let cases: &[(&str, Method, Want)] = &[
            ("/", Method::Get, Ok(("/", None, None))),
            ("/a?b?c", Method::Get, Ok(("/a", Some("b?c"), None))),
            ("/a?", Method::Get, Ok(("/a", Some(""), None))),
            ("http://a.test/x?y", Method::Get, Ok(("/x", Some("y"), Some("a.test")))),
            ("HTTP://a.test:80", Method::Get, Ok(("/", None, Some("a.test:80")))),
            ("http://a.test?y", Method::Get, Ok(("/", Some("y"), Some("a.test")))),
            ("http://ann:pw@127.0.0.1/x", Method::Get, Err(BadTarget::Form)),
            ("http:///x", Method::Get, Err(BadTarget::Form)),
            ("http://a.test#f", Method::Get, Err(BadTarget::Form)),
            ("*", Method::Options, Err(BadTarget::Form)),
            ("a.test:443", Method::Connect, Err(BadTarget::Form)),
            ("nopath", Method::Get, Err(BadTarget::Form)),
            ("", Method::Get, Err(BadTarget::Form)),
            ("/a\tb", Method::Get, Err(BadTarget::Byte)),
            ("/a\x7f", Method::Get, Err(BadTarget::Byte)),
            ("/%%20", Method::Get, Err(BadTarget::Escape)),
            ("/%2", Method::Get, Err(BadTarget::Escape)),
            ("/%00", Method::Get, Err(BadTarget::Escape)),
            ("/?%zz", Method::Get, Ok(("/", Some("%zz"), None))),
            ("/..", Method::Get, Err(BadTarget::AboveRoot)),
            ("/a/../..", Method::Get, Err(BadTarget::AboveRoot)),
            ("/a/%2e%2e/b", Method::Get, Ok(("/a/%2e%2e/b", None, None))),
            ("/%2e%2E/b", Method::Get, Err(BadTarget::AboveRoot)),
            ("/a/...", Method::Get, Ok(("/a/...", None, None))),
            ("//../a", Method::Get, Err(BadTarget::AboveRoot)),
            ("/a.b/..c/.d", Method::Get, Ok(("/a.b/..c/.d", None, None))),
            ("/x/..;/a", Method::Get, Err(BadTarget::Disguised)),
            ("/x%2f..%2fa", Method::Get, Err(BadTarget::Disguised)),
            ("/x\\..\\a", Method::Get, Err(BadTarget::Disguised)),
            ("/x/.%5c", Method::Get, Err(BadTarget::Disguised)),
            ("/a;/..", Method::Get, Ok(("/a;/..", None, None))),
            ("/a;v=1.0/b%2fc", Method::Get, Ok(("/a;v=1.0/b%2fc", None, None))),
            ("/a#b", Method::Get, Err(BadTarget::Fragment)),
            ("/ü/\"<>", Method::Get, Ok(("/ü/\"<>", None, None))),
        ];
        let mut target = Target::default();
        for (raw, method, want) in cases {
            let got =
                target.receive(raw.as_bytes(), method).map(|()| (target.path(), target.query(), target.authority()));
            let want = want.map(|(p, q, a)| (p.as_bytes(), q.map(str::as_bytes), a.map(str::as_bytes)));
            assert_eq!(got, want, "{raw}");
            assert_eq!(target.as_bytes(), raw.as_bytes());
        }
    }
}
