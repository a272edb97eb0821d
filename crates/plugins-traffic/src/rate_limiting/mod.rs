//! `rate-limiting`: lets so many requests pass in a second, minute, hour, day, month or year.

mod filter;
mod limits;

use std::sync::Arc;

use gibbon_schema::typedefs;
use gibbon_schema::typedefs::Redis;
use gibbon_schema::{Field, OneOf, Record, Shorthand};
use gibbon_sdk::{BuildError, Env, Phases, Plugin, Scope};
use serde::Deserialize;

pub use filter::RateLimitingFilter;

/// The kind.
pub struct RateLimiting;

/// What a user may set: at least one limit.
#[derive(Clone, Debug, Deserialize, Record)]
#[record(
    plugin_check = at_least_one_of(["config.second", "config.minute", "config.hour", "config.day", "config.month", "config.year"]),
    plugin_check = conditional("config.policy", is().eq("redis"), "config.redis.host", is().required()),
    plugin_check = conditional("config.policy", is().eq("redis"), "config.redis.port", is().required()),
    plugin_check = conditional("config.policy", is().eq("redis"), "config.redis.timeout", is().required()),
    plugin_check = conditional("config.limit_by", is().eq("header"), "config.header_name", is().required()),
    plugin_check = conditional("config.limit_by", is().eq("path"), "config.path", is().required()),
    shorthand = moved("host", Field::string()),
    shorthand = moved("port", Field::integer()),
    shorthand = moved("password", Field::string().len_min(0)),
    shorthand = moved("username", Field::string()),
    shorthand = moved("ssl", Field::boolean()),
    shorthand = moved("ssl_verify", Field::boolean()),
    shorthand = moved("server_name", Field::string()),
    shorthand = moved("timeout", Field::integer()),
    shorthand = moved("database", Field::integer()),
    custom = limits::check,
)]
pub struct Config {
    /// Requests a second.
    #[field(gt = 0)]
    pub second: Option<f64>,
    /// Requests a minute.
    #[field(gt = 0)]
    pub minute: Option<f64>,
    /// Requests an hour.
    #[field(gt = 0)]
    pub hour: Option<f64>,
    /// Requests a day.
    #[field(gt = 0)]
    pub day: Option<f64>,
    /// Requests a month.
    #[field(gt = 0)]
    pub month: Option<f64>,
    /// Requests a year.
    #[field(gt = 0)]
    pub year: Option<f64>,
    /// Who is counted; a client that cannot be told so is counted by its address.
    #[field(default = "consumer")]
    pub limit_by: Option<LimitBy>,
    /// Header whose value is counted, with `limit_by` header.
    #[field(base = typedefs::header_name)]
    pub header_name: Option<String>,
    /// Path that is counted, with `limit_by` path.
    #[field(base = typedefs::path)]
    pub path: Option<String>,
    /// Where counts are kept: on this node, in the database of the cluster, or in Redis.
    #[field(default = "local", len_min = 0, shared_database_only = ["cluster"])]
    pub policy: Option<Policy>,
    /// Whether requests pass while counts cannot be kept.
    #[field(default = true)]
    pub fault_tolerant: bool,
    /// The Redis server, with policy redis.
    pub redis: Redis,
    /// Whether clients are not told limits and counts.
    #[field(default = false)]
    pub hide_client_headers: bool,
    /// Status of a refusal.
    #[field(default = 429, gt = 0)]
    pub error_code: Option<f64>,
    /// Message of a refusal.
    #[field(default = "API rate limit exceeded")]
    pub error_message: Option<String>,
    /// Seconds between two synchronisations with Redis; -1 counts there with every request.
    #[field(default = -1)]
    pub sync_rate: f64,
}

/// Returns the old name of a member of `redis`, from before it was a record.
fn moved(name: &str, field: Field) -> Shorthand {
    let description = format!("Old name of `redis.{name}`.");
    Shorthand::moved(field.named(format!("redis_{name}")).description(description), &format!("redis.{name}"))
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, OneOf)]
#[serde(rename_all = "lowercase")]
pub enum LimitBy {
    /// The consumer.
    Consumer,
    /// The credential.
    Credential,
    /// The client's address.
    Ip,
    /// The service.
    Service,
    /// The value of a header.
    Header,
    /// A path.
    Path,
}

/// Where counts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, OneOf)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// On this node.
    Local,
    /// In the database of the cluster.
    Cluster,
    /// In Redis.
    Redis,
}

impl Plugin for RateLimiting {
    const NAME: &'static str = "rate-limiting";
    const PRIORITY: i32 = 910;
    const PHASES: Phases = Phases::ACCESS;
    type Config = Config;
    type Filter = RateLimitingFilter;

    fn build(config: Config, env: &Arc<Env>, scope: &Scope) -> Result<RateLimitingFilter, BuildError> {
        Ok(RateLimitingFilter::new(config, env, scope))
    }
}

#[cfg(test)]
mod tests;
