//! Response heads and the bodies behind them, chunked ones above all.

use gibbon_http::Framing;
use gibbon_http::KnownSet;
use gibbon_http::ResponseHead;
use gibbon_http::Status;
use gibbon_http::h1;

use crate::steps;

/// The first byte says what the request was; an odd one that no head follows but a chunked body.
/// - A head in pieces is read as at once, and what is written for the client is read as the same answer;
/// - a body in pieces is read as at once;
/// - the chunked coding is read as a slow, plain reader reads it, and what is coded again is read again.
pub fn response(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    if flags & 1 == 1 {
        return chunked(data);
    }
    let context = h1::ResponseContext { to_head: flags & 2 != 0, upgrade: flags & 4 != 0, limit: 16 * 1024 };
    let mut head = ResponseHead::default();
    let at_once = h1::parse_response(data, context, &mut h1::Progress::default(), &mut head);
    in_pieces(data, context, at_once, &head);
    let Ok(Some(length)) = at_once else { return };
    // A switch of protocols is written with the Upgrade header that this leaves out.
    if head.status != 101 {
        head_is_read_alike(&head, context);
    }
    let body = &data[length..];
    assert_eq!(read(body, head.framing, || body.len()), read(body, head.framing, steps(body)));
}

fn in_pieces(
    data: &[u8],
    context: h1::ResponseContext,
    at_once: Result<Option<usize>, h1::BadResponse>,
    head: &ResponseHead,
) {
    let (mut pieces, mut progress, mut step) = (ResponseHead::default(), h1::Progress::default(), steps(data));
    let mut end = 0;
    let in_pieces = loop {
        end = (end + step()).min(data.len());
        let result = h1::parse_response(&data[..end], context, &mut progress, &mut pieces);
        if result != Ok(None) || end == data.len() {
            break result;
        }
    };
    if at_once.is_ok_and(|length| length.is_some()) || in_pieces.is_ok_and(|length| length.is_some()) {
        assert_eq!(at_once, in_pieces);
        assert_eq!(head.headers, pieces.headers);
        assert_eq!((head.framing, head.status, &head.reason), (pieces.framing, pieces.status, &pieces.reason));
    }
}

/// What goes to the client for this answer is read as this answer, by us and by httparse.
fn head_is_read_alike(head: &ResponseHead, context: h1::ResponseContext) {
    let mut wire = Vec::new();
    let skip = KnownSet::HOP_BY_HOP;
    h1::response_head(&mut wire, head, skip, head.framing, "close");
    let wide = h1::ResponseContext { limit: 1 << 20, upgrade: true, ..context };
    let mut again = ResponseHead::default();
    let read = h1::parse_response(&wire, wide, &mut h1::Progress::default(), &mut again);
    assert_eq!(read, Ok(Some(wire.len())), "{}", String::from_utf8_lossy(&wire));
    assert_eq!((again.status, &again.reason, again.framing), (head.status, &head.reason, head.framing));
    let mut fields = vec![httparse::EMPTY_HEADER; 16 * 1024];
    let mut other = httparse::Response::new(&mut fields);
    match other.parse(&wire) {
        Ok(httparse::Status::Complete(length)) => {
            assert_eq!(length, wire.len());
            assert_eq!(other.code, Some(head.status.code()));
            let ours: Vec<_> = again.headers.iter().collect();
            let theirs: Vec<_> = other.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
            assert_eq!(ours, theirs);
        }
        Ok(httparse::Status::Partial) => panic!("httparse waits for more: {}", String::from_utf8_lossy(&wire)),
        // It takes no control bytes in values and reasons; clients that refuse what an upstream wrote are safe.
        Err(_) => assert!(
            !wire.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | b' '..=b'~'))
                || head.status == Status::SWITCHING_PROTOCOLS
        ),
    }
}

/// What a body was read as: its data, and how many bytes belong to it once it is over.
type Body = Result<(Vec<u8>, Option<usize>), h1::BadBody>;

fn read(text: &[u8], framing: Framing, mut step: impl FnMut() -> usize) -> Body {
    let mut reader = h1::BodyReader::new(framing);
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

fn chunked(text: &[u8]) {
    let at_once = read(text, Framing::Chunked, || text.len());
    assert_eq!(at_once, read(text, Framing::Chunked, steps(text)));
    match (plain(text), &at_once) {
        (Plain::Whole(data, length), Ok((got, Some(at)))) => assert_eq!((&data, length), (got, *at)),
        (Plain::Partial, Ok((_, None))) | (Plain::Wrong, Err(_)) => {}
        // The plain reader sees a mistake only where an element ends.
        (Plain::Partial, Err(_)) => {}
        (want, got) => panic!("{want:?}, but got {got:?}"),
    }
    let Ok((data, Some(_))) = at_once else { return };
    let mut again = Vec::new();
    for chunk in data.chunks(7) {
        let mut line = [0; 18];
        let length = h1::chunk_header(chunk.len(), &mut line);
        again.extend_from_slice(&line[..length]);
        again.extend_from_slice(chunk);
        again.extend_from_slice(b"\r\n");
    }
    h1::trailers(&mut again, None);
    assert_eq!(read(&again, Framing::Chunked, || again.len()), Ok((data, Some(again.len()))));
}

/// What the plain reader makes of a chunked body.
#[derive(Debug)]
enum Plain {
    Whole(Vec<u8>, usize),
    Partial,
    Wrong,
}

/// Reads RFC 9112 section 7.1 element by element, looking for the end of each first.
fn plain(text: &[u8]) -> Plain {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = line(&text[at..]) else { return Plain::Partial };
        at += line.len() + 2;
        let (size, extension) = match line.iter().position(|byte| *byte == b';') {
            Some(semicolon) => (&line[..semicolon], &line[semicolon + 1..]),
            None => (line, &[][..]),
        };
        let digits = std::str::from_utf8(size).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(size) = digits.filter(|text| text.len() <= 15).and_then(|text| u64::from_str_radix(text, 16).ok())
        else {
            return Plain::Wrong;
        };
        if extension.len() > 4096 || extension.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Plain::Wrong;
        }
        if size == 0 {
            break;
        }
        let rest = &text[at..];
        let Some(end) = usize::try_from(size).ok().filter(|size| *size < rest.len().saturating_sub(1)) else {
            return Plain::Partial;
        };
        data.extend_from_slice(&rest[..end]);
        if &rest[end..end + 2] != b"\r\n" {
            return Plain::Wrong;
        }
        at += end + 2;
    }
    let start = at;
    loop {
        let Some(line) = line(&text[at..]) else { return Plain::Partial };
        at += line.len() + 2;
        if at - start > 8192 {
            return Plain::Wrong;
        }
        if line.is_empty() {
            return Plain::Whole(data, at);
        }
        let name = line.iter().position(|byte| *byte == b':').map_or(&[][..], |colon| &line[..colon]);
        let bad = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
        if name.is_empty() || name.iter().any(bad) || line.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Plain::Wrong;
        }
    }
}

/// Returns the bytes before the first CRLF.
fn line(text: &[u8]) -> Option<&[u8]> {
    text.windows(2).position(|pair| pair == b"\r\n").map(|end| &text[..end])
}
