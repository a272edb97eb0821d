//! nginx directives that properties inject (`nginx_http_client_max_body_size`), and what those that Gibbon acts on mean. It writes no
//! nginx configuration; the others are only kept and shown.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ConfError;
use crate::units;

/// The block of nginx's configuration that a directive stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// `nginx_main_`.
    Main,
    /// `nginx_events_`.
    Events,
    /// `nginx_http_`: every HTTP listener.
    Http,
    /// `nginx_proxy_`: the proxy's listeners.
    Proxy,
    /// `nginx_location_`: the proxy's location.
    Location,
    /// `nginx_upstream_`: connections to upstreams.
    Upstream,
    /// `nginx_admin_`: the Admin API's listeners.
    Admin,
    /// `nginx_status_`: the Status API's listeners.
    Status,
    /// `nginx_stream_`: every stream listener.
    Stream,
    /// `nginx_sproxy_`: the stream proxy's listeners.
    StreamProxy,
    /// `nginx_supstream_`: connections of streams to upstreams.
    StreamUpstream,
    /// `nginx_wasm_main_shm_kv_`.
    WasmStore,
    /// `nginx_wasm_main_`.
    WasmMain,
    /// `nginx_wasm_wasmtime_`.
    WasmWasmtime,
    /// `nginx_wasm_v8_`.
    WasmV8,
    /// `nginx_wasm_wasmer_`.
    WasmWasmer,
}

/// Every block with the prefix of its properties and the name under which `GET /` shows its directives. Longer prefixes come first.
pub(crate) const BLOCKS: &[(Block, &str, &str)] = &[
    (Block::Main, "nginx_main_", "nginx_main_directives"),
    (Block::Events, "nginx_events_", "nginx_events_directives"),
    (Block::Http, "nginx_http_", "nginx_http_directives"),
    (Block::Proxy, "nginx_proxy_", "nginx_proxy_directives"),
    (Block::Location, "nginx_location_", "nginx_location_directives"),
    (Block::Upstream, "nginx_upstream_", "nginx_upstream_directives"),
    (Block::Admin, "nginx_admin_", "nginx_admin_directives"),
    (Block::Status, "nginx_status_", "nginx_status_directives"),
    (Block::Stream, "nginx_stream_", "nginx_stream_directives"),
    (Block::StreamProxy, "nginx_sproxy_", "nginx_sproxy_directives"),
    (Block::StreamUpstream, "nginx_supstream_", "nginx_supstream_directives"),
    (Block::WasmStore, "nginx_wasm_main_shm_kv_", "nginx_wasm_main_shm_kv_directives"),
    (Block::WasmMain, "nginx_wasm_main_", "nginx_wasm_main_directives"),
    (Block::WasmWasmtime, "nginx_wasm_wasmtime_", "nginx_wasm_wasmtime_directives"),
    (Block::WasmV8, "nginx_wasm_v8_", "nginx_wasm_v8_directives"),
    (Block::WasmWasmer, "nginx_wasm_wasmer_", "nginx_wasm_wasmer_directives"),
];

/// Directives that have a property of their own, so that they are not injected.
const IGNORED: &[&str] = &[
    "nginx_http_upstream_keepalive",
    "nginx_http_upstream_keepalive_timeout",
    "nginx_http_upstream_keepalive_requests",
    "nginx_http_lua_ssl_protocols",
    "nginx_stream_lua_ssl_protocols",
];

/// Directives that Gibbon acts on, in whichever block they may stand.
const SERVED: &[&str] = &[
    "worker_processes",
    "daemon",
    "client_max_body_size",
    "client_body_buffer_size",
    "client_header_buffer_size",
    "large_client_header_buffers",
    "client_header_timeout",
    "client_body_timeout",
    "send_timeout",
    "keepalive_requests",
    "keepalive_timeout",
    "lingering_time",
    "lingering_timeout",
    "max_headers",
    "http2_max_concurrent_streams",
    "proxy_buffer_size",
    "worker_connections",
    "proxy_next_upstream",
    "real_ip_header",
    "real_ip_recursive",
];

/// Returns the block that the property `name` puts a directive into, and the directive's name.
pub(crate) fn split(name: &str) -> Option<(Block, &str)> {
    BLOCKS
        .iter()
        .find_map(|(block, prefix, _)| Some((*block, name.strip_prefix(prefix)?)))
        .filter(|(_, rest)| !rest.is_empty())
}

/// Returns whether Gibbon acts on the directive of this name.
pub(crate) fn served(directive: &str) -> bool {
    SERVED.contains(&directive)
}

/// The directives that are injected, by block and name.
#[derive(Clone, Debug, Default)]
pub struct Directives(BTreeMap<(Block, String), String>);

