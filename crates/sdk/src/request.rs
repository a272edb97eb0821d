//! The client's request as plugins see and change it. What is changed here is what the upstream gets; the path, the
//! query and the host sent upstream are in [`crate::UpstreamPlan`].

use gibbon_http::RequestHead;

use crate::upstream::Scheme;

/// A request. Buffers are kept from request to request, so that filling them allocates nothing.
#[derive(Debug, Default)]
pub struct Request {
    /// The head as received, edited in place by plugins.
    pub head: RequestHead,
    /// Whether the client came over TLS, and whether it spoke gRPC; before X-Forwarded-Proto is looked at.
    pub scheme: Scheme,
    /// The normalised path, as used for routing (unreserved triplets decoded, dot segments removed, slashes merged).
    /// Starts with `/`.
    pub path: Vec<u8>,
    /// SNI of the TLS connection, if any.
    pub sni: Option<Box<str>>,
}

impl Request {
    /// Empties it, keeping the buffers.
    pub fn clear(&mut self) {
        self.head.clear();
        self.scheme = Scheme::default();
        self.path.clear();
        self.sni = None;
    }
}
