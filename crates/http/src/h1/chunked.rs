//! The chunked coding (RFC 9112 §7.1), read byte for byte strictly and without copying data. Extensions are checked and
//! dropped; trailers are kept for whoever asks.
//!
//! ```text
//! Size ─hex→ Size ─;→ Extension ─CR→ SizeLf ─LF→ Data ─all→ DataCr ─CR→ DataLf ─LF→ Size
//!                └──CR──────────────────┘  └─size 0→ Trailer ─empty line→ Done
//! ```

use super::BadBody;
use super::line;
use super::line::Line;
use super::line::Name;
use super::lines::LineEnd;
use super::lines::Lines;
use super::reader::Piece;
use crate::Headers;
use crate::Known;
use crate::KnownSet;
use crate::percent::hex;

/// Bytes the extensions of one chunk may have.
const EXTENSION_LIMIT: u16 = 4096;
/// Bytes all extensions of a body may have (CVE-2023-39326 was a lack of that bound).
const EXTENSIONS_LIMIT: u32 = 64 * 1024;
/// Bytes all trailers may have.
const TRAILER_LIMIT: usize = 8192;

/// Headers that may not come as trailers, for they frame, route or authenticate (RFC 9110 §6.5.1).
const NOT_TRAILERS: KnownSet = KnownSet::HOP_BY_HOP
    .with(Known::Host)
    .with(Known::Te)
    .with(Known::Trailer)
    .with(Known::Expect)
    .with(Known::Authorization)
    .with(Known::ProxyAuthorization)
    .with(Known::Cookie)
    .with(Known::SetCookie)
    .with(Known::ContentType)
    .with(Known::ContentEncoding)
    .with(Known::CacheControl);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size; the number of digits read.
    Size(u8),
    /// In an extension; bytes read.
    Extension(u16),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
    Done,
}

/// Follows one chunked body.
#[derive(Clone, Debug)]
pub struct ChunkedReader {
    state: State,
    left: u64,
    /// Bytes of extensions so far.
    extensions: u32,
    trailer: Vec<u8>,
}

impl Default for ChunkedReader {
    fn default() -> Self {
        Self { state: State::Size(0), left: 0, extensions: 0, trailer: Vec::new() }
    }
}

impl ChunkedReader {
    /// Tells whether the body is over, trailers and all.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns the next piece of data in `buf`, or that there is none in it.
    ///
    /// # Errors
    /// Any byte that may not stand where it stands.
    pub fn next(&mut self, buf: &[u8]) -> Result<Piece, BadBody> {
        let mut at = 0;
        while at < buf.len() && self.state != State::Done {
            let byte = buf[at];
            match self.state {
                State::Size(digits) => self.size(digits, byte)?,
                State::Extension(read) => self.extension(read, byte)?,
                State::SizeLf => {
                    expect(byte, b'\n', BadBody::Size)?;
                    self.state = if self.left == 0 { State::Trailer } else { State::Data };
                }
                State::Data => {
                    let length = self.left.min((buf.len() - at) as u64) as usize;
                    self.left -= length as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Piece { data: at..at + length, consumed: at + length });
                }
                State::DataCr => {
                    expect(byte, b'\r', BadBody::End)?;
                    self.state = State::DataLf;
                }
                State::DataLf => {
                    expect(byte, b'\n', BadBody::End)?;
                    self.state = State::Size(0);
                }
                State::Trailer => self.trailer(byte)?,
                State::Done => break,
            }
            at += 1;
        }
        Ok(Piece { data: at..at, consumed: at })
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<(), BadBody> {
        if let Some(digit) = hex(byte) {
            if digits == 15 {
                return Err(BadBody::Size);
            }
            self.left = if digits == 0 { 0 } else { self.left << 4 } | u64::from(digit);
            self.state = State::Size(digits + 1);
            return Ok(());
        }
        self.state = match byte {
            _ if digits == 0 => return Err(BadBody::Size),
            b'\r' => State::SizeLf,
            b';' => State::Extension(0),
            _ => return Err(BadBody::Size),
        };
        Ok(())
    }

    fn extension(&mut self, read: u16, byte: u8) -> Result<(), BadBody> {
        self.state = match byte {
            b'\r' => State::SizeLf,
            ..=8 | b'\n'..=0x1f | 0x7f => return Err(BadBody::Extension),
            _ if read == EXTENSION_LIMIT || self.extensions == EXTENSIONS_LIMIT => return Err(BadBody::Extension),
            _ => {
                self.extensions += 1;
                State::Extension(read + 1)
            }
        };
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<(), BadBody> {
        self.trailer.push(byte);
        if self.trailer.len() > TRAILER_LIMIT {
            return Err(BadBody::Trailer);
        }
        if byte == b'\n' {
            let start = self.trailer[..self.trailer.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let text = &self.trailer[start..];
            match Lines::new(text).next() {
                (LineEnd::At { at: 0, bare_lf: false, .. }, _) => self.state = State::Done,
                (LineEnd::At { at, bare_lf: false, .. }, colon) => {
                    let Line { kind, name_len, .. } = line::split(&text[..at], colon);
                    if kind == Name::Bad || name_len == at {
                        return Err(BadBody::Trailer);
                    }
                }
                _ => return Err(BadBody::Trailer),
            }
        }
        Ok(())
    }

    /// Returns the trailers once the body is over, but those that may not be trailers; `None` if there are none.
    pub fn trailers(&self) -> Option<Headers> {
        if self.state != State::Done || self.trailer.len() <= 2 {
            return None;
        }
        let mut trailers = Headers::new();
        for text in self.trailer.split(|b| *b == b'\n') {
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let Line { kind, known, name_len, value } = line::split(text, text.iter().position(|byte| *byte == b':'));
            if kind == Name::Plain && !NOT_TRAILERS.contains(known) {
                trailers.append(&text[..name_len], &text[value.0..value.1]);
            }
        }
        (!trailers.is_empty()).then_some(trailers)
    }
}

fn expect(byte: u8, want: u8, error: BadBody) -> Result<(), BadBody> {
    match byte == want {
        true => Ok(()),
        false => Err(error),
    }
}
