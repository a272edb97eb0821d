//! What a body is to filters (parts, then the end with its trailers) and how its length is told. It holds no stream.

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
