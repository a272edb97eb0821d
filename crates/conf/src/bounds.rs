//! What is bounded beside nginx's directives, and when a node sheds: Gibbon's own properties, `limit_*` and `overload_*`.
//! It measures nothing.

use crate::Block;
use crate::ConfError;
use crate::Directives;
use crate::units;

/// How much memory the process may take before requests are shed (`overload_memory`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As much as there is.
    Any,
    /// So many percent of what the machine or the container has.
    Percent(u8),
    /// So many bytes.
    Bytes(u64),
}

/// Bounds whose text is more than a number; the others are plain properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `limit_client_rate`: bytes a second; 0 is none.
    pub client_rate: u64,
    /// `limit_request_buffer` in bytes.
    pub request_buffer: u64,
    /// `limit_response_buffer` in bytes; 0 is none.
    pub response_buffer: u64,
    /// `overload_memory`.
    pub memory: Memory,
    /// `worker_connections`: client connections that a worker has at once.
    pub worker_connections: u64,
}

/// Client connections of a worker if nothing is said; what Kong's `auto` comes to where descriptors are plenty.
const CONNECTIONS: u64 = 16_384;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            client_rate: 240,
            request_buffer: 256 << 10,
            response_buffer: 100 << 20,
            memory: Memory::Percent(90),
            worker_connections: CONNECTIONS,
        }
    }
}

impl Bounds {
    /// Reads the bounds; `text` returns that of a property.
    pub(crate) fn of(directives: &Directives, text: impl Fn(&str) -> String) -> Result<Self, ConfError> {
        let read = |name: &str| units::size(&text(name)).ok_or_else(|| refused(name, &text(name)));
        let connections = directives.get(Block::Events, "worker_connections").unwrap_or("auto");
        let worker_connections = match connections.trim() {
            "auto" => CONNECTIONS,
            count => count
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| refused("nginx_events_worker_connections", count))?,
        };
        let told = text("overload_memory");
        Ok(Self {
            client_rate: read("limit_client_rate")?,
            request_buffer: read("limit_request_buffer")?,
            response_buffer: read("limit_response_buffer")?,
            memory: memory(&told).ok_or_else(|| refused("overload_memory", &told))?,
            worker_connections,
        })
    }
}

fn memory(text: &str) -> Option<Memory> {
    match text.trim() {
        "off" | "0" => Some(Memory::Any),
        text => match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Memory::Percent),
            None => units::size(text).map(Memory::Bytes),
        },
    }
}

fn refused(name: &str, value: &str) -> ConfError {
    ConfError::Directive { name: name.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_share_a_size_or_off() {
        for (text, want) in [
            ("90%", Some(Memory::Percent(90))),
            ("512m", Some(Memory::Bytes(512 << 20))),
            ("off", Some(Memory::Any)),
            ("0", Some(Memory::Any)),
            ("101%", None),
            ("0%", None),
            ("much", None),
        ] {
            assert_eq!(memory(text), want, "{text}");
        }
    }
}
