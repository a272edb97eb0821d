//! An answer that the gateway gives itself, in place of the upstream's. How it looks on the wire (templates by Accept,
//! gRPC status, latency headers) is decided in one place, by the proxy.

use std::borrow::Cow;

use gibbon_schema::Value;

/// The body of a [`Reply`].
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyBody {
    /// No body; Content-Length 0.
    Empty,
    /// Kong's `kong.response.error`: a template chosen by the client's Accept; `None` takes the status's default text.
    Error(Option<Cow<'static, str>>),
    /// Kong's `kong.response.exit` with a table: compact JSON, `application/json; charset=utf-8`.
    Json(Value),
    /// Bytes as they are; the reply's headers say what they are.
    Bytes(Vec<u8>),
}

/// An answer made by the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside those that the body brings; they replace ones of the same name set earlier.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// The body.
    pub body: ReplyBody,
}

impl Reply {
    /// Returns an answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Empty }
    }

    /// Returns an error answer in the form the client accepts (Kong's `kong.response.error`).
    pub fn error(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Error(Some(message.into())) }
    }

    /// Returns an error answer with the default text of `status`.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Error(None) }
    }

    /// Returns a JSON answer (Kong's `kong.response.exit` with a table).
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Json(body) }
    }

    /// Returns `{"message": …}` as a JSON answer.
    pub fn message(status: u16, message: &str) -> Self {
        Self::json(status, serde_json::json!({ "message": message }))
    }

    /// Returns an answer with this body and content type.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Bytes(body.into()) }.with("Content-Type", content_type)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }
}
