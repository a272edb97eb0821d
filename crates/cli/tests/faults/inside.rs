//! A data plane inside the test's process, for faults that only code can cause: a plugin that panics, a clock that jumps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use anyhow::anyhow;
use anyhow::ensure;
use gibbon_conf::Conf;
use gibbon_conf::Sources;
use gibbon_model::Catalog;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Format;
use gibbon_proxy::Gateway;
use gibbon_proxy::GatewayParts;
use gibbon_proxy::snapshot::Compiler;
use gibbon_schema::World;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// A data plane with one worker; it ends when this is dropped.
pub(crate) struct Inside {
    gateway: Option<Gateway>,
    control: Option<Runtime>,
    /// Where it listens.
    pub(crate) port: u16,
    _prefix: TempDir,
}

/// Gives what documents need of the world.
struct Real;

impl World for Real {
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

impl Inside {
    /// Starts it with these plugins and this declarative configuration.
    pub(crate) fn start(plugins: Vec<PluginDef>, document: &Value, clock: Clock) -> anyhow::Result<Self> {
        let prefix = tempfile::tempdir()?;
        std::fs::create_dir(prefix.path().join("logs"))?;
        let variables = [
            ("KONG_PROXY_LISTEN", "127.0.0.1:0".to_owned()),
            ("KONG_DATABASE", "off".to_owned()),
            ("KONG_PREFIX", prefix.path().display().to_string()),
        ];
        let variables: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let sources = Sources { cwd: "/", default_prefix: "", file: None, env: &variables, overrides: &[] };
        let conf = Conf::load(sources).map_err(|errors| anyhow!("{errors:?}"))?;
        let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
        let catalog = Catalog::new(gibbon_model::entities::core(), kinds, gibbon_schema::Options::default());
        let parsed = Declarative::new(Arc::new(catalog))
            .parse(&document.to_string(), Format::Any, &Real)
            .map_err(|refused| anyhow!("{}", refused.errors.to_text()))?;
        let documents: Vec<_> = parsed.unpacked().collect();
        let control = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let env = Arc::new(Env::new(Arc::new(conf), clock, Uuid::new_v4(), "test".to_owned(), 1, true));
        let mut compiler = Compiler::new(Arc::clone(&env), plugins.clone());
        let errors = compiler.load(documents.iter().map(|(entity, document)| (*entity, document)));
        ensure!(errors.is_empty(), "{errors:?}");
        let gateway = Gateway::start(GatewayParts {
            env,
            plugins,
            compiler,
            certificates: Vec::new(),
            control: control.handle().clone(),
            inherited: &mut Vec::new(),
        })?;
        let port = gateway.addresses().first().context("a listener")?.port();
        Ok(Self { gateway: Some(gateway), control: Some(control), port, _prefix: prefix })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop(Duration::ZERO);
        }
        if let Some(control) = self.control.take() {
            control.shutdown_background();
        }
    }
}
