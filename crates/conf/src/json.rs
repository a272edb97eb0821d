//! The configuration as `GET /` shows it: every property, what Kong derives from them, secrets masked.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::Conf;
use crate::EnabledHeaders;
use crate::Listener;
use crate::directives::BLOCKS;
use crate::listen;
use crate::properties::find;
use crate::value::Value;

/// What stands for a secret.
const MASK: &str = "******";

/// Paths in the prefix that are shown.
const PATHS: &[(&str, &str)] = &[
    ("admin_acc_logs", "logs/admin_access.log"),
    ("admin_gui_ssl_cert_default", "ssl/admin-gui-kong-default.crt"),
    ("admin_gui_ssl_cert_default_ecdsa", "ssl/admin-gui-kong-default-ecdsa.crt"),
    ("admin_gui_ssl_cert_key_default", "ssl/admin-gui-kong-default.key"),
    ("admin_gui_ssl_cert_key_default_ecdsa", "ssl/admin-gui-kong-default-ecdsa.key"),
    ("admin_ssl_cert_default", "ssl/admin-kong-default.crt"),
    ("admin_ssl_cert_default_ecdsa", "ssl/admin-kong-default-ecdsa.crt"),
    ("admin_ssl_cert_key_default", "ssl/admin-kong-default.key"),
    ("admin_ssl_cert_key_default_ecdsa", "ssl/admin-kong-default-ecdsa.key"),
    ("client_ssl_cert_default", "ssl/kong-default.crt"),
    ("client_ssl_cert_key_default", "ssl/kong-default.key"),
    ("cluster_proxy_ssl_terminator_sock", "sockets/cp"),
    ("kong_env", ".kong_env"),
    ("kong_process_secrets", ".kong_process_secrets"),
    ("lua_ssl_trusted_certificate_combined", ".ca_combined"),
    ("nginx_acc_logs", "logs/access.log"),
    ("nginx_conf", "nginx.conf"),
    ("nginx_err_logs", "logs/error.log"),
    ("nginx_inject_conf", "nginx-inject.conf"),
    ("nginx_kong_conf", "nginx-kong.conf"),
    ("nginx_kong_gui_include_conf", "nginx-kong-gui-include.conf"),
    ("nginx_kong_inject_conf", "nginx-kong-inject.conf"),
    ("nginx_kong_stream_conf", "nginx-kong-stream.conf"),
    ("nginx_kong_stream_inject_conf", "nginx-kong-stream-inject.conf"),
    ("nginx_pid", "pids/nginx.pid"),
    ("socket_path", "sockets"),
    ("ssl_cert_csr_default", "ssl/kong-default.csr"),
    ("ssl_cert_default", "ssl/kong-default.crt"),
    ("ssl_cert_default_ecdsa", "ssl/kong-default-ecdsa.crt"),
    ("ssl_cert_key_default", "ssl/kong-default.key"),
    ("ssl_cert_key_default_ecdsa", "ssl/kong-default-ecdsa.key"),
    ("status_ssl_cert_default", "ssl/status-kong-default.crt"),
    ("status_ssl_cert_default_ecdsa", "ssl/status-kong-default-ecdsa.crt"),
    ("status_ssl_cert_key_default", "ssl/status-kong-default.key"),
    ("status_ssl_cert_key_default_ecdsa", "ssl/status-kong-default-ecdsa.key"),
    ("stream_config_sock", "sockets/sc"),
    ("stream_rpc_sock", "sockets/sp"),
    ("stream_tls_passthrough_sock", "sockets/sp"),
    ("stream_tls_terminate_sock", "sockets/st"),
    ("stream_worker_events_sock", "sockets/sw"),
    ("worker_events_sock", "sockets/we"),
];

/// Returns a value as it stands in a file or a directive.
pub(crate) fn line(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Flag(on) | Value::Switch(on) => if *on { "on" } else { "off" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::List(items) => items.join(","),
    }
}

/// Returns `entries` as Kong shows a list: an empty one is an empty object.
fn list(entries: Vec<Json>) -> Json {
    if entries.is_empty() { json!({}) } else { Json::Array(entries) }
}

fn shown(name: &str, value: &Value) -> Json {
    if find(name).is_some_and(|property| property.sensitive) {
        return json!(MASK);
    }
    match value {
        Value::Text(text) => json!(text),
        Value::Flag(on) => json!(on),
        Value::Switch(_) => json!(line(value)),
        Value::Number(number) if number.fract() == 0.0 => json!(*number as i64),
        Value::Number(number) => json!(number),
        Value::List(items) => list(items.iter().map(|item| json!(item)).collect()),
    }
}

