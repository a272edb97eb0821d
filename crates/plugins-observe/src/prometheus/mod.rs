//! `prometheus`: counts what happens, for `GET /metrics` on the Admin and the Status API.

mod endpoint;
mod filter;
mod series;
mod text;

use std::sync::Arc;

use gibbon_model::plugin::{ALL, HTTP};
use gibbon_schema::Record;
use gibbon_sdk::{AdminRoute, BuildError, Env, Phases, Plugin, Scope, Surface};
use serde::Deserialize;

pub use filter::PrometheusFilter;

/// The kind.
pub struct Prometheus;

/// What a user may set: which series are kept.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Whether series tell consumers apart.
    #[field(default = false)]
    pub per_consumer: Option<bool>,
    /// Whether statuses are counted.
    #[field(default = false)]
    pub status_code_metrics: Option<bool>,
    /// Whether the use of language models is counted.
    #[field(default = false)]
    pub ai_metrics: Option<bool>,
    /// Whether latencies are kept.
    #[field(default = false)]
    pub latency_metrics: Option<bool>,
    /// Whether bytes are counted.
    #[field(default = false)]
    pub bandwidth_metrics: Option<bool>,
    /// Whether the health of targets is shown.
    #[field(default = false)]
    pub upstream_health_metrics: Option<bool>,
    /// Whether WebAssembly filters may add series.
    #[field(default = false)]
    pub wasm_metrics: Option<bool>,
}

impl Plugin for Prometheus {
    const NAME: &'static str = "prometheus";
    const PRIORITY: i32 = 13;
    const PHASES: Phases = Phases::LOG;
    const PROTOCOLS: &'static [&'static str] = ALL;
    const DEFAULT_PROTOCOLS: Option<&'static [&'static str]> = Some(HTTP);
    type Config = Config;
    type Filter = PrometheusFilter;

    fn admin() -> Vec<AdminRoute> {
        vec![AdminRoute {
            path: "/metrics",
            methods: &["GET"],
            surface: Surface::AdminAndStatus,
            handler: endpoint::metrics,
        }]
    }

    fn build(config: Config, env: &Arc<Env>, _scope: &Scope) -> Result<PrometheusFilter, BuildError> {
        Ok(PrometheusFilter::new(&config, env))
    }
}

#[cfg(test)]
mod tests;
