//! What the node's properties say to the request path, read once: forms of errors, headers, whom to believe, limits.

use gibbon_conf::Conf;
use gibbon_conf::PortMaps;
use gibbon_sdk::http::Framing;

use crate::answer::Answers;
use crate::answer::HeadRules;
use crate::client::ClientRules;
use crate::forward::NextUpstream;

/// The properties that requests meet.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) answers: Answers,
    pub(crate) heads: HeadRules,
    pub(crate) clients: ClientRules,
    pub(crate) ports: PortMaps,
    pub(crate) next_upstream: NextUpstream,
    /// `overload_retry_after`, for Retry-After.
    pub(crate) retry_after: u64,
    /// `headers_upstream`.
    pub(crate) tells_request_id: bool,
    /// `limit_request_buffer` in bytes: so much of a body is read before the upstream is asked (`request_buffering`); what
    /// is longer passes as it comes.
    pub(crate) request_buffer: usize,
    /// `limit_response_buffer` in bytes: so much of an answer is held for plugins that want all of it.
    pub(crate) response_buffer: usize,
    /// `client_max_body_size` in bytes; `None` is no limit.
    max_body: Option<u64>,
}

impl Settings {
    /// Reads the properties.
    pub(crate) fn of(conf: &Conf) -> Self {
        Self {
            answers: Answers::of(conf),
            heads: HeadRules::of(conf),
            clients: ClientRules::of(conf),
            ports: conf.port_maps.clone(),
            next_upstream: NextUpstream::parse(conf.proxy_next_upstream()),
            retry_after: conf.overload_retry_after,
            request_buffer: usize::try_from(conf.bounds.request_buffer).unwrap_or(usize::MAX),
            response_buffer: match usize::try_from(conf.bounds.response_buffer) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(size) => size,
            },
            tells_request_id: conf.headers_upstream.request_id,
            max_body: Some(conf.proxy_limits.client_max_body_size).filter(|size| *size > 0),
        }
    }

    /// Returns whether a body is told to be larger than the limit, so that the request is refused at once.
    pub(crate) fn refuses_body(&self, framing: Framing) -> bool {
        matches!((framing, self.max_body), (Framing::Length(length), Some(most)) if length > most)
    }
}
