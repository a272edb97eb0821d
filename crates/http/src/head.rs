//! Heads of requests and responses: what stands before a body, whatever the protocol. Their memory is reused.

use crate::Framing;
use crate::Headers;
use crate::Known;
use crate::Method;
use crate::Status;
use crate::Target;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
    /// HTTP/3.
    Http3,
}

impl Version {
    /// Returns the number as Kong prints it: `1` for HTTP/1.0, `1.1`, `2`, `3`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Http10 => "1",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
            Self::Http3 => "3",
        }
    }
}

/// The head of a request.
///
/// What the connection needs to know (framing, keep-alive, Expect) was read from the headers once and stands beside
/// them; headers may then be edited freely, framing is never taken from them again.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The target as received.
    pub target: Target,
    /// The version.
    pub version: Version,
    /// The headers as received, then as edited. For HTTP/2 `Host` holds `:authority`.
    pub headers: Headers,
    /// How the length of the body is told.
    pub framing: Framing,
    /// Whether the client lets the connection stay open.
    pub persistent: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client asks to switch to WebSocket; no other protocol is switched to, as in Kong (h2c would get past
    /// every check).
    pub upgrade: bool,
}

impl RequestHead {
    /// Empties the head and keeps its memory.
    pub fn clear(&mut self) {
        self.method = Method::Get;
        self.target.clear();
        self.version = Version::Http11;
        self.headers.clear();
        self.framing = Framing::None;
        self.persistent = false;
        self.expects_continue = false;
        self.upgrade = false;
    }

    /// Returns the Host header, or where there is none the authority of the target: what Kong routes by and hands on,
    /// also for an absolute-form target that names another host.
    pub fn host_header(&self) -> &[u8] {
        self.headers.known(Known::Host).or_else(|| self.target.authority()).unwrap_or_default()
    }

    /// Returns the host the request is for, with its port if it has one: the authority of an absolute-form target, else
    /// the Host header (RFC 9112 §3.2.2), else nothing (HTTP/1.0).
    pub fn host(&self) -> &[u8] {
        self.target.authority().or_else(|| self.headers.known(Known::Host)).unwrap_or_default()
    }
}

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status.
    pub status: Status,
    /// The reason phrase of an upstream; `None` means nginx's for the status.
    pub reason: Option<Vec<u8>>,
    /// The version it came in.
    pub version: Version,
    /// The headers as received, then as edited.
    pub headers: Headers,
    /// How the length of the body that follows is told; no body follows an answer to HEAD.
    pub framing: Framing,
    /// The Content-Length that was given, also where no body follows (HEAD, 304).
    pub length: Option<u64>,
    /// Whether the connection may be used again after the body.
    pub persistent: bool,
}

impl ResponseHead {
    /// Empties the head (status 200, no header) and keeps its memory.
    pub fn clear(&mut self) {
        self.status = Status::OK;
        self.reason = None;
        self.version = Version::Http11;
        self.headers.clear();
        self.framing = Framing::None;
        self.length = None;
        self.persistent = false;
    }
}
