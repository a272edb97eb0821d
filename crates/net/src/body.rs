//! The request's body: read ahead, or piece by piece while it is sent on; HTTP/1 and HTTP/2 alike. Its trailers are
//! dropped, as nginx does.

use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;

use gibbon_http::BodyError;
use gibbon_http::BodySource;
use gibbon_http::Framing;
use gibbon_http::Headers;
use gibbon_http::h1::BadBody;
use gibbon_http::h1::BodyReader;

use crate::ClientError;
use crate::Exchange;
use crate::exchange::Link;

/// How much of a request body was read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffered {
    /// All of it: [`Exchange::body`] shows it, its length is known, the request can be repeated.
    Whole,
    /// As much as was allowed; the rest comes while it is sent on.
    Beginning,
}

/// Where the request's body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// `ahead` has its beginning (often nothing), the rest is still to be read.
    #[default]
    Client,
    /// All of it lies in the inbox, so many bytes, and is not taken from there until the upstream has answered.
    Inbox(usize),
    /// All of it is in `ahead`.
    Ahead,
}

/// The state of the request's body.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) reader: BodyReader,
    pub(crate) ahead: Vec<u8>,
    pub(crate) source: Source,
    /// Bytes of data read from the client.
    pub(crate) taken: u64,
    /// How much of `ahead` was shown through [`BodySource`].
    pub(crate) shown: usize,
    /// Whether it is being read ahead: then nobody upstream sees it grow.
    ahead_of_time: bool,
}

impl Default for RequestBody {
    fn default() -> Self {
        Self {
            reader: BodyReader::Length(0),
            ahead: Vec::new(),
            source: Source::Client,
            taken: 0,
            shown: 0,
            ahead_of_time: false,
        }
    }
}

/// Buffers of read-ahead bodies are kept up to this size.
const KEPT: usize = 16 * 1024;

impl RequestBody {
    pub(crate) fn begin(&mut self, framing: Framing) {
        self.reader = BodyReader::new(framing);
        self.ahead.clear();
        self.source = Source::Client;
        self.taken = 0;
        self.shown = 0;
    }

    pub(crate) fn end(&mut self) {
        self.ahead.clear();
        if self.ahead.capacity() > KEPT {
            self.ahead = Vec::new();
        }
    }

    /// Tells whether all of it can be sent again.
    pub(crate) fn can_repeat(&self, framing: Framing) -> bool {
        match self.source {
            Source::Inbox(_) | Source::Ahead => true,
            Source::Client => framing.is_empty() || self.taken == self.ahead.len() as u64,
        }
    }

    /// Returns how its length is told to an upstream.
    pub(crate) fn framing(&self, received: Framing) -> Framing {
        match self.source {
            Source::Inbox(length) => Framing::Length(length as u64),
            Source::Ahead if self.ahead.is_empty() && received == Framing::None => Framing::None,
            Source::Ahead => Framing::Length(self.ahead.len() as u64),
            Source::Client => received,
        }
    }
}

