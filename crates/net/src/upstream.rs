//! Upstream connections: how they are made, kept and lent, and what can go wrong with them.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::buffers::Outbox;
use crate::clock;
use crate::clock::Deadline;
use crate::stream::Stream;
use crate::tcp::Tcp;

/// Where a request goes: an address, and TLS if the scheme has it. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    /// Address and port; names were resolved before.
    pub address: SocketAddr,
    /// How to speak TLS; `None` is plain.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// How to speak TLS to an upstream. Connections are shared only between endpoints that hold the same one (by pointer),
/// so make one per (name, verification, client certificate) and keep it in the snapshot.
pub struct UpstreamTls {
    /// The name sent as SNI and verified.
    pub name: rustls_pki_types::ServerName<'static>,
    /// The rest; see [`crate::tls::client`].
    pub config: Arc<rustls::ClientConfig>,
}

/// How long to wait for an upstream, each time anew.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection, TLS handshake included.
    pub connect: Duration,
    /// Between two writes.
    pub write: Duration,
    /// Between two reads.
    pub read: Duration,
}

/// How connections are kept (`upstream_keepalive_*`).
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// Idle connections kept per endpoint and worker; 0 keeps none.
    pub pool_size: usize,
    /// Requests a connection may carry; 0 is no limit.
    pub max_requests: u32,
    /// How long a connection may be idle; zero is no limit.
    pub idle_timeout: Duration,
}

/// How carefully an idle connection is looked at before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// As this thread knows it; a request that fails all the same is repeated.
    Usual,
    /// As the system knows it: the request cannot be repeated.
    Great,
}

/// A worker's upstream connections: idle ones by endpoint, the one used last is lent first.
pub struct Upstreams {
    keep_alive: Cell<KeepAlive>,
    idle: RefCell<HashMap<Key, Vec<Idle>, foldhash::fast::RandomState>>,
}

/// Address and, for TLS, the identity of its settings. An idle connection holds the settings, so that a pointer is not
/// used again while connections made with it are left.
type Key = (SocketAddr, usize);

struct Idle {
    stream: Stream,
    endpoint: Endpoint,
    requests: u32,
    since: u64,
}

impl Endpoint {
    fn key(&self) -> Key {
        (self.address, self.tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr()))
    }
}

/// A connection lent to one exchange.
pub(crate) struct Upstream {
    pub(crate) stream: Stream,
    pub(crate) outbox: Outbox,
    endpoint: Endpoint,
    requests: u32,
}

impl Upstreams {
    /// Returns an empty pool.
    pub fn new(keep_alive: KeepAlive) -> Rc<Self> {
        Rc::new(Self { keep_alive: Cell::new(keep_alive), idle: RefCell::default() })
    }

    /// Changes how connections are kept, after a reload.
    pub fn set_keep_alive(&self, keep_alive: KeepAlive) {
        self.keep_alive.set(keep_alive);
    }

    /// Returns how many idle connections there are.
    pub fn idle_count(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }

    /// Closes those that were idle for too long; the worker calls it now and then.
    pub(crate) fn sweep(&self) {
        let limit = self.keep_alive.get().idle_timeout;
        self.idle.borrow_mut().retain(|_, idle| {
            idle.retain(|one| !is_over(one.since, limit));
            !idle.is_empty()
        });
    }

    /// Lends an idle connection that is still good, as far as can be told without a system call, or with one.
    pub(crate) fn idle(&self, cx: &mut Context<'_>, endpoint: &Endpoint, care: Care) -> Option<Upstream> {
        let limit = self.keep_alive.get().idle_timeout;
        let mut pools = self.idle.borrow_mut();
        let pool = pools.get_mut(&endpoint.key())?;
        while let Some(Idle { stream, endpoint, requests, since }) = pool.pop() {
            let is_quiet = stream.is_quiet(cx) && (care == Care::Usual || stream.is_quiet_now());
            if !is_over(since, limit) && is_quiet {
                return Some(Upstream { stream, outbox: Outbox::default(), endpoint, requests });
            }
        }
        None
    }

