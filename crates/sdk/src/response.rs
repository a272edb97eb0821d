//! The answer on its way to the client.

use gibbon_http::ResponseHead;

/// Who made an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The gateway: a plugin's reply, or an error before the upstream was asked.
    Gateway,
    /// The upstream.
    Upstream,
    /// The gateway, because asking the upstream failed (502, 503, 504 after a try).
    FailedTry,
}

/// The response. Its headers may be set before there is one: those are sent with whatever answer comes (Kong's
/// `kong.response.set_header` in access).
#[derive(Debug, Default)]
pub struct Response {
    /// The head to be sent.
    pub head: ResponseHead,
    /// Who made it; `None` while there is no response.
    pub source: Option<Source>,
    /// The whole body, when it was buffered or made by the gateway. Filters may replace it in `header` and `response`.
    pub body: Option<Vec<u8>>,
}

impl Response {
    /// Empties it, keeping the buffers.
    pub fn clear(&mut self) {
        self.head.clear();
        self.source = None;
        self.body = None;
    }
}
