//! Where and how the request is going to be sent; filled from route and service, changed by plugins, used by the balancer.

use std::net::IpAddr;

use gibbon_http::Method;

/// Protocol of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP/1.1.
    #[default]
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 without TLS.
    Grpc,
    /// HTTP/2 over TLS.
    Grpcs,
}

impl Scheme {
    /// Returns the name as Kong writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
        }
    }

    /// Returns whether it runs over TLS.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }

    /// Returns the port that needs not be written in Host.
    pub const fn default_port(self) -> u16 {
        if self.is_tls() { 443 } else { 80 }
    }
}

/// The query string that is sent, and that later plugins see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// The client's.
    #[default]
    AsReceived,
    /// What a plugin made of it, without the `?`; `None` sends no `?`.
    Changed(Option<Vec<u8>>),
}

/// Which Host the upstream gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// The name of the target, or the upstream's `host_header`.
    #[default]
    Target,
    /// The client's Host as it came (`preserve_host`).
    Client,
    /// What a plugin said.
    Fixed(String),
}

/// What will be asked of which upstream.
#[derive(Debug, Default)]
pub struct UpstreamPlan {
    /// Protocol to speak.
    pub scheme: Scheme,
    /// Host to reach: an upstream entity's name, a DNS name or an address.
    pub host: String,
    /// Port to reach; ignored when `host` names an upstream entity.
    pub port: u16,
    /// Method to send, when a plugin changed it.
    pub method: Option<Method>,
    /// Path to send, escaped, starting with `/`.
    pub path: Vec<u8>,
    /// Query string to send; read it with [`crate::Cx::query`].
    pub query: Query,
    /// Host header to send.
    pub host_header: HostHeader,
    /// Limit for establishing a connection, in milliseconds.
    pub connect_timeout_ms: u32,
    /// Limit between two successful writes, in milliseconds.
    pub write_timeout_ms: u32,
    /// Limit between two successful reads, in milliseconds.
    pub read_timeout_ms: u32,
    /// Further tries after the first.
    pub retries: u32,
    /// A body that replaces the client's.
    pub body: Option<Vec<u8>>,
    /// Whether the plan leads anywhere: false without a service, unless a plugin names a host.
    pub reachable: bool,
}

impl UpstreamPlan {
    /// Empties it, keeping the buffers.
    pub fn clear(&mut self) {
        let (mut host, mut path) = (std::mem::take(&mut self.host), std::mem::take(&mut self.path));
        host.clear();
        path.clear();
        *self = Self { host, path, ..Self::default() };
    }
}

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryState {
    /// The connection or the exchange broke, or timed out.
    Failed,
    /// The upstream answered with a status that is retried.
    Next,
}

/// One attempt to reach a target.
#[derive(Clone, Debug)]
pub struct Try {
    /// Address that was tried.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// How it failed; `None` for the one that answered.
    pub state: Option<TryState>,
    /// Status that ended it, such as 504 for a timeout; 0 if none.
    pub code: u16,
    /// Start of the balancing, wall-clock milliseconds.
    pub started_at_ms: u64,
    /// How long choosing took, in nanoseconds.
    pub balancer_ns: u64,
}
