//! What an endpoint answers, before the headers that every answer carries are added.

use http::HeaderValue;
use http::StatusCode;
use http::header::HeaderName;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::json::encode;
use crate::pages;

/// Content type of documents.
const JSON: &str = "application/json; charset=utf-8";

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    pub(crate) origin: Origin,
}

/// Who speaks, which decides the headers that are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An endpoint: all headers.
    Endpoint,
    /// An endpoint that nginx finishes with a page of its own: all headers, and bad requests end the connection.
    EndpointPage,
    /// nginx, before Kong's code was asked: `Server` and the latency, no CORS.
    Server,
    /// nginx's parser: nothing but what HTTP needs.
    Parser,
}

/// What handlers return: an answer, or one that cuts the handler short.
pub(crate) type Outcome = Result<Reply, Box<Reply>>;

impl Reply {
    /// Returns an answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), content_type: None, body: Vec::new(), origin: Origin::Endpoint }
    }

    /// Returns a document.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        Self { content_type: Some(JSON), body: encode(value), ..Self::empty(status) }
    }

    /// Returns a document with status 200.
    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// Returns `{"message": …}`.
    pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::json(status, &json!({ "message": message }))
    }

    /// Returns bytes as they are.
    pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type: Some(content_type), body, ..Self::empty(status) }
    }

    /// Returns nginx's page for a status.
    pub(crate) fn page(status: StatusCode, origin: Origin) -> Self {
        let body = pages::page(status).into_bytes();
        Self { content_type: Some(pages::HTML), body, origin, ..Self::empty(status) }
    }

    /// Returns the answer for what is not there.
    pub(crate) fn not_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "Not found")
    }

    /// Returns the answer for a method that a path does not take.
    pub(crate) fn method_not_allowed() -> Self {
        Self::message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
    }

    /// Returns the answer for what went wrong inside; the log says what.
    pub(crate) fn unexpected() -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred")
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns whether the connection ends with this answer, as nginx does after requests it cannot trust.
    pub(crate) fn closes(&self) -> bool {
        let untrusted = matches!(self.status.as_u16(), 400 | 413 | 414 | 500 | 501);
        match self.origin {
            Origin::Endpoint => false,
            Origin::EndpointPage | Origin::Server => untrusted,
            Origin::Parser => true,
        }
    }
}
