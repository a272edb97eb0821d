//! A gateway in this process, with one worker, from a declarative document; the configurations are those of benches/run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use anyhow::ensure;
use gibbon_conf::Conf;
use gibbon_conf::Sources;
use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Format;
use gibbon_proxy::Gateway;
use gibbon_proxy::GatewayParts;
use gibbon_proxy::snapshot::Compiler;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use crate::allocations;
use crate::idle;

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

    fn declarative(&self, upstream: u16) -> String {
        let service = json!({
            "name": "s", "url": format!("http://127.0.0.1:{upstream}"), "routes": self.routes, "plugins": self.plugins,
        });
        json!({ "_format_version": "3.0", "services": [service], "consumers": self.consumers }).to_string()
    }

    /// Returns the configuration, compiled.
    pub(crate) fn compile(&self, upstream: u16, env: &Arc<Env>) -> anyhow::Result<Compiler> {
        let documents = self.documents(upstream)?;
        let mut compiler = Compiler::new(Arc::clone(env), plugins());
        let errors = compiler.load(documents.iter().map(|(entity, document)| (entity.as_str(), document)));
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(compiler)
    }

    /// Returns the documents that a snapshot is compiled from, those referred to first.
    fn documents(&self, upstream: u16) -> anyhow::Result<Vec<(String, Document)>> {
        let plugins = plugins();
        let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
        let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
        let entities = gibbon_model::entities::core().chain(of_plugins);
        let catalog = Catalog::new(entities, kinds, gibbon_schema::Options::default());
        let parsed = Declarative::new(Arc::new(catalog))
            .parse(&self.declarative(upstream), Format::Json, &Still)
            .map_err(|refused| anyhow!("{}", refused.errors.to_text()))?;
        Ok(parsed.unpacked().map(|(entity, document)| (entity.to_owned(), document)).collect())
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

/// Returns the services of a node whose files are in `prefix`.
pub(crate) fn env(prefix: &str) -> anyhow::Result<Arc<Env>> {
    let properties = [
        ("prefix", prefix),
        ("database", "off"),
        ("proxy_listen", "127.0.0.1:0 http2"),
        ("proxy_access_log", "off"),
        ("upstream_keepalive_max_requests", "0"),
        ("nginx_http_keepalive_requests", "1000000000"),
    ];
    let variables: BTreeMap<String, String> =
        properties.map(|(name, value)| (format!("KONG_{}", name.to_uppercase()), value.to_owned())).into();
    let sources = Sources { cwd: "/", default_prefix: "", file: None, env: &variables, overrides: &[] };
    let conf = Conf::load(sources).map_err(|errors| anyhow!("{errors:?}"))?;
    let (id, hostname) = (Uuid::from_u128(1), "subject".to_owned());
    Ok(Arc::new(Env::new(Arc::new(conf), Clock::System, id, hostname, 1, true)))
}

/// A gateway that serves until it is dropped.
pub(crate) struct Node {
    gateway: Option<Gateway>,
    control: Option<tokio::runtime::Runtime>,
    _prefix: tempfile::TempDir,
}

impl Node {
    /// Starts a gateway before the upstream on this port.
    pub(crate) fn start(setup: &Setup, upstream: u16) -> anyhow::Result<Self> {
        let prefix = tempfile::tempdir()?;
        std::fs::create_dir(prefix.path().join("logs"))?;
        // What it does follows time, not requests.
        let control = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(|| allocations::count_this_thread(false))
            .enable_all()
            .build()?;
        let env = env(&prefix.path().display().to_string())?;
        let compiler = setup.compile(upstream, &env)?;
        let gateway = Gateway::start(GatewayParts {
            env,
            plugins: plugins(),
            compiler,
            certificates: Vec::new(),
            control: control.handle().clone(),
            inherited: &mut Vec::new(),
        })?;
        Ok(Self { gateway: Some(gateway), control: Some(control), _prefix: prefix })
    }

    /// Returns the port of its listener.
    pub(crate) fn port(&self) -> u16 {
        let addresses = self.gateway.as_ref().map(Gateway::addresses).unwrap_or_default();
        addresses.first().map_or(0, |address| address.port())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop(Duration::ZERO);
        }
        if let Some(control) = self.control.take() {
            control.shutdown_background();
        }
    }
}

/// A world in which time stands still and ids are counted, so that every run is the same.
struct Still;

impl gibbon_schema::World for Still {
    fn now(&self) -> f64 {
        1.0
    }

    fn uuid(&self) -> Uuid {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
