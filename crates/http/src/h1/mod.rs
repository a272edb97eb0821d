//! The HTTP/1 wire format without I/O, strict towards clients and as tolerant towards upstreams as recorded, no more.
//! It reads from byte slices and writes to buffers; who fills and sends them is `net`'s business.
//!
//! A head is parsed when it is whole; until then [`Progress`] remembers how far its end was looked for, so that a head
//! that trickles in is not parsed again and again. Bodies are followed by [`BodyReader`] without being copied.

mod chunked;
mod encode;
mod error;
mod line;
mod lines;
mod reader;
mod request;
mod response;

pub use chunked::ChunkedReader;
pub use encode::RequestLine;
pub use encode::begin_request;
pub use encode::chunk_header;
pub use encode::end_head;
pub use encode::response_head;
pub use encode::trailers;
pub use error::BadBody;
pub use error::BadRequest;
pub use error::BadResponse;
pub use reader::BodyReader;
pub use reader::Piece;
pub use request::Limits;
pub use request::parse_request;
pub use response::ResponseContext;
pub use response::parse_response;

/// How far a head has been looked through for its end; start with the default for each head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    seen: usize,
}

impl Progress {
    /// Tells whether `buf`, which only grew since the last call, may now hold a whole head; remembers how far it looked.
    ///
    /// Says yes on the first call always: most heads come whole, and looking for their end would be a second pass.
    fn may_be_whole(&mut self, buf: &[u8]) -> bool {
        let from = self.seen.saturating_sub(3);
        let first = self.seen == 0;
        self.seen = buf.len();
        first || memchr::memchr_iter(b'\n', &buf[from..]).any(|at| ends_head(&buf[..from + at]))
    }
}

/// Tells whether a line feed behind `before` ends an empty line.
fn ends_head(before: &[u8]) -> bool {
    let line = before.strip_suffix(b"\r").unwrap_or(before);
    line.last() == Some(&b'\n')
}

#[cfg(test)]
#[path = "fuzz_tests.rs"]
mod fuzz_tests;
