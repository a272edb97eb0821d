//! One request and its answer, whatever protocol the client speaks: what the handler sees of a connection.
//!
//! The common case is `forward` (send the request, read the answer's head into `response`), edits of `response`, then
//! `relay`: the head is written right before the body bytes already received, and all goes out with one send.
//! With body filters: `forward`, `start`, then `read_response`/`write` part by part. Without an upstream: `reply`.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use gibbon_http::Framing;
use gibbon_http::KnownSet;
use gibbon_http::RequestHead;
use gibbon_http::ResponseHead;
use gibbon_http::h1::BadBody;
use gibbon_http::h1::BadRequest;
use gibbon_http::h1::BodyReader;

use crate::Endpoint;
use crate::Timeouts;
use crate::Upstreams;
use crate::body::RequestBody;
use crate::buffers::Inbox;
use crate::buffers::Outbox;
use crate::clock;
use crate::clock::Deadline;
use crate::forward::Upload;
use crate::h2::H2Stream;
use crate::stream::Stream;
use crate::upstream::Upstream;
use crate::worker::Settings;

/// Who is at the other end of a client connection; one per connection.
#[derive(Debug)]
pub struct Peer {
    /// The client's address.
    pub remote: SocketAddr,
    /// Our address that the client connected to.
    pub local: SocketAddr,
    /// Which listener took it: the index in the list the worker was given.
    pub listener: usize,
    /// Serial number of the connection in this process, from 1.
    pub serial: u64,
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

/// Writes the request line and the headers of a request for its upstream, the request being as the exchange has it. Left
/// out are the headers of the set, which are the connection's; body framing and `Connection` are written by the exchange.
/// It is called for each connection that is tried.
pub type WriteHead<'a> = &'a dyn Fn(&mut Vec<u8>, &RequestHead, KnownSet);

/// Where and how a request is sent on.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Writes what is sent.
    pub head: WriteHead<'a>,
}

/// One request and its answer.
///
/// Heads are plain fields to read and edit. Framing and `Connection` headers are never taken from the edited headers:
/// both sides get their own.
pub struct Exchange {
    /// The request's head. What the upstream gets is written by [`Forward::head`].
    pub request: RequestHead,
    /// Why the request's head was refused, if it was: `request` then holds what was understood, and the connection is
    /// closed after the answer.
    pub refused: Option<BadRequest>,
    /// Whether the node has too much to do: the request is to be turned away, with as little work as can be.
    pub shed: bool,
    /// The response's head: from the upstream after [`forward`](Self::forward), else built by the handler.
    pub response: ResponseHead,
    pub(crate) peer: Rc<Peer>,
    pub(crate) settings: Rc<Settings>,
    /// Whether the worker drains: then answers say that the connection closes.
    pub(crate) is_draining: Rc<Cell<bool>>,
    /// The client's connection, while the exchange has it.
    pub(crate) link: Link,
    /// Bytes from the client that were not taken yet (HTTP/1).
    pub(crate) down: Inbox,
    /// Bytes for the client that it did not take yet (HTTP/1).
    pub(crate) out: Outbox,
    pub(crate) body: RequestBody,
    pub(crate) answer: Answer,
    pub(crate) upstream: Option<Upstream>,
    /// Where a finished upstream connection goes back to.
    pub(crate) pool: Option<Rc<Upstreams>>,
    /// Bytes from the upstream that were not taken yet.
    pub(crate) up: Inbox,
    /// Follows the upstream's body.
    pub(crate) reader: BodyReader,
    /// How far the request is on its way to the upstream.
    pub(crate) upload: Upload,
    /// Whether the upstream lets its connection stay open after this answer.
    pub(crate) stays: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) deadline: Deadline,
    /// Whether the deadline was armed for the wait that goes on.
    pub(crate) waiting: bool,
    /// When the wait for the client began that goes on.
    client_since: Option<u64>,
    /// Milliseconds that the client has let us wait.
    client_waited: u64,
    /// How many requests the connection has carried, this one included.
    pub(crate) number: u64,
    /// Bytes of response heads among those sent.
    pub(crate) head_bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
}

/// The client's end of an exchange.
pub(crate) enum Link {
    /// None: the exchange is not lent.
    None,
    /// An HTTP/1 connection, all of it.
    H1(Stream),
    /// One stream of an HTTP/2 connection.
    H2(Box<H2Stream>),
}

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing was sent.
    NotBegun,
    /// The head went out (or waits in the outbox); the body goes out framed so.
    Begun(Framing),
    /// All was handed to the socket or waits in the outbox.
    Done,
}