    /// Makes a new connection.
    pub(crate) async fn connect(
        &self,
        endpoint: &Endpoint,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<Upstream, UpstreamFailure> {
        let connecting = async {
            let tcp = match TcpStream::connect(endpoint.address).await {
                Err(error) if has_run_out(&error) && self.idle_count() > 0 => {
                    // Idle connections to anywhere are worth less than this request.
                    self.idle.borrow_mut().clear();
                    TcpStream::connect(endpoint.address).await
                }
                connected => connected,
            };
            let tcp = tcp.map_err(UpstreamFailure::Connect)?;
            tcp.set_nodelay(true).map_err(UpstreamFailure::Connect)?;
            let Some(tls) = &endpoint.tls else { return Ok(Stream::Tcp(Tcp::new(tcp))) };
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
            let tls = connector.connect(tls.name.clone(), Tcp::new(tcp)).await.map_err(UpstreamFailure::Tls)?;
            Ok(Stream::TlsClient(Box::new(tls)))
        };
        let stream = match endpoint.tls {
            // A handshake's future is large; it must not make every exchange's so.
            Some(_) => within(deadline, limit, Box::pin(connecting)).await,
            None => within(deadline, limit, connecting).await,
        };
        let stream = stream.unwrap_or(Err(UpstreamFailure::ConnectTimeout))?;
        let endpoint = endpoint.clone();
        Ok(Upstream { stream, outbox: Outbox::default(), endpoint, requests: 0 })
    }

    /// Takes a connection back whose answer was read to its end and that may be used again.
    pub(crate) fn keep(&self, upstream: Upstream) {
        let keep_alive = self.keep_alive.get();
        let requests = upstream.requests + 1;
        let worn_out = keep_alive.max_requests > 0 && requests >= keep_alive.max_requests;
        if keep_alive.pool_size == 0 || worn_out || !upstream.outbox.is_empty() || !upstream.stream.is_clear() {
            return;
        }
        let Upstream { stream, endpoint, .. } = upstream;
        let mut pools = self.idle.borrow_mut();
        let pool = pools.entry(endpoint.key()).or_default();
        if pool.len() >= keep_alive.pool_size {
            pool.remove(0);
        }
        pool.push(Idle { stream, endpoint, requests, since: clock::recent() });
    }
}

/// Tells whether an error means that there are no descriptors left: Linux's ENFILE and EMFILE.
fn has_run_out(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

fn is_over(since: u64, limit: Duration) -> bool {
    !limit.is_zero() && u128::from(clock::recent().saturating_sub(since)) >= limit.as_millis()
}

/// Waits for `work`, but not longer than `limit`: then `None`.
pub(crate) async fn within<F: Future>(deadline: &Deadline, limit: Duration, work: F) -> Option<F::Output> {
    let mut work = std::pin::pin!(work);
    let mut armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            deadline.disarm();
            return Poll::Ready(Some(output));
        }
        if !armed {
            deadline.arm(limit, cx.waker());
            armed = true;
        } else if deadline.has_passed() {
            deadline.disarm();
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

/// A request that an upstream did not answer.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct UpstreamError {
    /// What went wrong.
    #[source]
    pub failure: UpstreamFailure,
    /// Whether bytes of the request may have reached the upstream: then a method that is not idempotent must not be
    /// tried again.
    pub sent: bool,
    /// Whether the request can be sent again: its body is still there.
    pub can_repeat: bool,
}

/// What went wrong with an upstream before it had answered.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// No connection came about.
    #[error("connect: {0}")]
    Connect(#[source] io::Error),
    /// No connection came about in time.
    #[error("connect timed out")]
    ConnectTimeout,
    /// TLS was refused by either side.
    #[error("tls: {0}")]
    Tls(#[source] io::Error),
    /// The request could not be written in time.
    #[error("write timed out")]
    WriteTimeout,
    /// No answer came in time.
    #[error("read timed out")]
    ReadTimeout,
    /// The connection ended before an answer.
    #[error("closed before an answer")]
    Closed,
    /// The connection broke.
    #[error("broken: {0}")]
    Broken(#[source] io::Error),
    /// The answer is not HTTP/1 that could be trusted.
    #[error("invalid answer: {0}")]
    Invalid(#[source] gibbon_http::h1::BadResponse),
    /// The client is the cause: gone, or its body is broken. No answer can be given or 400/408/413 applies.
    #[error("client: {0}")]
    Client(#[source] crate::ClientError),
}

impl UpstreamFailure {
    /// Tells whether it was a timeout, which is answered with 504; all others are 502.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::WriteTimeout | Self::ReadTimeout)
    }
}