impl Directives {
    /// Takes the directive of the property `name`, unless it is `NONE` or has a property of its own.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if value == "NONE" || IGNORED.contains(&name) {
            return;
        }
        if let Some((block, directive)) = split(name) {
            self.0.insert((block, directive.to_owned()), value.to_owned());
        }
    }

    /// Returns the value that `directive` has in `block`.
    pub fn get(&self, block: Block, directive: &str) -> Option<&str> {
        self.0.get(&(block, directive.to_owned())).map(String::as_str)
    }

    /// Returns the directives of `block`, sorted by name.
    pub fn block(&self, block: Block) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(move |((b, _), _)| *b == block).map(|((_, name), value)| (name.as_str(), value.as_str()))
    }
}

/// What a listener allows its clients, as nginx's directives say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `client_max_body_size` in bytes; 0 is no limit.
    pub client_max_body_size: u64,
    /// `client_body_buffer_size` in bytes.
    pub client_body_buffer_size: u64,
    /// `client_header_buffer_size` in bytes.
    pub client_header_buffer_size: u64,
    /// `large_client_header_buffers`: how many.
    pub large_header_buffers: u64,
    /// `large_client_header_buffers`: bytes of each, so the longest request line and header line.
    pub large_header_buffer_size: u64,
    /// `keepalive_requests` on one connection.
    pub keepalive_requests: u64,
    /// `keepalive_timeout`; zero closes after each response.
    pub keepalive_timeout: Duration,
    /// `client_header_timeout`.
    pub client_header_timeout: Duration,
    /// `client_body_timeout`, between two reads.
    pub client_body_timeout: Duration,
    /// `send_timeout`, between two writes.
    pub send_timeout: Duration,
    /// `lingering_time`: how long the rest of an answered request's body may take.
    pub lingering_time: Duration,
    /// `lingering_timeout`: how long a client is listened to after the last answer.
    pub lingering_timeout: Duration,
    /// `max_headers` of a request.
    pub max_headers: u64,
    /// `http2_max_concurrent_streams` of a connection.
    pub http2_max_concurrent_streams: u64,
    /// `proxy_buffer_size`: bytes that the head of an upstream's answer may have.
    pub proxy_buffer_size: u64,
}

impl Limits {
    /// Collects what holds for the listeners of `block`: its own directives, else those of `http`, else nginx's defaults.
    pub(crate) fn of(directives: &Directives, block: Block) -> Result<Self, ConfError> {
        let read = Read { directives, block };
        let (large_header_buffers, large_header_buffer_size) =
            read.with("large_client_header_buffers", (4, 8 << 10), |text| {
                let mut words = text.split_whitespace();
                Some((words.next()?.parse().ok()?, units::size(words.next()?)?)).filter(|(count, _)| *count > 0)
            })?;
        Ok(Self {
            client_max_body_size: read.with("client_max_body_size", 1 << 20, units::size)?,
            client_body_buffer_size: read.with("client_body_buffer_size", 16 << 10, units::size)?,
            client_header_buffer_size: read.with("client_header_buffer_size", 1 << 10, units::size)?,
            large_header_buffers,
            large_header_buffer_size,
            keepalive_requests: read.with("keepalive_requests", 1000, |text| text.parse().ok())?,
            // A second time is only what the `Keep-Alive` response header says.
            keepalive_timeout: read.with("keepalive_timeout", Duration::from_secs(75), |text| {
                units::duration(text.split_whitespace().next()?)
            })?,
            client_header_timeout: read.with("client_header_timeout", Duration::from_secs(60), units::duration)?,
            client_body_timeout: read.with("client_body_timeout", Duration::from_secs(60), units::duration)?,
            send_timeout: read.with("send_timeout", Duration::from_secs(60), units::duration)?,
            lingering_time: read.with("lingering_time", Duration::from_secs(30), units::duration)?,
            lingering_timeout: read.with("lingering_timeout", Duration::from_secs(5), units::duration)?,
            max_headers: read.with("max_headers", 1000, positive)?,
            http2_max_concurrent_streams: read.with("http2_max_concurrent_streams", 128, positive)?,
            // nginx's default is a page; many servers send more.
            proxy_buffer_size: read.with("proxy_buffer_size", 32 << 10, |text| {
                units::size(text).filter(|size| (1 << 10..=16 << 20).contains(size))
            })?,
        })
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

struct Read<'a> {
    directives: &'a Directives,
    block: Block,
}

impl Read<'_> {
    fn with<T>(&self, directive: &str, default: T, parse: impl Fn(&str) -> Option<T>) -> Result<T, ConfError> {
        let Some((block, text)) = [self.block, Block::Http]
            .into_iter()
            .find_map(|block| Some((block, self.directives.get(block, directive)?)))
        else {
            return Ok(default);
        };
        parse(text.trim()).ok_or_else(|| {
            let prefix = BLOCKS.iter().find(|(b, ..)| *b == block).map_or("nginx_", |(_, prefix, _)| prefix);
            ConfError::Directive { name: format!("{prefix}{directive}"), value: text.to_owned() }
        })
    }
}
