//! Upstream connections: how they are made, kept and lent, and what can go wrong with them.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

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

/// A worker's upstream connections.
pub struct Upstreams {
    _private: (),
}

impl Upstreams {
    /// Returns an empty pool.
    pub fn new(keep_alive: KeepAlive) -> Rc<Self> {
        todo!()
    }

    /// Changes how connections are kept, after a reload.
    pub fn set_keep_alive(&self, keep_alive: KeepAlive) {
        todo!()
    }
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