impl Conf {
    /// Returns the configuration as `GET /` shows it under `configuration`.
    ///
    /// Properties that are not set are absent, secrets are `******`, references into vaults stand as given. What Kong derives is there
    /// too: `*_listeners`, `*_ssl_enabled`, `enabled_headers`, `nginx_*_directives`, paths in the prefix, and `loaded_plugins` from
    /// `plugins`, the names of those that run.
    pub fn to_json<'a>(&self, plugins: impl Iterator<Item = &'a str>) -> Map<String, Json> {
        let mut all: Map<String, Json> =
            self.shown.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
        let prefix = self.prefix.trim_end_matches('/');
        all.extend(PATHS.iter().map(|(name, path)| ((*name).to_owned(), json!(format!("{prefix}/{path}")))));
        for (block, _, name) in BLOCKS {
            let directives = self.directives.block(*block).map(|(name, value)| json!({"name": name, "value": value}));
            all.insert((*name).to_owned(), list(directives.collect()));
        }
        self.listeners_to_json(&mut all);
        let named =
            |names: &mut dyn Iterator<Item = String>| Json::Object(names.map(|name| (name, json!(true))).collect());
        all.insert("loaded_plugins".to_owned(), named(&mut plugins.map(str::to_owned)));
        all.insert("loaded_vaults".to_owned(), json!({"env": true}));
        all.insert("enabled_headers".to_owned(), headers_to_json(self.headers));
        all.insert(
            "enabled_headers_upstream".to_owned(),
            json!({"X-Kong-Request-Id": self.headers_upstream.request_id}),
        );
        all.insert("host_ports".to_owned(), self.host_ports_to_json());
        all.insert("lmdb_validation_tag".to_owned(), json!("3.10"));
        all.entry("lua_package_cpath").or_insert_with(|| json!(""));
        all.insert("pluginservers".to_owned(), json!({}));
        all
    }

    fn listeners_to_json(&self, all: &mut Map<String, Json>) {
        for (name, listeners, ssl) in [
            ("proxy", &self.proxy_listen, Some("proxy_ssl_enabled")),
            ("stream", &self.stream_listen, Some("stream_proxy_ssl_enabled")),
            ("admin", &self.admin_listen, Some("admin_ssl_enabled")),
            ("admin_gui", &self.admin_gui_listen, Some("admin_gui_ssl_enabled")),
            ("status", &self.status_listen, Some("status_ssl_enabled")),
            ("cluster", &self.cluster_listen, None),
        ] {
            let shown = listeners.iter().map(|listener| listener_to_json(name, listener)).collect();
            all.insert(format!("{name}_listeners"), list(shown));
            if let Some(key) = ssl {
                all.insert(key.to_owned(), json!(listeners.iter().any(|listener| listener.ssl)));
            }
        }
    }

    fn host_ports_to_json(&self) -> Json {
        self.port_maps.iter().map(|(listening, outside)| (listening.to_string(), json!(outside))).collect()
    }
}

fn listener_to_json(name: &str, listener: &Listener) -> Json {
    let host = if listener.host.contains(':') { format!("[{}]", listener.host) } else { listener.host.clone() };
    let flags = listen::flags(listener, name == "stream", name == "cluster");
    let on: Vec<&str> = flags.iter().filter(|(_, on)| *on).map(|(flag, _)| flag.as_str()).collect();
    let text = [vec![format!("{host}:{}", listener.port)], on.iter().map(|flag| (*flag).to_owned()).collect()]
        .concat()
        .join(" ");
    let mut shown = Map::new();
    shown.insert("ip".to_owned(), json!(host));
    shown.insert("port".to_owned(), json!(listener.port));
    shown.insert("listener".to_owned(), json!(text));
    shown.extend(flags.into_iter().map(|(flag, on)| (flag, json!(on))));
    Json::Object(shown)
}

fn headers_to_json(headers: EnabledHeaders) -> Json {
    json!({
        "server_tokens": headers.server && headers.via,
        "latency_tokens": headers.proxy_latency && headers.response_latency && headers.admin_latency && headers.upstream_latency,
        "Server": headers.server,
        "Via": headers.via,
        "X-Kong-Proxy-Latency": headers.proxy_latency,
        "X-Kong-Response-Latency": headers.response_latency,
        "X-Kong-Admin-Latency": headers.admin_latency,
        "X-Kong-Upstream-Latency": headers.upstream_latency,
        "X-Kong-Upstream-Status": headers.upstream_status,
        "X-Kong-Request-Id": headers.request_id,
    })
}
