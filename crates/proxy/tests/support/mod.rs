//! A gateway for tests: one worker, a port of its own, configuration from a declarative text.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use gibbon_conf::Conf;
use gibbon_conf::Sources;
use gibbon_model::Catalog;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Format;
use gibbon_proxy::Gateway;
use gibbon_proxy::GatewayParts;
use gibbon_proxy::snapshot::Compiler;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use gibbon_sdk::env::NodeStats;
use uuid::Uuid;

/// A world in which time stands still.
struct Still;

impl gibbon_schema::World for Still {
    fn now(&self) -> f64 {
        1.0
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A gateway that serves until it is dropped.
pub(crate) struct Node {
    gateway: Option<Gateway>,
    env: Arc<Env>,
    prefix: tempfile::TempDir,
    control: Option<tokio::runtime::Runtime>,
}

impl Node {
    /// Starts a gateway with this declarative configuration.
    pub(crate) fn start(declarative: &str) -> anyhow::Result<Self> {
        Self::start_with(declarative, &[])
    }

    /// As [`start`](Self::start), with further properties.
    pub(crate) fn start_with(declarative: &str, properties: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_plugins(declarative, properties, Vec::new())
    }

    /// As [`start_with`](Self::start_with), with kinds of plugins.
    pub(crate) fn start_plugins(
        declarative: &str,
        properties: &[(&str, &str)],
        plugins: Vec<PluginDef>,
    ) -> anyhow::Result<Self> {
        let prefix = tempfile::tempdir()?;
        std::fs::create_dir(prefix.path().join("logs"))?;
        let mut variables = BTreeMap::from([
            ("KONG_PROXY_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("KONG_DATABASE".to_owned(), "off".to_owned()),
            ("KONG_PREFIX".to_owned(), prefix.path().display().to_string()),
        ]);
        variables.extend(
            properties.iter().map(|(name, value)| (format!("KONG_{}", name.to_uppercase()), (*value).to_owned())),
        );
        let sources = Sources { cwd: "/", default_prefix: "", file: None, env: &variables, overrides: &[] };
        let conf = Conf::load(sources).map_err(|errors| anyhow!("{errors:?}"))?;
        let catalog = Catalog::new(
            gibbon_model::entities::core(),
            plugins.iter().map(|plugin| plugin.kind.clone()),
            gibbon_schema::Options::default(),
        );
        let parsed = Declarative::new(Arc::new(catalog))
            .parse(declarative, Format::Yaml, &Still)
            .map_err(|refused| anyhow!("{}", refused.errors.to_text()))?;
        let documents: Vec<_> = parsed.unpacked().collect();
        let control = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let env = Arc::new(Env::new(Arc::new(conf), Clock::System, Uuid::new_v4(), "test".to_owned(), 1, true));
        let mut compiler = Compiler::new(Arc::clone(&env), plugins.clone());
        let errors = compiler.load(documents.iter().map(|(entity, document)| (*entity, document)));
        anyhow::ensure!(errors.is_empty(), "{errors:?}");
        let gateway = Gateway::start(GatewayParts {
            env: Arc::clone(&env),
            plugins,
            compiler,
            certificates: Vec::new(),
            control: control.handle().clone(),
            inherited: &mut Vec::new(),
        })?;
        Ok(Self { gateway: Some(gateway), env, prefix, control: Some(control) })
    }

    /// Returns the node's counts.
    pub(crate) fn stats(&self) -> &NodeStats {
        &self.env.stats
    }

    /// Returns the port of the first listener.
    pub(crate) fn port(&self) -> u16 {
        self.gateway
            .as_ref()
            .and_then(|gateway| gateway.addresses().first().copied())
            .map_or(0, |address| address.port())
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
        let _ = &self.prefix;
    }
}
