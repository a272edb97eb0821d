//! Upstreams: virtual hosts whose load is shared by targets, and how their health is watched.

use std::collections::BTreeMap;

use gibbon_schema::Document;
use gibbon_schema::Field;
use gibbon_schema::Foreign;
use gibbon_schema::OneOf;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::Shorthand;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::conditional;
use gibbon_schema::check::is;
use gibbon_schema::typedefs;
use gibbon_schema::typedefs::address;
use gibbon_schema::typedefs::address::AddressKind;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef { endpoint_key: Some("name"), ..EntityDef::of::<Upstream>("upstreams") };

/// A virtual host name with targets and a way to choose among them.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
#[record(shorthand = algorithm())]
#[record(shorthand = hash_on())]
#[record(check = hash_needs("hash_on", "header", "hash_on_header"))]
#[record(check = hash_needs("hash_fallback", "header", "hash_fallback_header"))]
#[record(check = hash_needs("hash_on", "cookie", "hash_on_cookie"))]
#[record(check = hash_needs("hash_fallback", "cookie", "hash_on_cookie"))]
#[record(check = fallback("none", &["none"]))]
#[record(check = fallback("cookie", &["none"]))]
#[record(check = fallback(
    "consumer", &["none", "ip", "header", "cookie", "path", "query_arg", "uri_capture"]))]
#[record(check = fallback(
    "ip", &["none", "consumer", "header", "cookie", "path", "query_arg", "uri_capture"]))]
#[record(check = fallback(
    "path", &["none", "consumer", "header", "cookie", "query_arg", "ip", "uri_capture"]))]
#[record(check = distinct(["hash_on_header", "hash_fallback_header"]))]
#[record(check = hash_needs("hash_on", "query_arg", "hash_on_query_arg"))]
#[record(check = hash_needs("hash_fallback", "query_arg", "hash_fallback_query_arg"))]
#[record(check = distinct(["hash_on_query_arg", "hash_fallback_query_arg"]))]
#[record(check = hash_needs("hash_on", "uri_capture", "hash_on_uri_capture"))]
#[record(check = hash_needs("hash_fallback", "uri_capture", "hash_fallback_uri_capture"))]
#[record(check = distinct(["hash_on_uri_capture", "hash_fallback_uri_capture"]))]
pub struct Upstream {
    /// Identifies the upstream.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the upstream was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// Host name that services use to mean the upstream.
    #[field(unique, custom = valid_name)]
    pub name: String,
    /// When the upstream was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// How a target is chosen.
    #[field(default = "round-robin")]
    pub algorithm: Option<Algorithm>,
    /// What consistent hashing hashes.
    #[field(default = "none")]
    pub hash_on: Option<HashOn>,
    /// What is hashed when there is nothing of the first to hash.
    #[field(default = "none")]
    pub hash_fallback: Option<HashOn>,
    /// Header whose value is hashed.
    #[field(base = typedefs::header_name)]
    pub hash_on_header: Option<String>,
    /// Header whose value is hashed when there is nothing else to hash.
    #[field(base = typedefs::header_name)]
    pub hash_fallback_header: Option<String>,
    /// Cookie whose value is hashed; it is set when the client has none.
    #[field(base = typedefs::cookie_name)]
    pub hash_on_cookie: Option<String>,
    /// Path of the cookie.
    #[field(base = typedefs::path, default = "/")]
    pub hash_on_cookie_path: Option<String>,
    /// Query argument whose value is hashed.
    #[field(len_min = 1)]
    pub hash_on_query_arg: Option<String>,
    /// Query argument whose value is hashed when there is nothing else to hash.
    #[field(len_min = 1)]
    pub hash_fallback_query_arg: Option<String>,
    /// Capture of the route's path whose value is hashed.
    #[field(len_min = 1)]
    pub hash_on_uri_capture: Option<String>,
    /// Capture of the path that is hashed when there is nothing else to hash.
    #[field(len_min = 1)]
    pub hash_fallback_uri_capture: Option<String>,
    /// Places on the ring of consistent hashing.
    #[field(default = 10000, between(10, 65536))]
    pub slots: Option<u32>,
    /// How the health of targets is watched.
    #[field(default = {"active": ACTIVE.clone(), "passive": PASSIVE.clone()})]
    pub healthchecks: Healthchecks,
    /// Words to find the upstream by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// Host that targets are asked for, in place of the request's.
    #[field(base = typedefs::host_with_optional_port)]
    pub host_header: Option<String>,
    /// Certificate shown to targets.
    #[field(reference = "certificates")]
    pub client_certificate: Option<Foreign>,
    /// Whether the names of SRV records are used as host of requests.
    #[field(default = false)]
    pub use_srv_name: Option<bool>,
}

