//! What is counted is configured with: the configurations of benches/run.

use gibbon_proxy::snapshot::Compiler;
use gibbon_proxy::testing;
use gibbon_proxy::testing::Node;
use gibbon_proxy::testing::With;
use gibbon_sdk::Clock;
use gibbon_sdk::PluginDef;
use serde_json::Value;
use serde_json::json;

use crate::allocations;
use crate::idle;

const PROPERTIES: [(&str, &str); 4] = [
    ("proxy_listen", "127.0.0.1:0 http2"),
    ("proxy_access_log", "off"),
    ("upstream_keepalive_max_requests", "0"),
    ("nginx_http_keepalive_requests", "1000000000"),
];

/// How many routes `work` has.
pub(crate) const ROUTES: usize = 1_000;
/// How many consumers `work` has.
pub(crate) const CONSUMERS: usize = 1_000;

/// What a node is configured with, but for the upstream's port.
pub(crate) struct Setup {
    routes: Value,
    plugins: Value,
    consumers: Value,
}

impl Setup {
    /// One route, no plugin.
    pub(crate) fn plain() -> Self {
        Self { routes: json!([{ "name": "r", "paths": ["/"] }]), plugins: json!([]), consumers: json!([]) }
    }

    /// As plain, with ten plugins that do nothing.
    pub(crate) fn idle() -> Self {
        let plugins = idle::NAMES.iter().map(|name| json!({ "name": name })).collect();
        Self { plugins: Value::Array(plugins), ..Self::plain() }
    }

    /// 1,000 routes, key-auth with 1,000 consumers, rate-limiting.
    pub(crate) fn work() -> Self {
        let route = |number: usize| {
            json!({
                "name": format!("r{number}"), "strip_path": false,
                "hosts": [format!("svc{}.example.com", number % 100)], "paths": [format!("/api/v1/res{}", number / 100)],
            })
        };
        let consumer = |number: usize| json!({ "username": format!("c{number}"), "keyauth_credentials": [{ "key": format!("key-{number:05}") }] });
        let limits = json!({ "minute": 1_000_000_000, "policy": "local" });
        Self {
            routes: (0..ROUTES).map(route).collect(),
            plugins: json!([{ "name": "key-auth" }, { "name": "rate-limiting", "config": limits }]),
            consumers: (0..CONSUMERS).map(consumer).collect(),
        }
    }

    /// Returns the declarative configuration, for an upstream on this port.
    fn declarative(&self, upstream: u16) -> String {
        let service = json!({
            "name": "s", "url": format!("http://127.0.0.1:{upstream}"), "routes": self.routes, "plugins": self.plugins,
        });
        json!({ "_format_version": "3.0", "services": [service], "consumers": self.consumers }).to_string()
    }

    /// Returns the configuration, compiled.
    pub(crate) fn compile(&self) -> anyhow::Result<Compiler> {
        let env = testing::env(&PROPERTIES, Clock::System)?;
        testing::compile(&self.declarative(9), &plugins(), &env)
    }

    /// Starts a gateway before the upstream on this port. What its control threads do follows time, not requests.
    pub(crate) fn start(&self, upstream: u16) -> anyhow::Result<Node> {
        let with = With {
            plugins: plugins(),
            properties: &PROPERTIES,
            on_control_thread: || allocations::count_this_thread(false),
            ..With::default()
        };
        Node::start(&self.declarative(upstream), with)
    }
}

/// Returns the kinds of plugins there are.
pub(crate) fn plugins() -> Vec<PluginDef> {
    let mut plugins = vec![
        PluginDef::of::<gibbon_plugins_auth::key_auth::KeyAuth>(),
        PluginDef::of::<gibbon_plugins_traffic::rate_limiting::RateLimiting>(),
    ];
    plugins.extend(idle::kinds());
    plugins
}
