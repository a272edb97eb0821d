//! The client's request as plugins see and change it. What is changed here is what the upstream gets; the path and the
//! host sent upstream are in [`crate::UpstreamPlan`].

use gibbon_http::{Headers, Method, Version};

use crate::upstream::Scheme;

/// The head of a request. Buffers are kept from request to request, so that filling them allocates nothing.
#[derive(Debug, Default)]
pub struct Request {
    /// The method as received; a plugin may change the one sent upstream in the plan.
    pub method: Method,
    /// Version the client spoke.
    pub version: Version,
    /// Whether the client came over TLS (`https`) or not; the scheme before X-Forwarded-Proto.
    pub scheme: Scheme,
    /// The request-target as received.
    pub target: Vec<u8>,
    /// The normalised path, as used for routing (behaviour of Kong's router: unreserved triplets decoded, dot segments
    /// removed, slashes merged). Starts with `/`.
    pub path: Vec<u8>,
    /// The host without its port as received in Host or the target's authority; empty if there was none.
    pub host: String,
    /// Header fields in the order received; plugins edit them in place.
    pub headers: Headers,
    /// SNI of the TLS connection, if any.
    pub sni: Option<Box<str>>,
}

impl Request {
    /// Returns the query string as received, without the `?`; `None` if there was no `?`.
    pub fn query(&self) -> Option<&[u8]> {
        let at = self.target.iter().position(|byte| *byte == b'?')?;
        Some(&self.target[at + 1..])
    }

    /// Returns the raw path of the target: what stands before the first `?`.
    pub fn raw_path(&self) -> &[u8] {
        self.target.split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    /// Empties it, keeping the buffers.
    pub fn clear(&mut self) {
        self.method = Method::default();
        self.version = Version::default();
        self.scheme = Scheme::default();
        self.target.clear();
        self.path.clear();
        self.host.clear();
        self.headers.clear();
        self.sni = None;
    }
}
