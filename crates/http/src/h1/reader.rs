//! Where in received bytes the data of a body lies, whatever its framing. It copies nothing.

use std::ops::Range;

use super::BadBody;
use super::ChunkedReader;
use crate::Framing;
use crate::Headers;

/// What a look at some bytes gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where data lies in the bytes looked at; empty if there is none yet.
    pub data: Range<usize>,
    /// How many of the bytes are done with, data included.
    pub consumed: usize,
}

/// Follows one body from its first byte to its end.
#[derive(Clone, Debug)]
pub enum BodyReader {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks.
    Chunked(ChunkedReader),
    /// Until the peer closes.
    UntilClose,
}

impl BodyReader {
    /// Returns a reader at the start of a body framed so.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(ChunkedReader::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Tells whether the body is over. One that ends with the connection never says so.
    #[inline]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(reader) => reader.is_done(),
            Self::UntilClose => false,
        }
    }

    /// Returns the next piece of data in `buf`. Call again with what it did not consume until nothing is consumed or the
    /// body is over; what is left over then belongs to the next message.
    ///
    /// # Errors
    /// Chunked framing that is malformed.
    #[inline]
    pub fn next(&mut self, buf: &[u8]) -> Result<Piece, BadBody> {
        match self {
            Self::Length(left) => {
                let length = (*left).min(buf.len() as u64) as usize;
                *left -= length as u64;
                Ok(Piece { data: 0..length, consumed: length })
            }
            Self::Chunked(reader) => reader.next(buf),
            Self::UntilClose => Ok(Piece { data: 0..buf.len(), consumed: buf.len() }),
        }
    }

    /// Returns the trailers of a body that is over, if it had any.
    pub fn trailers(&self) -> Option<Headers> {
        match self {
            Self::Chunked(reader) => reader.trailers(),
            _ => None,
        }
    }
}
