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
    /// `headers_upstream`.
    pub(crate) tells_request_id: bool,
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
            tells_request_id: conf.headers_upstream.request_id,
            max_body: Some(conf.proxy_limits.client_max_body_size).filter(|size| *size > 0),
        }
    }

    /// Returns whether a body is told to be larger than the limit, so that the request is refused at once.
    pub(crate) fn refuses_body(&self, framing: Framing) -> bool {
        matches!((framing, self.max_body), (Framing::Length(length), Some(most)) if length > most)
    }
}
