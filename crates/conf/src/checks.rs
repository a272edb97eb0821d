//! What a configuration must satisfy beyond the types of its values, in Kong's order and words. Files are not looked at here: the caller
//! that may read them checks certificates and host files.

use crate::ConfError;
use crate::listen;
use crate::listen::Subsystem;
use crate::types;
use crate::types::DnsOrder;
use crate::types::EnabledHeaders;
use crate::types::PortMaps;
use crate::value::Value;

/// The instrumentations that `tracing_instrumentations` knows.
const TRACING: &[&str] = &[
    "off",
    "all",
    "request",
    "db_query",
    "dns_query",
    "router",
    "http_client",
    "balancer",
    "plugin_rewrite",
    "plugin_access",
    "plugin_header_filter",
];

/// Properties that, when set, are integers of at least 0.
const COUNTS: &[&str] = &[
    "pg_max_concurrent_queries",
    "pg_semaphore_timeout",
    "pg_keepalive_timeout",
    "pg_pool_size",
    "pg_backlog",
    "pg_ro_max_concurrent_queries",
    "pg_ro_semaphore_timeout",
    "pg_ro_keepalive_timeout",
    "pg_ro_pool_size",
    "pg_ro_backlog",
];

const LUA_LIMITS: &[&str] = &["lua_max_req_headers", "lua_max_resp_headers", "lua_max_uri_args", "lua_max_post_args"];

/// The values of all properties, by name.
pub(crate) struct Checks<'a> {
    value: &'a dyn Fn(&str) -> Option<&'a Value>,
    errors: Vec<ConfError>,
}

/// Returns all that is wrong with the values, which are of their types.
pub(crate) fn check<'a>(value: &'a dyn Fn(&str) -> Option<&'a Value>) -> Vec<ConfError> {
    let mut checks = Checks { value, errors: Vec::new() };
    checks.port_maps();
    checks.certificates();
    checks.gui_path();
    checks.cipher_suite();
    checks.words();
    checks.addresses();
    checks.numbers();
    checks.proxy_server();
    checks.role();
    checks.limits();
    checks.tracing();
    checks.node();
    checks.listeners();
    checks.errors
}

