//! A gateway inside the process of a test or a bench: one worker, a port of its own, configuration from a declarative
//! text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use anyhow::ensure;
use gibbon_conf::Conf;
use gibbon_conf::Sources;
use gibbon_model::Catalog;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Format;
use gibbon_schema::testing::TestWorld;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use gibbon_sdk::env::NodeStats;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::Gateway;
use crate::GatewayParts;
use crate::snapshot::Compiler;

/// What a node is made with, beside its configuration.
pub struct With<'p> {
    /// The kinds of plugins that it knows.
    pub plugins: Vec<PluginDef>,
    /// Properties by name, over those that every node here has.
    pub properties: &'p [(&'p str, &'p str)],
    /// Its clock.
    pub clock: Clock,
    /// What each thread of its control runtime does first.
    pub on_control_thread: fn(),
}

impl Default for With<'_> {
    fn default() -> Self {
        Self { plugins: Vec::new(), properties: &[], clock: Clock::System, on_control_thread: || {} }
    }
}

/// A gateway that serves until it is dropped.
pub struct Node {
    gateway: Option<Gateway>,
    control: Option<Runtime>,
    env: Arc<Env>,
    _prefix: TempDir,
}

impl Node {
    /// Starts a gateway with this declarative configuration.
    ///
    /// # Errors
    /// When something is wrong with the configuration, or the gateway does not start.
    pub fn start(declarative: &str, with: With<'_>) -> anyhow::Result<Self> {
        let prefix = tempfile::tempdir()?;
        std::fs::create_dir(prefix.path().join("logs"))?;
        let With { plugins, properties, clock, on_control_thread } = with;
        let control = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(on_control_thread)
            .enable_all()
            .build()?;
        let path = prefix.path().display().to_string();
        let env = env(&[&[("prefix", path.as_str())], properties].concat(), clock)?;
        let compiler = compile(declarative, &plugins, &env)?;
        let gateway = Gateway::start(GatewayParts {
            env: Arc::clone(&env),
            plugins,
            compiler,
            certificates: Vec::new(),
            control: control.handle().clone(),
            inherited: &mut Vec::new(),
        })?;
        Ok(Self { gateway: Some(gateway), control: Some(control), env, _prefix: prefix })
    }

    /// Returns the port of the first listener.
    pub fn port(&self) -> u16 {
        let addresses = self.gateway.as_ref().map(Gateway::addresses).unwrap_or_default();
        addresses.first().map_or(0, |address| address.port())
    }

    /// Returns the node's counts.
    pub fn stats(&self) -> &NodeStats {
        &self.env.stats
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

/// Returns the services of a node with these properties: DB-less, on a port that is free, unless they say otherwise.
///
/// # Errors
/// When the properties do not go together.
pub fn env(properties: &[(&str, &str)], clock: Clock) -> anyhow::Result<Arc<Env>> {
    let all = [("proxy_listen", "127.0.0.1:0"), ("database", "off")].iter().chain(properties);
    let variable = |(name, value): &(&str, &str)| (format!("KONG_{}", name.to_uppercase()), (*value).to_owned());
    let variables: BTreeMap<_, _> = all.map(variable).collect();
    let sources = Sources { cwd: "/", default_prefix: "", file: None, env: &variables, overrides: &[] };
    let conf = Conf::load(sources).map_err(|errors| anyhow!("{errors:?}"))?;
    Ok(Arc::new(Env::new(Arc::new(conf), clock, Uuid::from_u128(1), "test".to_owned(), 1, true)))
}

/// Returns a declarative configuration, compiled. Ids and times that it does not give are the same each time.
///
/// # Errors
/// When something is wrong with it.
pub fn compile(declarative: &str, plugins: &[PluginDef], env: &Arc<Env>) -> anyhow::Result<Compiler> {
    let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
    let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
    let entities = gibbon_model::entities::core().chain(of_plugins);
    let catalog = Catalog::new(entities, kinds, gibbon_schema::Options::default());
    let parsed = Declarative::new(Arc::new(catalog))
        .parse(declarative, Format::Any, &TestWorld::default())
        .map_err(|refused| anyhow!("{}", refused.errors.to_text()))?;
    let documents: Vec<_> = parsed.unpacked().collect();
    let mut compiler = Compiler::new(Arc::clone(env), plugins.to_vec());
    let errors = compiler.load(documents.iter().map(|(entity, document)| (*entity, document)));
    ensure!(errors.is_empty(), "{errors:?}");
    Ok(compiler)
}