impl Exchange {
    pub(crate) fn new(peer: Rc<Peer>, settings: Rc<Settings>, is_draining: Rc<Cell<bool>>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            request: RequestHead::default(),
            refused: None,
            shed: false,
            response: ResponseHead::default(),
            peer,
            settings,
            is_draining,
            link: Link::None,
            down: Inbox::default(),
            out: Outbox::default(),
            body: RequestBody::default(),
            answer: Answer::NotBegun,
            upstream: None,
            pool: None,
            up: Inbox::default(),
            reader: BodyReader::Length(0),
            upload: Upload::Done,
            stays: false,
            timeouts: Timeouts { connect: second, write: second, read: second },
            deadline: Deadline::default(),
            waiting: false,
            client_since: None,
            client_waited: 0,
            number: 1,
            head_bytes_sent: 0,
            bytes_received: 0,
            bytes_sent: 0,
        }
    }

    /// Makes the exchange ready for the next request, after its head was parsed; keeps all memory.
    pub(crate) fn begin(&mut self, head_length: usize) {
        self.response.clear();
        self.body.begin(self.request.framing);
        self.answer = Answer::NotBegun;
        self.bytes_received = head_length as u64;
        self.bytes_sent = 0;
        self.head_bytes_sent = 0;
        self.waiting = false;
        self.client_since = None;
        self.client_waited = 0;
    }

    /// Lets go of all that must not outlive a request.
    pub(crate) fn end(&mut self) {
        self.upstream = None;
        self.up.clear();
        self.deadline.disarm();
        self.body.end();
    }

    /// Tells whether the client's socket did not take all of the last answer.
    pub(crate) fn has_left(&self) -> bool {
        matches!(&self.link, Link::H1(stream) if stream.left() > 0)
    }

    /// Returns who the client is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Returns how many bytes of this request were received so far, head and body (HTTP/2: of its body).
    pub const fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    /// Returns how many bytes of the response were sent so far, head and body (HTTP/2: of its body).
    pub const fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Returns how many bytes of the response's body were sent so far, as framed on the wire.
    pub const fn body_bytes_sent(&self) -> u64 {
        self.bytes_sent.saturating_sub(self.head_bytes_sent)
    }

    /// Returns how many requests the connection has carried, this one included.
    pub const fn request_number(&self) -> u64 {
        self.number
    }

    /// Tells whether a response has been begun; then none can replace it.
    pub fn is_started(&self) -> bool {
        self.answer != Answer::NotBegun
    }

    /// Closes the connection after this response (HTTP/2: lets it be).
    pub const fn close_after(&mut self) {
        self.request.persistent = false;
    }

    /// Waits: arms the deadline when the wait begins and tells whether it is over. The caller returns `Pending` on
    /// `false`; whoever makes progress calls [`moved`](Self::moved).
    pub(crate) fn wait(&mut self, cx: &Context<'_>, limit: Duration) -> bool {
        if !self.waiting {
            self.waiting = true;
            self.deadline.arm(limit, cx.waker());
            return false;
        }
        self.deadline.has_passed()
    }

    /// As [`wait`](Self::wait), for the client: it has `limit` each time, and in all as long again as its `bytes` take at
    /// the least rate. So one that moves a byte now and then does not hold the connection for ever.
    pub(crate) fn wait_for_client(&mut self, cx: &Context<'_>, limit: Duration, bytes: u64) -> bool {
        if self.waiting {
            return self.wait(cx, limit);
        }
        let limit = match self.settings.client_rate {
            0 => limit,
            rate => {
                let earned = Duration::from_secs(bytes / rate);
                limit.min((limit + earned).saturating_sub(Duration::from_millis(self.client_waited)))
            }
        };
        self.wait(cx, limit);
        self.client_since = Some(clock::recent());
        false
    }

    /// Tells whether it is the client that is waited for.
    pub(crate) const fn is_waiting_for_client(&self) -> bool {
        self.client_since.is_some()
    }

    /// Ends a wait.
    pub(crate) fn moved(&mut self) {
        if self.waiting {
            self.waiting = false;
            self.deadline.disarm();
            if let Some(since) = self.client_since.take() {
                self.client_waited += clock::recent() - since;
            }
        }
    }
}