impl Exchange {
    /// Reads the body ahead until it is whole or `limit` bytes or more are there. Returns at once if there is none.
    ///
    /// A body that is expected to be longer than `limit` is not begun to be read.
    ///
    /// # Errors
    /// The body did not come in time, is malformed or too large, or the client is gone.
    pub async fn buffer_body(&mut self, limit: usize) -> Result<Buffered, ClientError> {
        if self.body.source != Source::Client {
            return Ok(Buffered::Whole);
        }
        match self.request.framing {
            Framing::Length(length) if matches!(self.link, Link::H1(_)) && self.body.taken == 0 => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > 0 && self.down.len() >= length {
                    self.check_size(length as u64)?;
                    self.body.source = Source::Inbox(length);
                    return Ok(Buffered::Whole);
                }
                if length > limit {
                    return Ok(Buffered::Beginning);
                }
            }
            Framing::Length(length) if length > limit as u64 => return Ok(Buffered::Beginning),
            _ => {}
        }
        while self.body.ahead.len() < limit.max(1) {
            if !poll_fn(|cx| self.poll_ahead(cx)).await? {
                self.body.source = Source::Ahead;
                return Ok(Buffered::Whole);
            }
        }
        Ok(Buffered::Beginning)
    }

    /// Returns what was read ahead with [`buffer_body`](Self::buffer_body) or set with [`set_body`](Self::set_body).
    pub fn body(&mut self) -> &[u8] {
        if let Source::Inbox(length) = self.body.source {
            let ahead = &mut self.body.ahead;
            self.down.look(|bytes| ahead.extend_from_slice(&bytes[..length.min(bytes.len())]));
            self.take_inbox_body();
            self.body.source = Source::Ahead;
        }
        &self.body.ahead
    }

    /// Replaces the request's body; what the client still sends is dropped after the answer.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.take_inbox_body();
        self.body.ahead = body;
        self.body.source = Source::Ahead;
        if self.request.framing == Framing::None {
            self.request.framing = Framing::Length(0);
        }
    }

    /// Takes a body that lies whole in the inbox out of it, once it is not needed there any more.
    pub(crate) fn take_inbox_body(&mut self) {
        if let Source::Inbox(length) = self.body.source {
            self.down.consume(length);
            self.body.reader = BodyReader::Length(0);
            self.body.taken += length as u64;
            self.bytes_received += length as u64;
            self.body.source = Source::Client;
        }
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ClientError>> {
        let mut ahead = std::mem::take(&mut self.body.ahead);
        self.body.ahead_of_time = true;
        let result = self.poll_piece(cx, &mut |data| ahead.extend_from_slice(data));
        self.body.ahead_of_time = false;
        self.body.ahead = ahead;
        result
    }

    /// Gives the next piece of data from the client to `sink`; `false` when the body is over.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<bool, ClientError>> {
        let taken = match &mut self.link {
            Link::None => return Poll::Ready(Err(ClientError::Gone)),
            Link::H2(stream) => stream.poll_data(cx, sink),
            Link::H1(stream) => {
                if self.body.reader.is_done() {
                    return Poll::Ready(Ok(false));
                }
                let filled = match self.down.is_empty() {
                    true => self.down.poll_fill(cx, stream).map(Some),
                    false => Poll::Ready(None),
                };
                match filled {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Some(Err(error))) => Poll::Ready(Err(ClientError::Broken(error))),
                    Poll::Ready(Some(Ok(0))) => Poll::Ready(Err(ClientError::Gone)),
                    Poll::Ready(_) => {
                        let reader = &mut self.body.reader;
                        let piece = self
                            .down
                            .look(|bytes| reader.next(bytes).inspect(|piece| sink(&bytes[piece.data.clone()])));
                        match piece {
                            Err(error) => Poll::Ready(Err(ClientError::Body(error))),
                            Ok(piece) => {
                                self.down.consume(piece.consumed);
                                self.bytes_received += piece.consumed as u64;
                                Poll::Ready(Ok(Some(piece.data.len())))
                            }
                        }
                    }
                }
            }
        };
        match taken {
            Poll::Pending => {
                let limit = self.settings.body_timeout;
                // A body without a length that passes as it comes may be a conversation; it may pause as long as nginx's may.
                let is_over = match self.body.ahead_of_time || matches!(self.request.framing, Framing::Length(_)) {
                    true => self.wait_for_client(cx, limit, self.body.taken),
                    false => self.wait(cx, limit),
                };
                if is_over { Poll::Ready(Err(ClientError::Timeout)) } else { Poll::Pending }
            }
            Poll::Ready(Ok(Some(length))) => {
                self.moved();
                self.body.taken += length as u64;
                self.check_size(self.body.taken)?;
                if matches!(self.request.framing, Framing::Length(told) if told < self.body.taken) {
                    return Poll::Ready(Err(ClientError::Body(BadBody::End)));
                }
                Poll::Ready(Ok(true))
            }
            Poll::Ready(Ok(None)) => {
                self.moved();
                Poll::Ready(Ok(false))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Refuses a body larger than the listener allows.
    fn check_size(&self, size: u64) -> Result<(), ClientError> {
        match self.settings.max_body {
            0 => Ok(()),
            most if size <= most => Ok(()),
            _ => Err(ClientError::TooLarge),
        }
    }
}

/// The body as a reader who only looks sees it: what is read stays here, and is still sent on by
/// [`forward`](Exchange::forward).
impl BodySource for Exchange {
    fn is_done(&self) -> bool {
        let whole = self.body.source == Source::Ahead || self.request.framing.is_empty();
        whole && self.body.shown == self.body.ahead.len()
    }

    fn declared_length(&self) -> Option<u64> {
        match self.request.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<usize, BodyError>> {
        self.body();
        loop {
            let fresh = &self.body.ahead[self.body.shown..];
            if !fresh.is_empty() {
                into.extend_from_slice(fresh);
                let length = fresh.len();
                self.body.shown += length;
                return Poll::Ready(Ok(length));
            }
            if self.body.source == Source::Ahead || self.request.framing.is_empty() {
                return Poll::Ready(Ok(0));
            }
            match self.poll_ahead(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => self.body.source = Source::Ahead,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(body_error(&error))),
            }
        }
    }

    /// There are none: they are dropped, as nginx does.
    fn trailers(&mut self) -> Option<Box<Headers>> {
        None
    }
}

fn body_error(error: &ClientError) -> BodyError {
    match error {
        ClientError::Gone | ClientError::Broken(_) | ClientError::SendTimeout => BodyError::Closed,
        ClientError::Timeout => BodyError::TimedOut,
        ClientError::Body(_) => BodyError::Malformed,
        ClientError::TooLarge => BodyError::TooLarge,
    }
}
