//! What a body is to filters (parts, then the end with its trailers) and how its length is told. It holds no stream.

use std::task::{Context, Poll};

use crate::Headers;

/// One piece of a body as filters see it: bytes, then exactly one end.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Some bytes, in order; an empty piece is allowed and is not sent.
    Data(Vec<u8>),
    /// The body is over. Trailers are rare, hence boxed; `None` when there were none.
    End(Option<Box<Headers>>),
}

impl Part {
    /// The end of a body without trailers.
    pub const END: Self = Self::End(None);

    /// Tells whether the body is over with this part.
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::End(_))
    }
}

/// How the length of a message body is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body, and no header speaks of one.
    #[default]
    None,
    /// Exactly so many bytes, as Content-Length said (it may say 0).
    Length(u64),
    /// Chunks, then trailers. On HTTP/2 a body of unknown length is this too.
    Chunked,
    /// All until the peer closes; responses only.
    UntilClose,
}

impl Framing {
    /// Tells whether not one byte of a body follows.
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// Why a body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The peer closed or reset before the end.
    #[error("the connection closed before the end of the body")]
    Closed,
    /// The framing is broken (RFC 9112 §7.1).
    #[error("the body is framed wrongly")]
    Malformed,
    /// More than the limit that applies.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// Nothing came for too long.
    #[error("the body stopped coming")]
    TimedOut,
}

/// The rest of a body that is still on its way: the request body as `life` and plugins read it.
pub trait BodySource {
    /// Returns whether there is nothing (more) to read; true from the start for a request without a body.
    fn is_done(&self) -> bool;

    /// Returns the declared length in bytes of the whole body, if it was declared.
    fn declared_length(&self) -> Option<u64>;

    /// Appends what has arrived to `into` and returns how many bytes came; `Ok(0)` means the body ended.
    ///
    /// Sends `100 Continue` first if the client waits for it.
    fn poll_read(&mut self, task: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<usize, BodyError>>;

    /// Returns the trailers, once the body has ended.
    fn trailers(&mut self) -> Option<Box<Headers>>;
}
