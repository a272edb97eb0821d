//! A client that writes HTTP/2 frames by hand, for header lists that no library would send. It reads of the answer what
//! the cases need: statuses and how streams end.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use gibbon_testkit::h2::frame;

use crate::answers::Answer;

/// Names and values.
type Fields = [(Vec<u8>, Vec<u8>)];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LARGEST_FRAME: usize = 16_384;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends a request on stream 1 and the sentinel on stream 3, and returns their answers, and whether stream 1 (or the
/// connection) was cut instead of being answered.
pub(crate) fn exchange(
    port: u16,
    fields: &Fields,
    body: Option<&[u8]>,
    trailers: &Fields,
) -> anyhow::Result<(Vec<Answer>, bool)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut out = PREFACE.to_vec();
    out.extend(frame(SETTINGS, 0, 0, &[]));
    head(&mut out, 1, fields, if body.is_none() && trailers.is_empty() { END_STREAM } else { 0 });
    if let Some(body) = body {
        out.extend(frame(DATA, if trailers.is_empty() { END_STREAM } else { 0 }, 1, body));
    }
    if !trailers.is_empty() {
        head(&mut out, 1, trailers, END_STREAM);
    }
    let sentinel = [(":method", "GET"), (":scheme", "http"), (":path", "/sentinel"), (":authority", "a.test")];
    head(&mut out, 3, &sentinel.map(|(name, value)| (name.into(), value.into())), END_STREAM);
    stream.write_all(&out)?;

    let (mut first, mut second) = (Stream::default(), Stream::default());
    while let Some((kind, flags, id, payload)) = next(&mut stream) {
        let of = if id == 1 { &mut first } else { &mut second };
        match kind {
            HEADERS if of.status.is_none() => of.status = Some(status(&payload)),
            SETTINGS if flags == 0 => {
                stream.write_all(&frame(SETTINGS, 1, 0, &[])).ok();
            }
            RESET => of.cut = true,
            GO_AWAY => break,
            _ => {}
        }
        of.ended |= matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
        if (first.ended || first.cut) && (second.ended || second.cut) {
            break;
        }
    }
    let cut = first.cut || !first.ended;
    let answers = [first, second].iter().filter(|stream| stream.ended).filter_map(Stream::answer).collect();
    Ok((answers, cut))
}

/// What came back on a stream.
#[derive(Default)]
struct Stream {
    status: Option<u16>,
    ended: bool,
    cut: bool,
}

impl Stream {
    fn answer(&self) -> Option<Answer> {
        self.status.map(|status| Answer { status, head: String::new(), body: Vec::new(), whole: true })
    }
}

/// Reads a frame; `None` at the end of the connection.
fn next(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// Writes a header block: literals that are not indexed, as they are.
fn head(out: &mut Vec<u8>, id: u32, fields: &Fields, flags: u8) {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            number(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    let pieces: Vec<_> = block.chunks(LARGEST_FRAME).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let end = if at + 1 == pieces.len() { END_HEADERS } else { 0 };
        match at {
            0 => out.extend(frame(HEADERS, flags | end, id, piece)),
            _ => out.extend(frame(CONTINUATION, end, id, piece)),
        }
    }
}

/// A length in HPACK's form with seven bits in its first byte (RFC 7541 §5.1).
fn number(out: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        out.push(value as u8);
        return;
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push((value % 128 + 128) as u8);
        value /= 128;
    }
    out.push(value as u8);
}

/// The status at the start of a response's header block; 0 where it stands in the dynamic table.
fn status(block: &[u8]) -> u16 {
    let start = block.iter().position(|b| b & 0xe0 != 0x20).unwrap_or_default();
    let text = match block.get(start..) {
        Some([indexed @ 0x88..=0x8e, ..]) => return [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        Some([0x48 | 0x08 | 0x18, length, rest @ ..]) if length & 0x80 != 0 => digits(rest),
        Some([0x48 | 0x08 | 0x18, 3, rest @ ..]) => String::from_utf8_lossy(&rest[..3]).into_owned(),
        _ => String::new(),
    };
    text.parse().unwrap_or_default()
}

/// Three digits in HPACK's Huffman code (RFC 7541, appendix B): 0 to 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().take(4).flat_map(|b| (0..8).rev().map(move |at| b >> at & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit);
    let (mut text, mut at) = (String::new(), 0);
    while text.len() < 3 && at + 6 <= bits.len() {
        let (digit, length) = match value(&bits[at..at + 5]) {
            short @ 0..=2 => (short, 5),
            _ => (value(&bits[at..at + 6]).wrapping_sub(0x19).wrapping_add(3), 6),
        };
        text.push(char::from(b'0'.wrapping_add(digit)));
        at += length;
    }
    text
}