impl Upstream {
    /// Returns whether anything watches the health of targets; only then can they be marked. Source: Kong, healthcheckers.
    pub fn checks_health(&self) -> bool {
        let Healthchecks { active, passive, .. } = &self.healthchecks;
        let every = |interval: Option<f64>| interval.is_some_and(|seconds| seconds != 0.0);
        let counts = |count: Option<u8>| count.is_some_and(|count| count != 0);
        let unhealthy = &passive.unhealthy;
        every(active.healthy.interval)
            || every(active.unhealthy.interval)
            || [unhealthy.tcp_failures, unhealthy.timeouts, unhealthy.http_failures].into_iter().any(counts)
    }
}

/// How a target is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, OneOf)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    ConsistentHashing,
    LeastConnections,
    RoundRobin,
    Latency,
}

/// What consistent hashing hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, OneOf)]
#[serde(rename_all = "snake_case")]
pub enum HashOn {
    None,
    Consumer,
    Ip,
    Header,
    Cookie,
    Path,
    QueryArg,
    UriCapture,
}

/// How the health of targets is watched.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct Healthchecks {
    #[field(default = ACTIVE.clone())]
    pub active: Active,
    #[field(default = PASSIVE.clone())]
    pub passive: Passive,
    /// Share of the weight that must be available, in percent.
    #[field(default = 0, between(0, 100))]
    pub threshold: Option<f64>,
}

/// Health checks by requests of the gateway's own.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct Active {
    /// How many targets are checked at once.
    #[field(default = 10, between(1, 2147483648u32))]
    pub concurrency: Option<u32>,
    /// Headers of the requests.
    #[field(base = headers, required = false)]
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    #[field(default = ACTIVE["healthy"].clone())]
    pub healthy: ActiveHealthy,
    /// Path of the requests.
    #[field(base = typedefs::path, default = "/")]
    pub http_path: Option<String>,
    /// Server name of the requests' TLS.
    #[field(base = typedefs::sni, required = false)]
    pub https_sni: Option<String>,
    /// Whether certificates of targets are verified.
    #[field(default = true)]
    pub https_verify_certificate: bool,
    /// Seconds that a check may take.
    #[field(default = 1, between(0, 65535))]
    pub timeout: Option<f64>,
    /// What is spoken, and so what counts as an answer.
    #[field(default = "http")]
    pub r#type: Option<CheckType>,
    #[field(default = ACTIVE["unhealthy"].clone())]
    pub unhealthy: ActiveUnhealthy,
}

/// When an active check finds a target healthy.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct ActiveHealthy {
    /// Statuses that count.
    #[field(default = ACTIVE["healthy"]["http_statuses"].clone(), elements(between(100, 999)))]
    pub http_statuses: Option<Vec<u16>>,
    /// Seconds between checks; 0 is no checks.
    #[field(default = 0, between(0, 65535))]
    pub interval: Option<f64>,
    /// How many in a row make a target healthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub successes: Option<u8>,
}

/// When an active check finds a target unhealthy.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct ActiveUnhealthy {
    /// How many answers with such a status make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub http_failures: Option<u8>,
    /// Statuses that count.
    #[field(default = ACTIVE["unhealthy"]["http_statuses"].clone(), elements(between(100, 999)))]
    pub http_statuses: Option<Vec<u16>>,
    /// Seconds between checks; 0 is no checks.
    #[field(default = 0, between(0, 65535))]
    pub interval: Option<f64>,
    /// How many failed connections make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub tcp_failures: Option<u8>,
    /// How many timeouts make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub timeouts: Option<u8>,
}

/// Health checks by looking at what clients get.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct Passive {
    #[field(default = PASSIVE["healthy"].clone())]
    pub healthy: PassiveHealthy,
    /// What is spoken, and so what counts as an answer.
    #[field(default = "http")]
    pub r#type: Option<CheckType>,
    #[field(default = PASSIVE["unhealthy"].clone())]
    pub unhealthy: PassiveUnhealthy,
}

