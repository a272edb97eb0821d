//! The table of properties: every name `kong.conf` knows, one row each. It says types and defaults; what a value must satisfy
//! beyond its type stands in `checks`, how text becomes a value in `value`.
//!
//! A row reads `name: RustType = kind, "default", served|accepted [sensitive];`. The empty default is "not set", `none` that it does not
//! exist unless it is set. `accepted` means that
//! Gibbon takes the property but does nothing with it yet. Source of names, types and defaults: Kong 3.10 (`kong_defaults`).

use std::net::SocketAddr;
use std::time::Duration;

use crate::Listener;
use crate::types::Consistency;
use crate::types::Database;
use crate::types::DnsOrder;
use crate::types::EnabledHeaders;
use crate::types::LogLevel;
use crate::types::PortMaps;
use crate::types::RealIpHeader;
use crate::types::Role;
use crate::types::RouterFlavor;
use crate::types::TrustedIps;
use crate::types::UpstreamHeaders;
use crate::types::WorkerCount;
use crate::value::FromValue;
use crate::value::Kind;
use crate::value::Value;

/// Whether Gibbon acts on a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The property does what Kong's does.
    Served,
    /// The property is taken and checked, but has no effect yet.
    Accepted,
}

/// One row of the table.
#[derive(Debug)]
pub struct Property {
    /// The name as in `kong.conf`.
    pub name: &'static str,
    /// How its text is read.
    pub kind: Kind,
    /// The text it has unless the user sets it; empty is unset. `None`: the property does not exist unless the user sets it.
    pub default: Option<&'static str>,
    /// Whether Gibbon acts on it.
    pub support: Support,
    /// Whether its value is shown as `******`.
    pub sensitive: bool,
    /// What it is for, in one sentence.
    pub description: &'static str,
}

/// Returns the row of `name`.
pub(crate) fn find(name: &str) -> Option<&'static Property> {
    // Rows are sorted, and a test sees to it.
    PROPERTIES.binary_search_by(|property| property.name.cmp(name)).ok().map(|at| &PROPERTIES[at])
}

