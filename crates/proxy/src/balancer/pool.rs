//! The addresses behind one upstream or one name, and the order in which they are chosen. A pool lives as long as what it
//! was made of: other targets or other addresses make another one.

use std::cell::Cell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use gibbon_model::entities::Target;
use gibbon_net::dns::Record;

use super::wheel::Wheel;
use crate::snapshot::Targets;

/// The port of a target that names none.
const TARGET_PORT: u16 = 8000;

/// An address that may be chosen.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) address: IpAddr,
    /// The port, unless it is the service's.
    pub(super) port: Option<u16>,
    /// What the upstream is called in Host.
    pub(super) name: Rc<str>,
}

/// What a pool was made of.
#[derive(Debug)]
pub(super) enum Origin {
    /// An address or a DNS name.
    Name,
    /// An upstream with its targets.
    Upstream(Arc<Targets>),
}

/// The addresses behind one upstream or name.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) origin: Origin,
    /// Names that were resolved, and what came out: another answer makes another pool.
    pub(super) answers: Vec<(Rc<str>, Vec<Record>)>,
    pub(super) spots: Vec<Spot>,
    pub(super) weights: Vec<u32>,
    pub(super) wheel: Wheel,
    /// Milliseconds of the worker's clock when names were looked at last.
    pub(super) checked: Cell<u64>,
    /// What was said of targets when it was made.
    pub(super) marks: u64,
}

/// Where a target is, as its text says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'t> {
    pub(super) host: &'t str,
    pub(super) port: u16,
}

impl<'t> Place<'t> {
    /// Reads `host:port`, `host`, `[v6]:port` or `v6`.
    pub(super) fn of(target: &'t Target) -> Self {
        Self::read(&target.target)
    }

    /// Reads the text of a target.
    pub(super) fn read(text: &'t str) -> Self {
        if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
            return Self { host, port: port.unwrap_or(TARGET_PORT) };
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => Self { host, port: port.parse().unwrap_or(TARGET_PORT) },
            _ => Self { host: text, port: TARGET_PORT },
        }
    }
}

impl Spot {
    /// Returns the socket address, for a service on `port`.
    pub(super) fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_targets() {
        for (text, host, port) in [
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("a.test", "a.test", 8000),
            ("a.test:1", "a.test", 1),
            ("[::1]:9", "::1", 9),
            ("[::1]", "::1", 8000),
            ("::1", "::1", 8000),
        ] {
            assert_eq!(Place::read(text), Place { host, port }, "{text}");
        }
    }
}
