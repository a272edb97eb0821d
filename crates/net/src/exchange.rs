//! One request and its answer, whatever protocol the client speaks: what the handler sees of a connection.
//!
//! The common case is `forward` (send the request, read the answer's head into `response`), edits of `response`, then
//! `relay`: the head is written right before the body bytes already received, and all goes out with one send.
//! With body filters: `forward`, `start`, then `read_response`/`write` part by part. Without an upstream: `reply`.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use gibbon_http::Framing;
use gibbon_http::Part;
use gibbon_http::RequestHead;
use gibbon_http::ResponseHead;
use gibbon_http::h1::BadBody;
use gibbon_http::h1::BadRequest;

use crate::Endpoint;
use crate::Timeouts;
use crate::UpstreamError;
use crate::Upstreams;

/// Who is at the other end of a client connection; one per connection.
#[derive(Debug)]
pub struct Peer {
    /// The client's address.
    pub remote: SocketAddr,
    /// Our address that the client connected to.
    pub local: SocketAddr,
    /// Which listener took it: the index in the list the worker was given.
    pub listener: usize,
    /// What TLS agreed on; `None` without TLS.
    pub tls: Option<TlsPeer>,
}

/// What was agreed on in a client's TLS handshake.
#[derive(Debug)]
pub struct TlsPeer {
    /// The server name the client asked for, as sent.
    pub sni: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite's name.
    pub cipher: String,
    /// The client's certificate chain, leaf first; empty if it sent none.
    pub certificates: Vec<rustls_pki_types::CertificateDer<'static>>,
}

/// What went wrong with the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is gone (nginx's 499): there is nobody to answer.
    #[error("client is gone")]
    Gone,
    /// The connection broke.
    #[error("client connection: {0}")]
    Broken(#[source] io::Error),
    /// Its body did not come in time (408).
    #[error("request body timed out")]
    Timeout,
    /// It takes the answer too slowly.
    #[error("client takes the answer too slowly")]
    SendTimeout,
    /// Its body is malformed (400).
    #[error("request body: {0}")]
    Body(#[from] BadBody),
    /// Its body is larger than the listener allows (413).
    #[error("request body too large")]
    TooLarge,
}

/// Why an answer was not relayed to its end. The client's connection is cut, for its head is out already.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The client's side.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The upstream was silent for too long.
    #[error("upstream read timed out")]
    Timeout,
    /// The upstream closed in the middle of the body.
    #[error("upstream closed early")]
    Closed,
    /// The upstream's connection broke.
    #[error("upstream connection: {0}")]
    Broken(#[source] io::Error),
    /// The upstream's chunks are malformed.
    #[error("upstream body: {0}")]
    Body(#[from] BadBody),
}

/// How much of a request body was read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffered {
    /// All of it: [`Exchange::body`] shows it, its length is known, the request can be repeated.
    Whole,
    /// As much as was allowed; the rest comes while it is sent on.
    Beginning,
}

/// Where and how a request is sent on.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// Path and query for the request line, already escaped.
    pub target: &'a [u8],
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// One request and its answer.
///
/// Heads are plain fields to read and edit. Framing and `Connection` headers are never taken from the edited headers:
/// both sides get their own.
pub struct Exchange {
    /// The request's head; its headers, as edited, are what the upstream gets (without hop-by-hop ones).
    pub request: RequestHead,
    /// Why the request's head was refused, if it was: `request` then holds what was understood, and the connection is
    /// closed after the answer.
    pub refused: Option<BadRequest>,
    /// The response's head: from the upstream after [`forward`](Self::forward), else built by the handler.
    pub response: ResponseHead,
    peer: Rc<Peer>,
}

impl Exchange {
    /// Returns who the client is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Returns when the head was complete, by [`crate::clock`].
    pub fn received_at(&self) -> u64 {
        todo!()
    }

    /// Returns how many bytes of this request were received so far, head and body (h2: decoded head).
    pub fn bytes_received(&self) -> u64 {
        todo!()
    }

    /// Returns how many bytes of the response were sent so far, head and body.
    pub fn bytes_sent(&self) -> u64 {
        todo!()
    }

    /// Tells whether a response has been begun; then none can replace it.
    pub fn is_started(&self) -> bool {
        todo!()
    }

    /// Closes the connection after this response (h2: lets it be).
    pub fn close_after(&mut self) {
        todo!()
    }

    /// Reads the body ahead until it is whole or more than `limit` bytes. Returns at once if there is none.
    ///
    /// # Errors
    /// The body did not come in time, is malformed or too large, or the client is gone.
    pub async fn buffer_body(&mut self, limit: usize) -> Result<Buffered, ClientError> {
        todo!()
    }

    /// Returns what was read ahead with [`buffer_body`](Self::buffer_body) or set with [`set_body`](Self::set_body).
    pub fn body(&self) -> &[u8] {
        todo!()
    }

    /// Replaces the request's body; what the client still sends is dropped.
    pub fn set_body(&mut self, body: Vec<u8>) {
        todo!()
    }

    /// Sends the request on and reads the answer's head into `response`. A kept connection that proves stale is
    /// replaced by a new one, once, where that is safe. Interim answers are dropped.
    ///
    /// # Errors
    /// No answer; nothing was sent to the client, so another endpoint may be tried (see [`UpstreamError`]).
    pub async fn forward(&mut self, upstreams: &Rc<Upstreams>, to: Forward<'_>) -> Result<(), UpstreamError> {
        todo!()
    }

    /// Sends `response` and the upstream's body to the client as they come; gives the connection back. Handles answers
    /// without body, HTTP/1.0 clients, switched protocols (101: relays both ways until either side is done).
    ///
    /// # Errors
    /// The response was cut; it cannot be replaced.
    pub async fn relay(&mut self) -> Result<(), RelayError> {
        todo!()
    }

    /// Reads the next part of the upstream's body, for filters.
    ///
    /// # Errors
    /// As [`relay`](Self::relay).
    pub async fn read_response(&mut self) -> Result<Part, RelayError> {
        todo!()
    }

    /// Gives up the upstream's answer, read or not: it will not be sent. Then [`reply`](Self::reply) may be.
    pub fn drop_upstream(&mut self) {
        todo!()
    }

    /// Sends `response` with this body, whole. To HEAD the length is told and no body sent; a status below 200 cannot be
    /// sent and closes the connection.
    ///
    /// # Errors
    /// The client is gone or too slow.
    pub async fn reply(&mut self, body: &[u8]) -> Result<(), ClientError> {
        todo!()
    }

    /// Begins to send `response`, a body of `length` bytes to follow, or one of unknown length. The head goes out with
    /// the first [`write`](Self::write).
    pub fn start(&mut self, length: Option<u64>) {
        todo!()
    }

    /// Sends the next part of a body begun with [`start`](Self::start); after the end the response is complete. To HEAD
    /// and for bodiless statuses data is dropped.
    ///
    /// # Errors
    /// The client is gone or too slow.
    pub async fn write(&mut self, part: Part) -> Result<(), ClientError> {
        todo!()
    }
}
