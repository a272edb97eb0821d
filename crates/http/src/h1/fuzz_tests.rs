//! Random bytes: nothing panics, and what comes in pieces is read as what comes at once.

use super::*;
use crate::Framing;
use crate::KnownSet;
use crate::RequestHead;
use crate::ResponseHead;

/// A small generator, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// Text made of pieces that matter to the parsers, sometimes with a byte changed.
    fn text(&mut self, pieces: &[&str]) -> Vec<u8> {
        let mut text: Vec<u8> = Vec::new();
        for _ in 0..self.below(12) {
            text.extend_from_slice(pieces[self.below(pieces.len())].as_bytes());
        }
        for _ in 0..self.below(3) {
            if !text.is_empty() {
                let at = self.below(text.len());
                text[at] = b"\r\n\0 :;a0\t\xff"[self.below(10)];
            }
        }
        text
    }
}

const REQUEST: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.0\r\n",
    "Host: a\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close, x\r\n",
    "nocolon\r\n",
    "X: \r\n",
    "a@b: 1\r\n",
    "\r\n",
    "\n",
    " ",
];

#[test]
fn requests_in_pieces_are_requests_at_once() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let mut text = b"GET / HTTP/1.1\r\nHost: a\r\n"[..random.below(26)].to_vec();
        text.extend(random.text(REQUEST));
        let limits = Limits::default();
        let (mut whole, mut pieces) = (RequestHead::default(), RequestHead::default());
        let at_once = parse_request(&text, &limits, &mut Progress::default(), &mut whole);
        let mut progress = Progress::default();
        let mut end = 0;
        let in_pieces = loop {
            end = (end + 1 + random.below(9)).min(text.len());
            let result = parse_request(&text[..end], &limits, &mut progress, &mut pieces);
            if result != Ok(None) || end == text.len() {
                break result;
            }
        };
        // In pieces an error is seen when the head looks whole; until then the parser may still wait.
        if at_once.is_ok_and(|length| length.is_some()) || in_pieces != Ok(None) {
            assert_eq!(at_once, in_pieces, "{:?}", String::from_utf8_lossy(&text));
            assert_eq!(whole.headers, pieces.headers, "{:?}", String::from_utf8_lossy(&text));
        }
        let mut out = Vec::new();
        whole.headers.encode(&mut out, KnownSet::EMPTY);
        assert!(out.is_empty() || at_once.is_err() || at_once == Ok(None) || out.ends_with(b"\r\n"));
    }
}

#[test]
fn responses_never_panic() {
    let mut random = Random(0xdead_beef_1234_5678);
    let context = ResponseContext { to_head: false, upgrade: true, limit: 4096 };
    for _ in 0..20_000 {
        let mut text = b"HTTP/1.1 200 OK\r\nX: 1\r\n"[..random.below(24)].to_vec();
        text.extend(random.text(REQUEST));
        let mut head = ResponseHead::default();
        let result = parse_response(&text, context, &mut Progress::default(), &mut head);
        if let Ok(Some(length)) = result {
            assert!(length <= text.len());
            let mut out = Vec::new();
            head.headers.encode(&mut out, KnownSet::EMPTY);
            assert!(out.is_empty() || out.ends_with(b"\r\n"));
        }
    }
}

const CHUNKS: &[&str] =
    &["3\r\nabc\r\n", "1;x=y\r\n-\r\n", "0\r\n", "\r\n", "X-T: 1\r\n", "a", ";", "00000000000000001"];

/// Reads a body given in steps; what data it had, and how many bytes belong to it once it is over.
fn read(text: &[u8], mut step: impl FnMut() -> usize) -> Result<(Vec<u8>, Option<usize>), BadBody> {
    let mut reader = BodyReader::new(Framing::Chunked);
    let mut data = Vec::new();
    let (mut at, mut end) = (0, 0);
    while end < text.len() && !reader.is_done() {
        end = (end + step()).min(text.len());
        while at < end && !reader.is_done() {
            let piece = reader.next(&text[at..end])?;
            data.extend_from_slice(&text[at..end][piece.data]);
            at += piece.consumed;
        }
    }
    let _ = reader.trailers();
    Ok((data, reader.is_done().then_some(at)))
}

#[test]
fn chunks_in_pieces_are_chunks_at_once() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for _ in 0..20_000 {
        let text = random.text(CHUNKS);
        let at_once = read(&text, || text.len());
        let in_pieces = read(&text, || 1 + random.below(3));
        assert_eq!(at_once, in_pieces, "{:?}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn chunked_bodies() {
    type Want = Result<(&'static str, bool), BadBody>;
    let cases: &[(&str, Want)] = &[
        ("3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n", Ok(("abcdefg", true))),
        ("3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", Ok(("abc", true))),
        ("A\r\n0123456789\r\n0\r\n\r\n", Ok(("0123456789", true))),
        ("3\r\nab", Ok(("ab", false))),
        ("3\nabc\r\n", Err(BadBody::Size)),
        ("\r\n", Err(BadBody::Size)),
        ("0x3\r\nabc", Err(BadBody::Size)),
        ("-1\r\n", Err(BadBody::Size)),
        ("3 \r\nabc", Err(BadBody::Size)),
        ("3\r\rabc", Err(BadBody::Size)),
        ("1000000000000000\r\n", Err(BadBody::Size)),
        ("3;a\nabc", Err(BadBody::Extension)),
        ("3;a\rabc", Err(BadBody::Size)),
        ("3\r\nabcd", Err(BadBody::End)),
        ("3\r\nabc\n", Err(BadBody::End)),
        ("0\r\nX : 1\r\n\r\n", Err(BadBody::Trailer)),
        ("0\r\nX: 1\n\r\n", Err(BadBody::Trailer)),
        ("0\r\nnocolon\r\n\r\n", Err(BadBody::Trailer)),
    ];
    for (text, want) in cases {
        let got = read(text.as_bytes(), || text.len())
            .map(|(data, end)| (String::from_utf8(data).expect("test data is text"), end.is_some()));
        assert_eq!(got, want.map(|(data, done)| (data.to_owned(), done)), "{text:?}");
    }
    let mut reader = ChunkedReader::default();
    let text = b"0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(reader.next(text).expect("well-formed").consumed, text.len());
    let trailers = reader.trailers().expect("one is left");
    assert_eq!((trailers.len(), trailers.get("x-t")), (1, Some(&b"1"[..])));
}
