//! Response heads of upstreams. As tolerant as nginx where that was recorded (a bare LF, a line without colon, no reason
//! phrase), and strict about framing, for a wrong guess there mixes up answers.

use super::BadResponse;
use super::Progress;
use super::line;
use super::line::Line;
use super::line::Name;
use super::lines::LineEnd;
use super::lines::Lines;
use crate::Framing;
use crate::Known;
use crate::KnownSet;
use crate::ResponseHead;
use crate::Status;
use crate::Version;

/// What of the request decides how an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseContext {
    /// Whether the request was HEAD: no body follows, whatever the headers say.
    pub to_head: bool,
    /// Whether the request asked to switch protocols; else 101 is refused.
    pub upgrade: bool,
    /// Bytes a head may have (nginx's `proxy_buffer_size` is a page; ours is the caller's choice).
    pub limit: usize,
}

/// Reads a response head from the start of `buf` into `head` and returns its length; `None` if it is not whole yet, then
/// call again with more bytes behind the same ones. Interim answers (1xx) are returned as any other.
///
/// # Errors
/// The first rule that is broken; the connection must not be used again.
pub fn parse_response(
    buf: &[u8],
    context: ResponseContext,
    progress: &mut Progress,
    head: &mut ResponseHead,
) -> Result<Option<usize>, BadResponse> {
    let parsed = match progress.may_be_whole(buf) {
        true => parse(buf, context, head)?,
        false => None,
    };
    match parsed.unwrap_or(buf.len()) > context.limit {
        true => Err(BadResponse::TooLarge),
        false => Ok(parsed),
    }
}

fn parse(buf: &[u8], context: ResponseContext, head: &mut ResponseHead) -> Result<Option<usize>, BadResponse> {
    head.clear();
    let mut lines = Lines::new(buf);
    let (end, offset, mut lax) = match lines.next().0 {
        LineEnd::At { at, next, bare_lf } => (at, next, bare_lf),
        LineEnd::Missing if b"HTTP/1.".starts_with(&buf[..buf.len().min(7)]) => return Ok(None),
        _ => return Err(BadResponse::StatusLine),
    };
    if std::mem::take(&mut lines.has_control) {
        return Err(BadResponse::StatusLine);
    }
    status_line(&buf[..end], head)?;
    let mut length = None;
    let mut chunked = false;
    let mut at = offset;
    loop {
        let (end, next, colon) = match lines.next() {
            (LineEnd::At { at, next, bare_lf }, colon) => {
                lax |= bare_lf;
                (at, next, colon)
            }
            (LineEnd::Missing, _) => return Ok(None),
            _ => return Err(BadResponse::Header),
        };
        if end == at {
            head.headers.adopt(&buf[offset..at]);
            if lines.has_control {
                return Err(BadResponse::Header);
            }
            if lax {
                head.headers.mend();
            }
            return finish(context, length, chunked, head).map(|()| Some(next));
        }
        let text = &buf[at..end];
        let Line { kind, known, name_len, value } = line::split(text, colon.map(|colon| colon - at));
        if kind == Name::Bad {
            return Err(BadResponse::Header);
        }
        if kind == Name::Plain {
            note(known, &text[value.0..value.1], &mut length, &mut chunked)?;
            lax |= name_len == text.len();
            let start = at - offset;
            head.headers.push_span(known, start, name_len, (start + value.0, start + value.1), next - offset);
        }
        at = next;
    }
}

/// Reads `HTTP/1.x SP code [SP reason]`.
fn status_line(line: &[u8], head: &mut ResponseHead) -> Result<(), BadResponse> {
    let (version, rest) = match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', rest @ ..] if minor.is_ascii_digit() => (*minor, rest),
        _ => return Err(BadResponse::StatusLine),
    };
    head.version = if version == b'0' { Version::Http10 } else { Version::Http11 };
    let (code, reason) = match rest {
        [a, b, c, tail @ ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => {
            (u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'), tail)
        }
        _ => return Err(BadResponse::StatusLine),
    };
    head.status = Status::new(code).ok_or(BadResponse::StatusLine)?;
    let reason = match reason {
        [] => &[][..],
        [b' ', reason @ ..] => reason,
        _ => return Err(BadResponse::StatusLine),
    };
    if reason != head.status.reason().as_bytes() {
        head.reason = Some(reason.to_vec());
    }
    Ok(())
}

fn note(known: Known, value: &[u8], length: &mut Option<u64>, chunked: &mut bool) -> Result<(), BadResponse> {
    match known {
        Known::ContentLength => {
            let told = line::length(value).ok_or(BadResponse::Length)?;
            if length.replace(told).is_some() {
                return Err(BadResponse::ManyLengths);
            }
        }
        Known::TransferEncoding => {
            if *chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadResponse::Encoding);
            }
            *chunked = true;
        }
        _ => {}
    }
    Ok(())
}

/// Decides what follows the head (RFC 9112 §6.3) and whether the connection may stay.
fn finish(
    context: ResponseContext,
    length: Option<u64>,
    chunked: bool,
    head: &mut ResponseHead,
) -> Result<(), BadResponse> {
    if chunked && length.is_some() {
        return Err(BadResponse::LengthAndEncoding);
    }
    if head.status == Status::SWITCHING_PROTOCOLS && !(context.upgrade && switches_to_websocket(head)) {
        return Err(BadResponse::Switch);
    }
    head.length = length;
    head.framing = match (chunked, length) {
        _ if context.to_head || head.status.is_bodiless() => Framing::None,
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    };
    head.persistent = head.version == Version::Http11;
    if head.headers.may_have(KnownSet::EMPTY.with(Known::Connection)) {
        let has = |token| head.headers.has_token(Known::Connection, token);
        head.persistent = !has("close") && (head.persistent || has("keep-alive"));
    }
    // Chunks in HTTP/1.0 are a sign of framing that was mixed up on the way (RFC 9112 §6.1).
    let mixed_up = chunked && head.version == Version::Http10;
    head.persistent &= head.framing != Framing::UntilClose && head.status != Status::SWITCHING_PROTOCOLS && !mixed_up;
    Ok(())
}

/// Tells whether a 101 says what was asked for: nothing else is switched to.
fn switches_to_websocket(head: &ResponseHead) -> bool {
    let named = head.headers.only(Known::Upgrade).is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
    named && head.version == Version::Http11
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
