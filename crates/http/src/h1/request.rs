//! Request heads, read strictly: what nginx refuses is refused, and so is every ambiguity that two parsers could read
//! in two ways (RFC 9112 §11.2). It answers nothing; what was understood before an error stays in the head, for the
//! answer depends on its Accept.

use super::BadRequest;
use super::Progress;
use super::line;
use super::line::Line;
use super::line::Name;
use super::lines::LineEnd;
use super::lines::Lines;
use crate::Framing;
use crate::Known;
use crate::KnownSet;
use crate::Method;
use crate::RequestHead;
use crate::Version;
use crate::host;
use crate::scan;

/// How large a request head may be: nginx's buffers, into which its lines must fit without being broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the first buffer (`client_header_buffer_size`).
    pub first: usize,
    /// Bytes of each further buffer (`large_client_header_buffers`); no line may be longer.
    pub buffer: usize,
    /// How many further buffers there are.
    pub buffers: usize,
    /// How many header lines there may be.
    pub fields: usize,
}

impl Default for Limits {
    /// nginx's defaults: 1 KB, then four of 8 KB. It has no limit on the number of lines; 1,000 is ours.
    fn default() -> Self {
        Self { first: 1024, buffer: 8192, buffers: 4, fields: 1000 }
    }
}

impl Limits {
    /// Bytes after which no head can be within the limits.
    pub const fn most(&self) -> usize {
        self.first + self.buffer * self.buffers
    }

    /// Packs the lines of `buf`, whole or not, into the buffers as nginx does.
    fn check(&self, buf: &[u8]) -> Result<(), BadRequest> {
        if buf.len() <= self.first || (buf.len() <= self.buffer && self.buffers > 1) {
            return Ok(());
        }
        let (mut used, mut room) = (0, self.first);
        for (index, line) in buf.split_inclusive(|b| *b == b'\n').enumerate() {
            if line.len() > room {
                let error = if index == 0 { BadRequest::TargetTooLong } else { BadRequest::HeadTooLarge };
                if line.len() > self.buffer || used == self.buffers {
                    return Err(error);
                }
                used += 1;
                room = self.buffer;
            }
            room -= line.len();
            if index > 0 && line == b"\r\n" {
                break;
            }
        }
        Ok(())
    }
}

/// Reads a request head from the start of `buf` into `head` and returns its length; `None` if it is not whole yet, then
/// call again with more bytes behind the same ones.
///
/// Empty lines before the request line are skipped and count (RFC 9112 §2.2). `head` is overwritten; after an error it
/// holds what was understood.
///
/// # Errors
/// The first rule that is broken. The error may come before the head is whole.
pub fn parse_request(
    buf: &[u8],
    limits: &Limits,
    progress: &mut Progress,
    head: &mut RequestHead,
) -> Result<Option<usize>, BadRequest> {
    if !progress.may_be_whole(buf) {
        return match limits.check(buf) {
            Ok(()) => Ok(None),
            Err(error) => {
                // For its Accept, which decides what the error page looks like.
                let _ = parse(buf, limits, head);
                Err(too_large(error, head))
            }
        };
    }
    let parsed = parse(buf, limits, head)?;
    match limits.check(&buf[..parsed.unwrap_or(buf.len())]) {
        Ok(()) => Ok(parsed),
        Err(error) => Err(too_large(error, head)),
    }
}

/// Bytes of empty lines that may stand before a request line; else they would come without end.
const EMPTY_LINES: usize = 1024;

/// nginx never looks at the headers behind a request line that is too long.
fn too_large(error: BadRequest, head: &mut RequestHead) -> BadRequest {
    if error == BadRequest::TargetTooLong {
        head.headers.clear();
    }
    error
}

fn parse(buf: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<Option<usize>, BadRequest> {
    head.clear();
    let mut start = 0;
    while buf[start..].starts_with(b"\r\n") {
        start += 2;
        if start > EMPTY_LINES {
            return Err(BadRequest::RequestLine);
        }
    }
    let buf = &buf[start..];
    let mut lines = Lines::new(buf);
    let (at, next) = match lines.next().0 {
        LineEnd::At { at, next, bare_lf: false } => (at, next),
        LineEnd::Missing => return Ok(None),
        other => return Err(bad_end(other)),
    };
    request_line(&buf[..at], head)?;
    lines.has_control = false;
    let length = fields(buf, &mut lines, next, limits, head)?;
    Ok(length.map(|length| start + length))
}

fn bad_end(end: LineEnd) -> BadRequest {
    match end {
        LineEnd::Nul => BadRequest::Nul,
        LineEnd::BareCr => BadRequest::BareCr,
        _ => BadRequest::BareLf,
    }
}

fn request_line(line: &[u8], head: &mut RequestHead) -> Result<(), BadRequest> {
    if line == b"PRI * HTTP/2.0" {
        return Err(BadRequest::Preface);
    }
    let first = scan::find(b' ', line).ok_or(BadRequest::RequestLine)?;
    head.method = Method::parse(&line[..first]).ok_or(BadRequest::Method)?;
    let rest = &line[first + 1..];
    let last = memchr::memrchr(b' ', rest).ok_or(BadRequest::RequestLine)?;
    let target = head.target.receive(&rest[..last], &head.method);
    head.version = version(&rest[last + 1..])?;
    target.map_err(BadRequest::Target)?;
    match head.method {
        Method::Connect | Method::Trace => Err(BadRequest::MethodRefused),
        _ => Ok(()),
    }
}

fn version(text: &[u8]) -> Result<Version, BadRequest> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            match major {
                b'0' => Err(BadRequest::Version),
                _ => Err(BadRequest::VersionRefused),
            }
        }
        _ => Err(BadRequest::Version),
    }
}

