//! The answer on its way to the client.

use gibbon_http::Headers;

/// Who made an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The gateway: a plugin's reply, or an error before the upstream was asked.
    #[default]
    Gateway,
    /// The upstream.
    Upstream,
    /// The gateway, because asking the upstream failed (502, 503, 504 after a try).
    FailedTry,
}

/// The head of the response. Its headers may be set before there is a response: those are sent with whatever answer
/// comes (Kong's `kong.response.set_header` in access).
#[derive(Debug, Default)]
pub struct Response {
    /// HTTP status; 0 while there is no response.
    pub status: u16,
    /// Headers to be sent.
    pub headers: Headers,
    /// Who made it.
    pub source: Source,
    /// The whole body, when it was buffered or made by the gateway. Filters may replace it in `header` and `response`.
    pub body: Option<Vec<u8>>,
}

impl Response {
    /// Empties it, keeping the buffers.
    pub fn clear(&mut self) {
        self.status = 0;
        self.headers.clear();
        self.source = Source::default();
        self.body = None;
    }
}
