//! Why a message on the wire is refused. Each variant names the rule it broke; what is answered is decided once, in
//! [`BadRequest::status`].

use crate::BadTarget;

/// Why a request is refused. The connection is closed after the answer, since its framing can no longer be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// A line ends with LF alone (RFC 9112 §2.2 allows a server to refuse it; smuggling lives on it).
    #[error("bare line feed")]
    BareLf,
    /// A CR that is not followed by LF (RFC 9112 §2.2).
    #[error("bare carriage return")]
    BareCr,
    /// A NUL byte in a head (RFC 9110 §5.5).
    #[error("nul byte")]
    Nul,
    /// A request line that is not `method SP target SP version` (RFC 9112 §3).
    #[error("malformed request line")]
    RequestLine,
    /// A method that is not a token of upper-case letters (RFC 9112 §3.1; nginx).
    #[error("malformed method")]
    Method,
    /// A method that is never served: CONNECT, TRACE (RFC 9110 §9.3.6, §9.3.8; nginx).
    #[error("method that is not served")]
    MethodRefused,
    /// A target that is refused (RFC 9112 §3.2).
    #[error("{0}")]
    Target(BadTarget),
    /// A version that does not look like `HTTP/1.x`, among them HTTP/0.9 (RFC 9112 §2.3).
    #[error("malformed version")]
    Version,
    /// A version other than 1.0 and 1.1 (RFC 9112 §2.3).
    #[error("version that is not served")]
    VersionRefused,
    /// A header name that is empty or holds a space, a control byte or one from 0x80 up (RFC 9112 §5.1).
    #[error("malformed header name")]
    HeaderName,
    /// A control byte in a header (RFC 9110 §5.5).
    #[error("control byte in a header")]
    Control,
    /// A header line that continues the one before (RFC 9112 §5.2).
    #[error("folded header line")]
    Folded,
    /// HTTP/1.1 without Host (RFC 9112 §3.2).
    #[error("no Host")]
    NoHost,
    /// More than one Host (RFC 9112 §3.2).
    #[error("more than one Host")]
    ManyHosts,
    /// A Host that is refused (RFC 9112 §3.2).
    #[error("malformed Host")]
    Host,
    /// An absolute-form target and a Host that name different hosts: one of them is routed by somewhere (RFC 9112
    /// §3.2.2).
    #[error("Host differs from the target's")]
    OtherHost,
    /// A Content-Length that is not one decimal number (RFC 9112 §6.3).
    #[error("malformed Content-Length")]
    Length,
    /// More than one Content-Length, be they equal (RFC 9112 §6.3; nginx).
    #[error("more than one Content-Length")]
    ManyLengths,
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.1).
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    /// A Transfer-Encoding that is not exactly `chunked`, once (RFC 9112 §6.1).
    #[error("transfer encoding that is not served")]
    Encoding,
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1).
    #[error("Transfer-Encoding in HTTP/1.0")]
    EncodingIn10,
    /// A request line longer than a buffer.
    #[error("request line too long")]
    TargetTooLong,
    /// A header longer than a buffer, more headers than all buffers hold, or too many.
    #[error("head too large")]
    HeadTooLarge,
    /// Not HTTP/1 at all: an HTTP/2 preface on a listener that does not speak it.
    #[error("HTTP/2 preface")]
    Preface,
}

impl BadRequest {
    /// Returns the status nginx would answer with; 494 is its own for a head too large and is sent as 400.
    pub const fn status(self) -> u16 {
        match self {
            Self::MethodRefused => 405,
            Self::TargetTooLong => 414,
            Self::HeadTooLarge => 494,
            Self::Encoding => 501,
            Self::VersionRefused => 505,
            _ => 400,
        }
    }
}

/// Why a response head of an upstream is refused; what a client sees is 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// No status line of HTTP/1 (RFC 9112 §4).
    #[error("malformed status line")]
    StatusLine,
    /// A header name or line that is malformed (RFC 9112 §5).
    #[error("malformed header")]
    Header,
    /// A Content-Length that is not one decimal number (RFC 9112 §6.3).
    #[error("malformed Content-Length")]
    Length,
    /// More than one Content-Length (RFC 9112 §6.3; nginx).
    #[error("more than one Content-Length")]
    ManyLengths,
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.1; nginx).
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    /// A Transfer-Encoding that is not exactly `chunked`, once (RFC 9112 §6.1; nginx).
    #[error("transfer encoding that is not understood")]
    Encoding,
    /// A head larger than the limit (nginx's `proxy_buffer_size`).
    #[error("head too large")]
    TooLarge,
    /// An answer to switch protocols that nobody asked to switch, or to another one (RFC 9110 §15.2.2).
    #[error("protocol switch that was not asked for")]
    Switch,
    /// Interim answers (1xx) without end.
    #[error("too many interim answers")]
    Interim,
}

/// Why the framing of a chunked body is refused (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// A chunk size that is not one to sixteen hexadecimal digits, or is followed by anything but an extension.
    #[error("malformed chunk size")]
    Size,
    /// A chunk extension with a byte that may not stand there, or a line of them beyond the limit.
    #[error("malformed chunk extension")]
    Extension,
    /// Chunk data that is not followed by CRLF.
    #[error("chunk without its end")]
    End,
    /// A malformed trailer, one that may not be a trailer, or too many bytes of them (RFC 9110 §6.5.1).
    #[error("malformed trailer")]
    Trailer,
}