impl<'a> Checks<'a> {
    fn items(&self, name: &str) -> &'a [String] {
        (self.value)(name).map(Value::items).unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        (self.value)(name).and_then(Value::text)
    }

    fn number(&self, name: &str) -> Option<f64> {
        match (self.value)(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn flag(&self, name: &str) -> bool {
        matches!((self.value)(name), Some(Value::Flag(true)))
    }

    fn rule(&mut self, text: impl Into<String>) {
        self.errors.push(ConfError::Rule(text.into()));
    }

    fn off(&self, listen: &str) -> bool {
        self.items(listen).first().is_none_or(|first| first == "off")
    }

    fn port_maps(&mut self) {
        for entry in self.items("port_maps") {
            if PortMaps::entry(entry).is_none() {
                self.rule(format!("invalid port mapping (`port_maps`): {entry}"));
            }
        }
    }

    fn certificates(&mut self) {
        for (listen, prefix) in [
            ("proxy_listen", ""),
            ("admin_listen", "admin_"),
            ("admin_gui_listen", "admin_gui_"),
            ("status_listen", "status_"),
        ] {
            let ssl = |listen: &str| {
                self.items(listen).iter().any(|entry| entry.split_whitespace().any(|word| word == "ssl"))
            };
            if !(ssl(listen) || prefix.is_empty() && ssl("stream_listen")) {
                continue;
            }
            let certs = self.items(&format!("{prefix}ssl_cert")).len();
            let keys = self.items(&format!("{prefix}ssl_cert_key")).len();
            if certs > 0 && keys == 0 {
                self.rule(format!("{prefix}ssl_cert_key must be specified"));
            } else if keys > 0 && certs == 0 {
                self.rule(format!("{prefix}ssl_cert must be specified"));
            } else if certs != keys {
                self.rule(format!(
                    "{prefix}ssl_cert was specified {certs} times while {prefix}ssl_cert_key was specified {keys} times"
                ));
            }
        }
        if self.flag("client_ssl") {
            match (self.text("client_ssl_cert"), self.text("client_ssl_cert_key")) {
                (Some(_), None) => self.rule("client_ssl_cert_key must be specified"),
                (None, Some(_)) => self.rule("client_ssl_cert must be specified"),
                _ => {}
            }
        }
    }

    fn gui_path(&mut self) {
        let Some(path) = self.text("admin_gui_path") else { return };
        if !path.starts_with('/') {
            self.rule("admin_gui_path must start with a slash ('/')");
        }
        if path.len() > 2 && path.starts_with('/') && path.ends_with('/') {
            self.rule("admin_gui_path must not end with a slash ('/')");
        }
        if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte)) {
            self.rule(
                "admin_gui_path can only contain letters, digits, hyphens ('-'), underscores ('_'), and slashes ('/')",
            );
        }
        if path.contains("//") {
            self.rule("admin_gui_path must not contain continuous slashes ('/')");
        }
    }

    fn cipher_suite(&mut self) {
        let suite = self.text("ssl_cipher_suite").unwrap_or("nil");
        if !["modern", "intermediate", "old", "fips", "custom"].contains(&suite) {
            self.rule(format!("Undefined cipher suite {suite}"));
        }
    }

    fn words(&mut self) {
        self.entries("headers", |token| token == "off" || EnabledHeaders::default().enable(token));
        self.entries("headers_upstream", |token| token == "off" || token.eq_ignore_ascii_case("x-kong-request-id"));
        self.entries("dns_order", |token| DnsOrder::parse(&token.to_ascii_uppercase()).is_some());
        self.entries("resolver_family", |token| matches!(token.to_ascii_uppercase().as_str(), "A" | "AAAA" | "SRV"));
    }

    fn entries(&mut self, name: &str, known: impl Fn(&str) -> bool) {
        for entry in self.items(name) {
            if !known(entry) {
                self.errors.push(ConfError::Entry { name: name.to_owned(), entry: entry.clone() });
            }
        }
    }

    fn addresses(&mut self) {
        for name in ["dns_resolver", "resolver_address"] {
            self.each_address(name, "IPv4/6 or IPv4/6:port", |entry| listen::name_server(entry).is_some());
        }
        let known = |entry: &str| entry == "unix:" || types::network(entry).is_some();
        self.each_address("trusted_ips", "IPv4 or IPv6 address or CIDR block or 'unix:'", known);
    }

    fn each_address(&mut self, name: &str, form: &'static str, known: impl Fn(&str) -> bool) {
        for entry in self.items(name) {
            if !known(entry) {
                self.errors.push(ConfError::Address { name: name.to_owned(), form, entry: entry.clone() });
            }
        }
    }

    fn numbers(&mut self) {
        for name in COUNTS {
            let Some(number) = self.number(name) else { continue };
            if number < 0.0 {
                self.rule(format!("{name} must be greater than 0"));
            }
            if number.fract() != 0.0 {
                self.rule(format!("{name} must be an integer greater than 0"));
            }
        }
        if self.number("worker_state_update_frequency").is_none_or(|number| number <= 0.0) {
            self.rule("worker_state_update_frequency must be greater than 0");
        }
    }

    fn proxy_server(&mut self) {
        let Some(url) = self.text("proxy_server") else { return };
        let Some((scheme, rest)) = url.split_once("://") else { return self.rule("proxy_server missing scheme") };
        if scheme != "http" && scheme != "https" {
            self.rule(format!("proxy_server only supports \"http\" and \"https\", got {scheme}"));
        } else if rest.is_empty() || rest.starts_with(['/', ':']) {
            self.rule("proxy_server missing host");
        } else if rest.contains(['?', '#', ';']) {
            self.rule("fragments, query strings or parameters are meaningless in proxy configuration");
        }
    }

    fn role(&mut self) {
        let role = self.text("role").unwrap_or("traditional");
        let labelled = !self.items("cluster_dp_labels").is_empty();
        if role != "traditional" && (self.text("cluster_cert").is_none() || self.text("cluster_cert_key").is_none()) {
            self.rule("cluster certificate and key must be provided to use Hybrid mode");
        }
        let database = self.text("database");
        match role {
            "control_plane" => self.control_plane(database == Some("off"), labelled),
            "data_plane" => {
                if self.off("proxy_listen") {
                    self.rule("proxy_listen must be specified when role = \"data_plane\"");
                }
                if database != Some("off") {
                    self.rule("only in-memory storage can be used when role = \"data_plane\"\nHint: set database = off in your kong.conf");
                }
                if self.flag("cluster_use_proxy") && self.text("proxy_server").is_none() {
                    self.rule("cluster_use_proxy is turned on but no proxy_server is configured");
                }
                self.labels();
            }
            _ if labelled => self.rule("cluster_dp_labels can only be used when role = \"data_plane\""),
            _ => {}
        }
    }

    fn control_plane(&mut self, in_memory: bool, labelled: bool) {
        let pki = self.text("cluster_mtls") == Some("pki") && self.text("cluster_ca_cert").is_none();
        let rules = [
            (self.off("admin_listen"), "admin_listen must be specified when role = \"control_plane\""),
            (pki, "cluster_ca_cert must be specified when cluster_mtls = \"pki\""),
            (self.off("cluster_listen"), "cluster_listen must be specified when role = \"control_plane\""),
            (in_memory, "in-memory storage can not be used when role = \"control_plane\""),
            (self.flag("cluster_use_proxy"), "cluster_use_proxy can not be used when role = \"control_plane\""),
            (labelled, "cluster_dp_labels can not be used when role = \"control_plane\""),
        ];
        for (broken, text) in rules {
            if broken {
                self.rule(text);
            }
        }
    }

    fn labels(&mut self) {
        let labels = self.items("cluster_dp_labels");
        if labels.len() > 10 {
            return self.rule("labels validation failed: count exceeded 10 max elements");
        }
        for label in labels {
            let (key, value) = label.split_once(':').unwrap_or(("", ""));
            for (what, part, pattern) in [("key", key, KEY_PATTERN), ("value", value, VALUE_PATTERN)] {
                if part.is_empty() || part.len() > 63 {
                    return self
                        .rule(format!("label {what} validation failed: {part} must have between 1 and 63 characters"));
                }
                if !label_part(part) || what == "key" && reserved(part) {
                    return self.rule(format!(
                        "label {what} validation failed: {part} is invalid. Must match pattern: {pattern}"
                    ));
                }
            }
        }
    }

    fn limits(&mut self) {
        for (name, least, text) in [
            ("cluster_data_plane_purge_delay", 60.0, "cluster_data_plane_purge_delay must be 60 or greater"),
            ("cluster_max_payload", 4_194_304.0, "cluster_max_payload must be 4194304 (4MB) or greater"),
            ("upstream_keepalive_pool_size", 0.0, "upstream_keepalive_pool_size must be 0 or greater"),
            ("upstream_keepalive_max_requests", 0.0, "upstream_keepalive_max_requests must be 0 or greater"),
            ("upstream_keepalive_idle_timeout", 0.0, "upstream_keepalive_idle_timeout must be 0 or greater"),
        ] {
            if self.number(name).is_none_or(|number| number < least) {
                self.rule(text);
            }
        }
        for name in LUA_LIMITS {
            if !self.number(name).is_some_and(|number| (1.0..=1000.0).contains(&number) && number.fract() == 0.0) {
                self.rule(format!("{name} must be an integer between 1 and 1000"));
            }
        }
    }

    fn tracing(&mut self) {
        let kinds = self.items("tracing_instrumentations");
        if kinds.is_empty() {
            return;
        }
        for kind in kinds {
            if !TRACING.contains(&kind.as_str()) {
                self.rule(format!("invalid tracing type: {kind}"));
            }
        }
        if kinds.len() > 1 && kinds.iter().any(|kind| kind == "off") {
            self.rule("invalid tracing types: off, other types are mutually exclusive");
        }
        if !self.number("tracing_sampling_rate").is_some_and(|rate| (0.0..=1.0).contains(&rate)) {
            self.rule("tracing_sampling_rate must be between 0 and 1");
        }
    }

    fn node(&mut self) {
        if self.text("node_id").is_some_and(|id| !is_uuid(id)) {
            self.rule("node_id must be a valid UUID");
        }
        if self.text("database") == Some("cassandra") {
            self.rule(
                "Cassandra as a datastore for Kong is not supported in versions 3.4 and above. Please use Postgres.",
            );
        }
    }

    // Kong reads listeners only after everything else was found good.
    fn listeners(&mut self) {
        if !self.errors.is_empty() {
            return;
        }
        for (name, subsystem) in [
            ("proxy_listen", Subsystem::Http),
            ("stream_listen", Subsystem::Stream),
            ("admin_listen", Subsystem::Http),
            ("admin_gui_listen", Subsystem::Http),
            ("status_listen", Subsystem::Http),
            ("cluster_listen", Subsystem::Http),
        ] {
            if !listen::valid(self.items(name), subsystem) {
                return self.errors.push(ConfError::Listener { name: name.to_owned(), form: subsystem.form() });
            }
        }
    }
}

const VALUE_PATTERN: &str = r"[a-z0-9]([\w\.:-]*[a-z0-9]|)$";
const KEY_PATTERN: &str = r"(?!kong)(?!konnect)(?!insomnia)(?!mesh)(?!kic)[a-z0-9]([\w\.:-]*[a-z0-9]|)$";

fn label_part(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

fn reserved(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["kong", "konnect", "insomnia", "mesh", "kic"].iter().any(|word| key.starts_with(word))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
