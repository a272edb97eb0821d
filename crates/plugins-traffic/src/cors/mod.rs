//! `cors`: tells browsers which foreign pages may use a service (Fetch standard, CORS protocol).

mod filter;
mod origin;

use std::sync::Arc;

use gibbon_model::plugin::Scopes;
use gibbon_schema::Record;
use gibbon_sdk::{BuildError, Env, Phases, Plugin, Scope};
use serde::Deserialize;

pub use filter::CorsFilter;

/// The kind.
pub struct Cors;

/// The methods that may be named, in the order of the default.
const METHODS: [&str; 9] = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// What a user may set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Origins that are let in: `*`, an origin such as `https://a.test`, or a regex over the whole origin (over the
    /// host alone if it holds no `:`). Left out: all.
    #[field(elements(custom = origin::check))]
    pub origins: Option<Vec<String>>,
    /// Request headers that are allowed; left out: those asked for.
    pub headers: Option<Vec<String>>,
    /// Response headers that pages may read.
    pub exposed_headers: Option<Vec<String>>,
    /// Methods that are allowed.
    #[field(default = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"], elements(one_of = METHODS))]
    pub methods: Option<Vec<String>>,
    /// Seconds for which a browser may remember the answer to a preflight.
    pub max_age: Option<f64>,
    /// Whether requests with cookies or other credentials are allowed.
    #[field(default = false)]
    pub credentials: bool,
    /// Whether pages of public addresses may use a service on a private one.
    #[field(default = false)]
    pub private_network: bool,
    /// Whether the upstream answers preflights.
    #[field(default = false)]
    pub preflight_continue: bool,
    /// Whether answers to requests without an Origin carry the headers too.
    #[field(default = true)]
    pub allow_origin_absent: bool,
}

impl Plugin for Cors {
    const NAME: &'static str = "cors";
    const PRIORITY: i32 = 2000;
    const PHASES: Phases = Phases::ACCESS.and(Phases::HEADER);
    const SCOPES: Scopes = Scopes::NO_CONSUMER;
    type Config = Config;
    type Filter = CorsFilter;

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<CorsFilter, BuildError> {
        CorsFilter::new(config)
    }
}

#[cfg(test)]
mod tests;