/// What the framing headers said, gathered while the fields pass by.
#[derive(Default)]
struct Seen {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    colonless: bool,
}

fn fields(
    buf: &[u8],
    lines: &mut Lines<'_>,
    mut at: usize,
    limits: &Limits,
    head: &mut RequestHead,
) -> Result<Option<usize>, BadRequest> {
    let offset = at;
    let mut seen = Seen::default();
    // The bytes are taken over once, when their end is known; until then spans count from `offset`.
    loop {
        let (end, next, colon) = match lines.next() {
            (LineEnd::At { at, next, bare_lf: false }, colon) => (at, next, colon),
            (LineEnd::Missing, _) => {
                head.headers.adopt(&buf[offset..at]);
                return Ok(None);
            }
            (other, _) => {
                head.headers.adopt(&buf[offset..at]);
                return Err(bad_end(other));
            }
        };
        if end == at {
            head.headers.adopt(&buf[offset..next]);
            if lines.has_control {
                return Err(BadRequest::Control);
            }
            if seen.colonless {
                head.headers.mend();
            }
            return finish(&seen, head).map(|()| Some(next));
        }
        let line = line::split(&buf[at..end], colon.map(|colon| colon - at));
        if let Err(error) = field(&buf[at..end], line, (at - offset, next - offset), &mut seen, limits, head) {
            head.headers.adopt(&buf[offset..at]);
            return Err(error);
        }
        at = next;
    }
}

fn field(
    text: &[u8],
    line: Line,
    (start, end): (usize, usize),
    seen: &mut Seen,
    limits: &Limits,
    head: &mut RequestHead,
) -> Result<(), BadRequest> {
    if matches!(text[0], b' ' | b'\t') {
        return Err(BadRequest::Folded);
    }
    let Line { kind, known, name_len, value } = line;
    match kind {
        Name::Bad => return Err(BadRequest::HeaderName),
        // To some these are spaces.
        Name::Odd if !text[..name_len].is_ascii() => return Err(BadRequest::HeaderName),
        Name::Odd => return Ok(()),
        Name::Plain => {}
    }
    if head.headers.len() >= limits.fields {
        return Err(BadRequest::HeadTooLarge);
    }
    if known != Known::Other {
        note(known, &text[value.0..value.1], seen, head)?;
    }
    // nginx takes a line without colon for a name with an empty value; it gets its colon before it goes on.
    seen.colonless |= name_len == text.len();
    head.headers.push_span(known, start, name_len, (start + value.0, start + value.1), end);
    Ok(())
}

#[inline]
fn note(known: Known, value: &[u8], seen: &mut Seen, head: &mut RequestHead) -> Result<(), BadRequest> {
    match known {
        Known::Host => {
            seen.hosts += 1;
            if seen.hosts > 1 {
                return Err(BadRequest::ManyHosts);
            }
            if !host::is_valid(value) {
                return Err(BadRequest::Host);
            }
        }
        Known::ContentLength => {
            let length = line::length(value).ok_or(BadRequest::Length)?;
            if seen.length.replace(length).is_some() {
                return Err(BadRequest::ManyLengths);
            }
        }
        Known::TransferEncoding => {
            if seen.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadRequest::Encoding);
            }
            if head.version == Version::Http10 {
                return Err(BadRequest::EncodingIn10);
            }
            seen.chunked = true;
        }
        Known::Expect => head.expects_continue |= value.eq_ignore_ascii_case(b"100-continue"),
        _ => {}
    }
    Ok(())
}

/// Draws the conclusions once all fields are there.
fn finish(seen: &Seen, head: &mut RequestHead) -> Result<(), BadRequest> {
    if seen.chunked && seen.length.is_some() {
        return Err(BadRequest::LengthAndEncoding);
    }
    if seen.hosts == 0 && head.version == Version::Http11 {
        return Err(BadRequest::NoHost);
    }
    if let (Some(authority), Some(host)) = (head.target.authority(), head.headers.known(Known::Host))
        && !host::is_same(authority, host, head.target.default_port())
    {
        return Err(BadRequest::OtherHost);
    }
    head.framing = match (seen.chunked, seen.length) {
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::None,
    };
    let http11 = head.version == Version::Http11;
    head.persistent = http11;
    if head.headers.may_have(KnownSet::EMPTY.with(Known::Connection)) {
        let has = |token| head.headers.has_token(Known::Connection, token);
        head.persistent = !has("close") && (http11 || has("keep-alive"));
        let asks = http11 && has("upgrade");
        head.upgrade =
            asks && head.headers.only(Known::Upgrade).is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
    }
    head.expects_continue &= http11;
    Ok(())
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