/// When traffic shows a target healthy.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct PassiveHealthy {
    /// Statuses that count.
    #[field(default = PASSIVE["healthy"]["http_statuses"].clone(), elements(between(100, 999)))]
    pub http_statuses: Option<Vec<u16>>,
    /// How many in a row make a target healthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub successes: Option<u8>,
}

/// When traffic shows a target unhealthy.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct PassiveUnhealthy {
    /// How many answers with such a status make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub http_failures: Option<u8>,
    /// Statuses that count.
    #[field(default = PASSIVE["unhealthy"]["http_statuses"].clone(), elements(between(100, 999)))]
    pub http_statuses: Option<Vec<u16>>,
    /// How many failed connections make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub tcp_failures: Option<u8>,
    /// How many timeouts make a target unhealthy; 0 is none.
    #[field(default = 0, between(0, 255))]
    pub timeouts: Option<u8>,
}

/// Protocol of health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, OneOf)]
#[serde(rename_all = "snake_case")]
pub enum CheckType {
    Tcp,
    Http,
    Https,
    Grpc,
    Grpcs,
}

/// What `healthchecks.active` is when not given.
static ACTIVE: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| {
    serde_json::json!({
        "type": "http",
        "concurrency": 10,
        "healthy": {"http_statuses": [200, 302], "interval": 0, "successes": 0},
        "http_path": "/",
        "https_verify_certificate": true,
        "timeout": 1,
        "unhealthy": {
            "http_failures": 0,
            "http_statuses": [429, 404, 500, 501, 502, 503, 504, 505],
            "interval": 0,
            "tcp_failures": 0,
            "timeouts": 0,
        },
    })
});

/// What `healthchecks.passive` is when not given.
static PASSIVE: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| {
    serde_json::json!({
        "type": "http",
        "healthy": {
            "http_statuses": [
                200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
                300, 301, 302, 303, 304, 305, 306, 307, 308,
            ],
            "successes": 0,
        },
        "unhealthy": {
            "http_failures": 0,
            "http_statuses": [429, 500, 503],
            "tcp_failures": 0,
            "timeouts": 0,
        },
    })
});

fn headers() -> Field {
    Field::map(typedefs::header_name(), Field::array(Field::string()))
}

fn hash_needs(field: &str, value: &str, needed: &str) -> EntityCheck {
    conditional(field, is().matches(format!("^{value}$").as_str()), needed, is().required())
}

fn fallback(value: &str, choices: &[&str]) -> EntityCheck {
    let is_value = is().matches(format!("^{value}$").as_str());
    conditional("hash_on", is_value, "hash_fallback", is().one_of(choices.to_vec()))
}

/// The algorithms that hash nothing take `hash_on` away.
fn algorithm() -> Shorthand {
    Shorthand::new(Field::string().named("algorithm"), |value| {
        let mut fields = Document::from_iter([("algorithm".to_owned(), value.clone())]);
        if matches!(value.as_str(), Some("least-connections" | "latency")) {
            fields.insert("hash_on".to_owned(), Value::Null);
        }
        Some(fields)
    })
}

/// To hash something means to hash consistently; not to, the usual algorithm.
fn hash_on() -> Shorthand {
    Shorthand::new(Field::string().named("hash_on"), |value| {
        let mut fields = Document::new();
        match value.as_str() {
            None => fields.insert("hash_on".to_owned(), "none".into()),
            Some("none") => {
                fields.insert("hash_on".to_owned(), "none".into());
                fields.insert("algorithm".to_owned(), "round-robin".into())
            }
            Some(_) => {
                fields.insert("hash_on".to_owned(), value.clone());
                fields.insert("algorithm".to_owned(), "consistent-hashing".into())
            }
        };
        Some(fields)
    })
}

fn valid_name(name: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("Invalid name ('{name}'); {what}"));
    match address::parse(name) {
        Err(_) => wrong("must be a valid hostname"),
        Ok(address) if address.kind != AddressKind::Name => wrong("no ip addresses allowed"),
        Ok(address) if address.port.is_some() => wrong("no port allowed"),
        Ok(_) => Ok(()),
    }
}