macro_rules! properties {
    ($( #[doc = $doc:literal] $name:ident: $type:ty = $kind:ident $(($($choice:literal),*))?, $default:tt, $support:ident $($sensitive:ident)?; )*) => {
        /// Every property, in the order of their names.
        pub static PROPERTIES: &[Property] = &[ $( Property {
            name: stringify!($name),
            kind: kind!($kind $(($($choice),*))?),
            default: default!($default),
            support: support!($support),
            sensitive: sensitive!($($sensitive)?),
            description: $doc,
        }, )* ];

        /// The value of every property as a type. Unset text is `None`, an unset list is empty, an unset size, count or time is zero unless it is an `Option`.
        #[derive(Clone, Debug)]
        pub struct Properties { $( #[doc = $doc] pub $name: $type, )* }

        impl Properties {
            /// Reads every property through `value`, which answers with the checked value of a name.
            pub(crate) fn new<'a>(value: impl Fn(&'static str) -> Option<&'a Value>) -> Self {
                Self { $( $name: <$type as FromValue>::from_value(value(stringify!($name))), )* }
            }
        }
    };
}

macro_rules! kind {
    (text) => { Kind::Text };
    (flag) => { Kind::Flag };
    (switch) => { Kind::Switch };
    (number) => { Kind::Number };
    (list) => { Kind::List };
    (http_listen) => { Kind::HttpListen };
    (stream_listen) => { Kind::StreamListen };
    (choice($($choice:literal),*)) => { Kind::Choice(&[$($choice),*]) };
}

macro_rules! default {
    (none) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! support {
    (served) => {
        Support::Served
    };
    (accepted) => {
        Support::Accepted
    };
}

macro_rules! sensitive {
    () => {
        false
    };
    (sensitive) => {
        true
    };
}

properties! {
    /// Seconds between sweeps that delete expired TTL rows in Postgres (internal/debug knob).
    _debug_pg_ttl_cleanup_interval: Duration = number, "300", accepted;
    /// Destination of the Admin API access log; "off" disables.
    admin_access_log: String = text, "logs/admin_access.log", served;
    /// Destination of the Admin API error log; also used by the cluster listener.
    admin_error_log: String = text, "logs/error.log", served;
    /// Destination of the Kong Manager GUI access log.
    admin_gui_access_log: String = text, "logs/admin_gui_access.log", accepted;
    /// URL the browser GUI should use to reach the Admin API (else derived from admin_listen).
    admin_gui_api_url: Option<String> = text, "", accepted;
    /// Whether to emit a Content-Security-Policy header on GUI pages.
    admin_gui_csp_header: bool = flag, "off", accepted;
    /// Destination of the GUI error log.
    admin_gui_error_log: String = text, "logs/admin_gui_error.log", accepted;
    /// Listeners that serve Kong Manager static pages; "off" disables.
    admin_gui_listen: Vec<Listener> = http_listen, "0.0.0.0:8002, 0.0.0.0:8445 ssl", accepted;
    /// URL prefix of the GUI; must start with "/", not end with "/", only letters/digits/-/_ and slashes, no "//".
    admin_gui_path: String = text, "/", accepted;
    /// Certificate file(s)/PEM/base64 PEM for TLS GUI listeners.
    admin_gui_ssl_cert: Vec<String> = list, "", accepted;
    /// Key(s) matching admin_gui_ssl_cert, same count and order.
    admin_gui_ssl_cert_key: Vec<String> = list, "", accepted sensitive;
    /// List of public URLs of the GUI; their origins become the CORS allow-list of the Admin API (admin_gui_origin).
    admin_gui_url: Vec<String> = list, "", accepted;
    /// Listeners of the Admin API; "off" disables the Admin API.
    admin_listen: Vec<Listener> = http_listen, "127.0.0.1:8001 reuseport backlog=16384, 127.0.0.1:8444 http2 ssl reuseport backlog=16384", served;
    /// Certificate(s) for TLS Admin API listeners.
    admin_ssl_cert: Vec<String> = list, "", served;
    /// Key(s) matching admin_ssl_cert.
    admin_ssl_cert_key: Vec<String> = list, "", served sensitive;
    /// If on, a request carrying header Kong-Debug gets Kong-Route-Id/-Name and Kong-Service-Id/-Name response headers.
    allow_debug_header: bool = flag, "off", served;
    /// Send anonymous usage pings to kong-hf.konghq.com:61833.
    anonymous_reports: bool = flag, "on", served;
    /// Gibbon: a line in the error log for each write through the Admin API: who, what, when.
    audit_log: bool = flag, "off", served;
    /// Legacy name; buffer size for request bodies (kept in defaults, the effective one is nginx_http_client_body_buffer_size).
    client_body_buffer_size: String = text, "8k", accepted;
    /// Whether a client certificate is presented on upstream TLS by default.
    client_ssl: bool = flag, "off", served;
    /// Client certificate for upstream TLS when client_ssl is on.
    client_ssl_cert: Option<String> = text, "", served;
    /// Key of client_ssl_cert.
    client_ssl_cert_key: Option<String> = text, "", served sensitive;
    /// Trusted CA used in hybrid PKI mode (CP verifies DPs; DP verifies CP).
    cluster_ca_cert: Option<String> = text, "", accepted;
    /// Certificate used on the CP/DP connection (same pair on both sides in shared mode).
    cluster_cert: Option<String> = text, "", accepted;
    /// Key of cluster_cert.
    cluster_cert_key: Option<String> = text, "", accepted sensitive;
    /// Use the slower C JSON codec instead of simdjson for the CP/DP config payload.
    cluster_cjson: bool = flag, "off", accepted;
    /// host:port of the control plane that a data plane connects to.
    cluster_control_plane: String = text, "127.0.0.1:8005", accepted;
    /// Seconds after which a silent DP is removed from the status table (row ttl); minimum 60.
    cluster_data_plane_purge_delay: Duration = number, "1209600", accepted;
    /// Up to 10 key:value labels a DP reports to the CP; only valid on role=data_plane.
    cluster_dp_labels: Vec<String> = list, "", accepted;
    /// CP listener for DP connections (TLS is implied, flags are http flags).
    cluster_listen: Vec<Listener> = http_listen, "0.0.0.0:8005", accepted;
    /// Maximum websocket payload (bytes) accepted/produced on the cluster link; minimum 4194304.
    cluster_max_payload: u64 = number, "16777216", accepted;
    /// Mutual TLS scheme of the cluster link: same shared pair, or PKI with a CA.
    cluster_mtls: String = choice("shared", "pki"), "shared", accepted;
    /// OCSP revocation check of DP certs by CP in pki mode: off, on (fail closed), optional (fail open).
    cluster_ocsp: String = choice("on", "off", "optional"), "off", accepted;
    /// Enable the JSON-RPC (/v2/outlet) channel between CP and DP.
    cluster_rpc: bool = flag, "off", accepted;
    /// Enable incremental config sync (kong.sync.v2) over RPC; forced off unless cluster_rpc is on.
    cluster_rpc_sync: bool = flag, "off", accepted;
    /// SNI/verified server name DP uses in pki mode (in shared mode the name is always kong_clustering).
    cluster_server_name: Option<String> = text, "", accepted;
    /// DP reaches CP through proxy_server (HTTP CONNECT); not allowed on CP.
    cluster_use_proxy: bool = flag, "off", accepted;
    /// Storage: postgres, or off (DB-less). "cassandra" is recognised only to be rejected.
    database: Database = choice("postgres", "cassandra", "off"), "", served;
    /// Seconds a miss is cached; empty means same as db_cache_ttl (0 = never expires).
    db_cache_neg_ttl: Option<Duration> = number, "", served;
    /// Seconds an entity stays in cache; 0 = never expires (events invalidate).
    db_cache_ttl: Duration = number, "0", served;
    /// Entities preloaded into cache at start.
    db_cache_warmup_entities: Vec<String> = list, "services", served;
    /// Seconds a stale entity is kept serving when the database cannot be reached on refresh.
    db_resurrect_ttl: Duration = number, "30", served;
    /// Seconds between polls of the cluster_events table (also CP config push throttle).
    db_update_frequency: Duration = number, "5", served;
    /// Seconds to delay acting on invalidation events (for replicated databases).
    db_update_propagation: Duration = number, "0", served;
    /// Mentioned in the sample file only; no effect in OSS.
    debug_ssl_cert: Option<String> = text, none, accepted;
    /// Mentioned in the sample file only; masked as sensitive; no effect in OSS.
    debug_ssl_cert_key: Option<String> = text, none, accepted;
    /// Path of a YAML/JSON declarative file loaded at start when database=off.
    declarative_config: Option<String> = text, "", served;
    /// Inline declarative config (YAML or JSON text) used when database=off and no file is given.
    declarative_config_string: Option<String> = text, "", served sensitive;
    /// Run DP config handling in a privileged agent process instead of worker 0.
    dedicated_config_processing: bool = flag, "on", accepted;
    /// Entry count of the legacy DNS LRU cache.
    dns_cache_size: u64 = number, "10000", served;
    /// Seconds DNS error replies (other than name error) are cached.
    dns_error_ttl: Duration = number, "1", served;
    /// Hosts file read once at start (reload to re-read).
    dns_hostsfile: String = text, "/etc/hosts", served;
    /// If on, concurrent identical DNS queries are not merged.
    dns_no_sync: bool = flag, "off", accepted;
    /// Seconds empty answers and name errors are cached.
    dns_not_found_ttl: Duration = number, "30", served;
    /// Record types tried in order; LAST = the type that last succeeded for that name.
    dns_order: Vec<DnsOrder> = list, "LAST,SRV,A,CNAME", served;
    /// Name server list ip\[:port\] (default port 53); default from resolv.conf.
    dns_resolver: Vec<SocketAddr> = list, "", served;
    /// Seconds an expired record may still be served while it is refreshed.
    dns_stale_ttl: Duration = number, "3600", served;
    /// Overrides the TTL of valid answers.
    dns_valid_ttl: Option<Duration> = number, "", served;
    /// MIME type of generated errors when the request has neither Accept nor Content-Type.
    error_default_type: String = choice("application/json", "application/xml", "text/html", "text/plain"), "text/plain", served;
    /// Path of a custom HTML error template (two %s slots: message, request id).
    error_template_html: Option<String> = text, "", served;
    /// Path of a custom JSON error template.
    error_template_json: Option<String> = text, "", served;
    /// Path of a custom plain-text error template.
    error_template_plain: Option<String> = text, "", served;
    /// Path of a custom XML error template.
    error_template_xml: Option<String> = text, "", served;
    /// Response headers Kong adds: off, or tokens server_tokens, latency_tokens, Via, Server, X-Kong-Proxy-Latency, X-Kong-Response-Latency, X-Kong-Admin-Latency, X-Kong-Upstream-Latency, X-Kong-Upstream-Status, X-Kong-Request-Id (case-insensitive).
    headers: EnabledHeaders = list, "server_tokens, latency_tokens, x-kong-request-id", served;
    /// Headers injected upstream; only x-kong-request-id or off.
    headers_upstream: UpstreamHeaders = list, "x-kong-request-id", served;
    /// Internal result of port_maps (not user-settable in practice).
    host_ports: Option<String> = text, "", served;
    /// Gibbon: what the connections of a worker send together goes out with one system call (io_uring), where the system allows it.
    io_uring: bool = flag, "on", served;
    /// Set when run under the Kubernetes Ingress Controller (reporting only).
    kic: bool = flag, "off", accepted;
    /// Gibbon: bytes a second at which a client must at least send a body that is read ahead, and take an answer; 0 = any.
    limit_client_rate: String = text, "240", served;
    /// Gibbon: HTTP/2 frames that carry nothing (PING, SETTINGS, ...) a connection may send in 10 s, beside one per KB of traffic; 0 = any.
    limit_http2_control_frames: u64 = number, "2000", served;
    /// Gibbon: HTTP/2 streams that a client may reset on a connection in 10 s; 0 = any.
    limit_http2_resets: u64 = number, "500", served;
    /// Gibbon: bytes of a request body that are read before the upstream is asked; the rest passes as it comes.
    limit_request_buffer: String = text, "256k", served;
    /// Gibbon: bytes of an answer that are held in memory for a plugin that wants all of it; 0 = any.
    limit_response_buffer: String = text, "100m", served;
    /// Directory (relative to prefix) of the LMDB store used in DB-less and DP modes.
    lmdb_environment_path: String = text, "dbless.lmdb", accepted;
    /// Maximum LMDB size; exceeding it makes POST /config answer 413.
    lmdb_map_size: String = text, "2048m", accepted;
    /// Log level for the error logs.
    log_level: LogLevel = choice("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"), "notice", served;
    /// Maximum number of form args the PDK parses (1..1000).
    lua_max_post_args: u64 = number, "100", served;
    /// Maximum number of request headers parsed (1..1000).
    lua_max_req_headers: u64 = number, "100", served;
    /// Maximum number of response headers parsed (1..1000).
    lua_max_resp_headers: u64 = number, "100", served;
    /// Maximum number of query args parsed (1..1000).
    lua_max_uri_args: u64 = number, "100", served;
    /// Lua C module path.
    lua_package_cpath: Option<String> = text, "", accepted;
    /// Lua module path; where custom plugins are found.
    lua_package_path: String = text, "./?.lua;./?/init.lua;", accepted;
    /// Default size of cosocket connection pools.
    lua_socket_pool_size: u64 = number, "256", accepted;
    /// TLS versions for outbound cosocket connections.
    lua_ssl_protocols: String = text, "TLSv1.2 TLSv1.3", accepted;
    /// CA bundle(s) for outbound cosocket TLS; "system" finds the OS bundle.
    lua_ssl_trusted_certificate: Vec<String> = list, "system", served;
    /// Chain depth for outbound cosocket TLS verification.
    lua_ssl_verify_depth: u64 = number, "1", served;
    /// Size of each of the two entity cache shared dictionaries (core and plugins).
    mem_cache_size: String = text, "128m", served;
    /// Switch to the newer DNS client configured by resolver_* properties.
    new_dns_client: bool = flag, "off", accepted;
    /// nginx directive client_body_buffer_size in the Admin API server.
    nginx_admin_client_body_buffer_size: String = text, "10m", served;
    /// nginx directive client_max_body_size in the Admin API server (413 beyond it).
    nginx_admin_client_max_body_size: String = text, "10m", served;
    /// Alias of nginx_main_daemon.
    nginx_daemon: bool = switch, "on", served;
    /// nginx directive multi_accept.
    nginx_events_multi_accept: String = text, "on", accepted;
    /// nginx directive worker_connections: client connections of a worker (auto = 16384).
    nginx_events_worker_connections: String = text, "auto", served;
    /// nginx directive charset in http block.
    nginx_http_charset: String = text, "UTF-8", accepted;
    /// nginx directive client_body_buffer_size.
    nginx_http_client_body_buffer_size: String = text, "8k", served;
    /// Example of a dynamic directive: client_header_buffer_size 1k (no built-in default entry).
    nginx_http_client_header_buffer_size: Option<String> = text, none, served;
    /// nginx directive client_max_body_size; 0 = unlimited.
    nginx_http_client_max_body_size: String = text, "0", served;
    /// nginx directive grpc_ssl_conf_command.
    nginx_http_grpc_ssl_conf_command: Option<String> = text, "", accepted;
    /// nginx directive keepalive_requests (client side).
    nginx_http_keepalive_requests: String = text, "10000", served;
    /// Example of a dynamic directive: large_client_header_buffers 4 8k (no built-in default entry).
    nginx_http_large_client_header_buffers: Option<String> = text, none, served;
    /// nginx directive lua_regex_cache_max_entries.
    nginx_http_lua_regex_cache_max_entries: String = text, "8192", accepted;
    /// nginx directive lua_regex_match_limit (PCRE backtrack guard).
    nginx_http_lua_regex_match_limit: String = text, "100000", accepted;
    /// nginx directive lua_ssl_conf_command.
    nginx_http_lua_ssl_conf_command: Option<String> = text, "", accepted;
    /// nginx directive proxy_ssl_conf_command.
    nginx_http_proxy_ssl_conf_command: Option<String> = text, "", accepted;
    /// nginx directive ssl_conf_command.
    nginx_http_ssl_conf_command: Option<String> = text, "", accepted;
    /// nginx directive ssl_dhparam (predefined group name, file or base64).
    nginx_http_ssl_dhparam: Option<String> = text, "", accepted;
    /// nginx directive ssl_prefer_server_ciphers.
    nginx_http_ssl_prefer_server_ciphers: Option<String> = text, "", accepted;
    /// nginx directive ssl_protocols.
    nginx_http_ssl_protocols: Option<String> = text, "", accepted;
    /// nginx directive ssl_session_tickets.
    nginx_http_ssl_session_tickets: Option<String> = text, "", accepted;
    /// nginx directive ssl_session_timeout.
    nginx_http_ssl_session_timeout: Option<String> = text, "", accepted;
    /// nginx directive daemon (off keeps kong start in foreground).
    nginx_main_daemon: String = text, "on", served;
    /// nginx directive user; dropped if user/group kong does not exist or value is nobody.
    nginx_main_user: String = text, "kong kong", accepted;
    /// Number of workers.
    nginx_main_worker_processes: WorkerCount = text, "auto", served;
    /// File descriptor limit per worker (auto = from ulimit).
    nginx_main_worker_rlimit_nofile: String = text, "auto", accepted;
    /// nginx directive real_ip_header in the proxy server.
    nginx_proxy_real_ip_header: RealIpHeader = text, "X-Real-IP", served;
    /// nginx directive real_ip_recursive in the proxy server.
    nginx_proxy_real_ip_recursive: String = text, "off", served;
    /// stream counterpart of lua_ssl_conf_command.
    nginx_stream_lua_ssl_conf_command: Option<String> = text, "", accepted;
    /// stream counterpart of proxy_ssl_conf_command.
    nginx_stream_proxy_ssl_conf_command: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_conf_command.
    nginx_stream_ssl_conf_command: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_dhparam.
    nginx_stream_ssl_dhparam: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_prefer_server_ciphers.
    nginx_stream_ssl_prefer_server_ciphers: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_protocols.
    nginx_stream_ssl_protocols: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_session_tickets.
    nginx_stream_ssl_session_tickets: Option<String> = text, "", accepted;
    /// stream counterpart of ssl_session_timeout.
    nginx_stream_ssl_session_timeout: Option<String> = text, "", accepted;
    /// Alias of nginx_main_user.
    nginx_user: String = text, "kong kong", accepted;
    /// Size of the default wasm shared key/value store.
    nginx_wasm_main_shm_kv: Option<String> = text, none, accepted;
    /// Alias of nginx_main_worker_processes.
    nginx_worker_processes: WorkerCount = text, "auto", served;
    /// Fixed node UUID; otherwise a per-prefix id is generated (and persisted for DP).
    node_id: Option<String> = text, "", served;
    /// Where to look for the nginx binary.
    openresty_path: Option<String> = text, "", accepted;
    /// Deprecated alias of tracing_instrumentations.
    opentelemetry_tracing: Vec<String> = list, "off", accepted;
    /// Deprecated alias of tracing_sampling_rate.
    opentelemetry_tracing_sampling_rate: f64 = number, "0.01", accepted;
    /// Gibbon: seconds that a worker may be late, three times in a row, before requests are shed; 0 = any.
    overload_lag: Duration = number, "1", served;
    /// Gibbon: memory of the process from which on requests are shed: a share of the machine's or the container's, or a size; off = any.
    overload_memory: String = text, "90%", served;
    /// Gibbon: requests in flight in a worker above which further ones are shed; 0 = any.
    overload_requests: u64 = number, "16384", served;
    /// Gibbon: what Retry-After says to those who are shed, in seconds.
    overload_retry_after: u64 = number, "1", served;
    /// Max queued Postgres connections when pool full (integer >= 0).
    pg_backlog: Option<u64> = number, "", accepted;
    /// Postgres database name.
    pg_database: String = text, "kong", served;
    /// Postgres host.
    pg_host: String = text, "127.0.0.1", served;
    /// Milliseconds an idle Postgres connection stays pooled.
    pg_keepalive_timeout: Option<u64> = number, "", served;
    /// Max concurrent queries per worker; 0 = unlimited.
    pg_max_concurrent_queries: u64 = number, "0", served;
    /// Postgres password.
    pg_password: Option<String> = text, "", served sensitive;
    /// Postgres connection pool size per worker.
    pg_pool_size: Option<u64> = number, "", served;
    /// Postgres port.
    pg_port: u64 = number, "5432", served;
    /// Read-only replica counterpart of pg_backlog; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_backlog: Option<u64> = number, "", accepted;
    /// Read-only replica counterpart of pg_database; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_database: Option<String> = text, "", served;
    /// Read-only replica counterpart of pg_host; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_host: Option<String> = text, "", served;
    /// Read-only replica counterpart of pg_keepalive_timeout; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_keepalive_timeout: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_max_concurrent_queries; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_max_concurrent_queries: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_password; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_password: Option<String> = text, "", served sensitive;
    /// Read-only replica counterpart of pg_pool_size; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_pool_size: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_port; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_port: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_schema; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_schema: Option<String> = text, "", served;
    /// Read-only replica counterpart of pg_semaphore_timeout; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_semaphore_timeout: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_ssl; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_ssl: bool = flag, "", served;
    /// Read-only replica counterpart of pg_ssl_verify; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_ssl_verify: bool = flag, "", served;
    /// Read-only replica counterpart of pg_timeout; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_timeout: Option<u64> = number, "", served;
    /// Read-only replica counterpart of pg_user; when unset the main value is used (a read-only connection exists only if pg_ro_host is set).
    pg_ro_user: Option<String> = text, "", served;
    /// Postgres schema (search_path); server default if unset.
    pg_schema: Option<String> = text, "", served;
    /// Milliseconds to wait for a query slot.
    pg_semaphore_timeout: u64 = number, "60000", served;
    /// Use TLS to Postgres.
    pg_ssl: bool = flag, "off", served;
    /// Verify the Postgres server certificate (against lua_ssl_trusted_certificate).
    pg_ssl_verify: bool = flag, "off", served;
    /// Milliseconds timeout for connect/read/write to Postgres.
    pg_timeout: u64 = number, "5000", served;
    /// Postgres user.
    pg_user: String = text, "kong", served;
    /// Plugins to enable: "bundled" expands to all bundled; other names are custom; "off" alone disables all.
    plugins: Vec<String> = list, "bundled", served;
    /// Names of external plugin servers; each is configured with pluginserver_`<name>`_socket/_start_cmd/_query_cmd.
    pluginserver_names: Vec<String> = list, "", accepted;
    /// external:listen port pairs used for X-Forwarded-Port and port matching when ports are remapped (containers).
    port_maps: PortMaps = list, "", served;
    /// Working directory (pids, logs, sockets, certs, .kong_env).
    prefix: String = text, "/usr/local/kong/", served;
    /// Deprecated alias of dedicated_config_processing.
    privileged_worker: bool = flag, none, accepted;
    /// Proxy access log destination; "off" disables; a format name may follow.
    proxy_access_log: String = text, "logs/access.log", served;
    /// Proxy error log destination.
    proxy_error_log: String = text, "logs/error.log", served;
    /// Listeners for HTTP(S) proxy traffic.
    proxy_listen: Vec<Listener> = http_listen, "0.0.0.0:8000 reuseport backlog=16384, 0.0.0.0:8443 http2 ssl reuseport backlog=16384", served;
    /// Forward proxy URL (http/https) used for cluster and some outbound links.
    proxy_server: Option<String> = text, "", accepted sensitive;
    /// Verify certificate of an https proxy_server.
    proxy_server_ssl_verify: bool = flag, "on", accepted;
    /// L4 access log destination and format.
    proxy_stream_access_log: String = text, "logs/access.log basic", accepted;
    /// L4 error log destination.
    proxy_stream_error_log: String = text, "logs/error.log", accepted;
    /// Alias of nginx_proxy_real_ip_header: header (or proxy_protocol) that supplies the client address.
    real_ip_header: RealIpHeader = text, "X-Real-IP", served;
    /// Alias of nginx_proxy_real_ip_recursive.
    real_ip_recursive: bool = switch, "off", served;
    /// Allow the X-Kong-Request-Debug timing feature.
    request_debug: bool = flag, "on", accepted;
    /// Token required from non-loopback clients; random per start (written to prefix .request_debug_token) when empty.
    request_debug_token: Option<String> = text, "", accepted;
    /// New DNS client: name servers.
    resolver_address: Vec<SocketAddr> = list, "", accepted;
    /// New DNS client: TTL of errors and empty answers.
    resolver_error_ttl: Duration = number, "1", accepted;
    /// New DNS client: record types supported (A, AAAA, SRV).
    resolver_family: Vec<String> = list, "A,SRV", accepted;
    /// New DNS client: hosts file.
    resolver_hosts_file: String = text, "/etc/hosts", accepted;
    /// New DNS client: LRU entries per worker.
    resolver_lru_cache_size: u64 = number, "10000", accepted;
    /// New DNS client: shared cache size.
    resolver_mem_cache_size: String = text, "5m", accepted;
    /// New DNS client: seconds stale records may be used.
    resolver_stale_ttl: Duration = number, "3600", accepted;
    /// New DNS client: override TTL of valid answers.
    resolver_valid_ttl: Option<Duration> = number, "", accepted;
    /// Node role: traditional, control_plane or data_plane.
    role: Role = choice("data_plane", "control_plane", "traditional"), "traditional", served;
    /// Deprecated alias of worker_consistency.
    router_consistency: Option<String> = choice("strict", "eventual"), none, served;
    /// Router implementation; decides route schema too.
    router_flavor: RouterFlavor = choice("traditional", "traditional_compatible", "expressions"), "traditional_compatible", served;
    /// Default proxy certificate(s); an RSA and an ECDSA pair are self-generated if empty.
    ssl_cert: Vec<String> = list, "", served;
    /// Key(s) of ssl_cert.
    ssl_cert_key: Vec<String> = list, "", served sensitive;
    /// Preset: modern, intermediate, old, fips or custom.
    ssl_cipher_suite: String = text, "intermediate", served;
    /// Cipher list, only honoured when ssl_cipher_suite=custom.
    ssl_ciphers: Option<String> = text, "", accepted;
    /// DH parameters; forced by preset suites.
    ssl_dhparam: Option<String> = text, "", accepted;
    /// Prefer server order; overridden by preset suites.
    ssl_prefer_server_ciphers: bool = switch, "on", accepted;
    /// TLS versions; overridden by preset suites.
    ssl_protocols: String = text, "TLSv1.2 TLSv1.3", accepted;
    /// Size of the TLS session cache.
    ssl_session_cache_size: String = text, "10m", accepted;
    /// TLS session tickets on/off.
    ssl_session_tickets: bool = switch, "on", accepted;
    /// TLS session lifetime.
    ssl_session_timeout: String = text, "1d", accepted;
    /// Status API access log.
    status_access_log: String = text, "off", served;
    /// Status API error log.
    status_error_log: String = text, "logs/status_error.log", served;
    /// Listeners of the Status API; "off" disables.
    status_listen: Vec<Listener> = http_listen, "127.0.0.1:8007 reuseport backlog=16384", served;
    /// Certificate(s) for TLS Status API listeners.
    status_ssl_cert: Vec<String> = list, "", served;
    /// Key(s) of status_ssl_cert.
    status_ssl_cert_key: Vec<String> = list, "", served sensitive;
    /// Listeners for TCP/TLS/UDP proxying; off by default.
    stream_listen: Vec<Listener> = stream_listen, "off", accepted;
    /// Span types to create: off, all, request, db_query, dns_query, router, http_client, balancer, plugin_rewrite, plugin_access, plugin_header_filter.
    tracing_instrumentations: Vec<String> = list, "off", accepted;
    /// Probability (0..1) that a trace is sampled.
    tracing_sampling_rate: f64 = number, "0.01", accepted;
    /// Addresses/CIDRs (or unix:) whose X-Forwarded-* and real-ip headers are believed.
    trusted_ips: TrustedIps = list, "", served;
    /// Policy for admin-supplied Lua code: off, sandbox, on.
    untrusted_lua: String = choice("on", "off", "sandbox"), "sandbox", accepted;
    /// Extra globals allowed in the sandbox.
    untrusted_lua_sandbox_environment: Vec<String> = list, "", accepted;
    /// Modules allowed through require in the sandbox.
    untrusted_lua_sandbox_requires: Vec<String> = list, "", accepted;
    /// Seconds an idle upstream connection stays pooled; 0 = forever.
    upstream_keepalive_idle_timeout: Duration = number, "60", served;
    /// Requests per upstream connection; 0 = unlimited.
    upstream_keepalive_max_requests: u64 = number, "10000", served;
    /// Upstream keepalive connections per pool per worker; 0 disables upstream keepalive.
    upstream_keepalive_pool_size: u64 = number, "512", served;
    /// Prefix prepended to the variable name by the env vault (dynamic key vault_`<vault>`_`<field>`).
    vault_env_prefix: Option<String> = text, none, served;
    /// Vault backends enabled: bundled (= env in OSS), names, or off.
    vaults: Vec<String> = list, "bundled", served;
    /// Enable proxy-wasm support.
    wasm: bool = flag, "off", accepted;
    /// Internal: path of the wasm nginx module.
    wasm_dynamic_module: Option<String> = text, "", accepted;
    /// Which filters may be used: bundled, user, off or names.
    wasm_filters: Vec<String> = list, "bundled,user", accepted;
    /// Directory scanned (not recursively) for *.wasm filters and NAME.meta.json.
    wasm_filters_path: Option<String> = text, "", accepted;
    /// strict = rebuild router/plugins synchronously on request; eventual = background. strict is deprecated.
    worker_consistency: Consistency = choice("strict", "eventual"), "eventual", served;
    /// Maximum payload of an inter-worker event.
    worker_events_max_payload: u64 = number, "65535", accepted;
    /// Seconds between background checks for router/plugins/upstreams rebuild (> 0).
    worker_state_update_frequency: Duration = number, "5", served;
}
