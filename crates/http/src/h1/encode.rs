//! Heads and chunks as they go on the wire, appended to the caller's buffer. Framing and `Connection` are written from
//! arguments, never from the headers: those of the other side say nothing about this one.

use crate::Decimal;
use crate::Framing;
use crate::Headers;
use crate::Known;
use crate::KnownSet;
use crate::Method;
use crate::ResponseHead;

/// The first line of a request to an upstream.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, already escaped.
    pub path: &'a [u8],
    /// The query behind a `?`, already escaped; an empty one is kept.
    pub query: Option<&'a [u8]>,
}

/// Writes the first line of a request head; header lines follow, then [`end_head`].
#[inline]
pub fn begin_request(out: &mut Vec<u8>, line: RequestLine<'_>) {
    out.extend_from_slice(line.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(line.path);
    if let Some(query) = line.query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Writes the last lines of a head: the body's framing and `connection` (`keep-alive`, `close`, `keep-alive, Upgrade`).
#[inline]
pub fn end_head(out: &mut Vec<u8>, framing: Framing, connection: &str) {
    framing_header(out, framing);
    connection_header(out, connection);
    out.extend_from_slice(b"\r\n");
}

/// Writes a response head: status line, all headers but `skip`, then the framing that is told (to HEAD and with 304 a
/// length may be told though no body follows) and `connection`. The version is 1.1 always, as nginx's.
pub fn response_head(out: &mut Vec<u8>, head: &ResponseHead, skip: KnownSet, framing: Framing, connection: &str) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(Decimal::of(u64::from(head.status.code())).as_bytes());
    out.push(b' ');
    match &head.reason {
        Some(reason) => out.extend_from_slice(reason),
        None => out.extend_from_slice(head.status.reason().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
    // Beside one of the head's own (`Connection: Upgrade` of a 426) ours goes first, as nginx's does.
    let beside = head.headers.may_have(KnownSet::EMPTY.with(Known::Connection));
    if beside {
        connection_header(out, connection);
    }
    head.headers.encode(out, skip);
    framing_header(out, framing);
    if !beside {
        connection_header(out, connection);
    }
    out.extend_from_slice(b"\r\n");
}

fn framing_header(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(Decimal::of(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

fn connection_header(out: &mut Vec<u8>, connection: &str) {
    out.extend_from_slice(b"Connection: ");
    out.extend_from_slice(connection.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes the line before a chunk of `length` bytes. The data and a CRLF follow. Returns how many bytes it wrote.
pub fn chunk_header(length: usize, out: &mut [u8; 18]) -> usize {
    let digits = ((usize::BITS - length.leading_zeros()).div_ceil(4)).max(1) as usize;
    for (at, digit) in out[..digits].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(length >> ((digits - 1 - at) * 4)) & 15];
    }
    out[digits..digits + 2].copy_from_slice(b"\r\n");
    digits + 2
}

/// Writes the last chunk and the trailers, hop-by-hop ones left out.
pub fn trailers(out: &mut Vec<u8>, trailers: Option<&Headers>) {
    out.extend_from_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        trailers.encode(out, KnownSet::HOP_BY_HOP.with(Known::Host).with(Known::Te).with(Known::Trailer));
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    #[test]
    fn writes_heads() {
        let headers: Headers = [("Host", "a"), ("Connection", "x"), ("X-A", "1")].into_iter().collect();
        let mut out = Vec::new();
        let line = RequestLine { method: &Method::Post, path: b"/a", query: Some(b"b") };
        begin_request(&mut out, line);
        headers.encode(&mut out, KnownSet::HOP_BY_HOP);
        end_head(&mut out, Framing::Length(10), "keep-alive");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "POST /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nContent-Length: 10\r\nConnection: keep-alive\r\n\r\n"
        );
        out.clear();
        let mut head = ResponseHead { status: Status::NOT_FOUND, ..ResponseHead::default() };
        head.headers.append("X-A", "1");
        response_head(&mut out, &head, KnownSet::HOP_BY_HOP, Framing::Chunked, "close");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn writes_chunks() {
        for (length, want) in [(0, "0\r\n"), (1, "1\r\n"), (16, "10\r\n"), (0xabcd, "abcd\r\n"), (65536, "10000\r\n")] {
            let mut out = [0; 18];
            let written = chunk_header(length, &mut out);
            assert_eq!(&out[..written], want.as_bytes());
        }
        let mut out = Vec::new();
        trailers(&mut out, Some(&[("X-T", "1"), ("Content-Length", "2")].into_iter().collect()));
        assert_eq!(out, b"0\r\nX-T: 1\r\n\r\n");
    }
}
