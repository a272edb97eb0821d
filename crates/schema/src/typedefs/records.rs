//! Records that several plugins and entities share, as Rust types: redis, queue, propagation, key pairs.
//! What they are used for is the plugins' business.

use serde::Deserialize;

use super::address;
use super::pem;
use super::port;
use super::text;
use super::timeout;
use crate::Record;

/// Header formats of tracing context, in the order in which messages list them.
pub const TRACING_FORMATS: [&str; 9] = ["aws", "gcp", "instana", "w3c", "b3", "b3-single", "jaeger", "ot", "datadog"];

/// How to reach a Redis server.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Redis {
    /// Host name or IP address.
    #[field(custom = address::host)]
    pub host: Option<String>,
    /// Port.
    #[field(base = port, default = 6379)]
    pub port: Option<u16>,
    /// Longest wait for connecting, sending and receiving, in milliseconds.
    #[field(base = timeout, default = 2000)]
    pub timeout: Option<u32>,
    /// User name (Redis 6 and later); without it no user is named.
    #[field(referenceable)]
    pub username: Option<String>,
    /// Password; without it no authentication is attempted.
    #[field(encrypted, referenceable, len_min = 0)]
    pub password: Option<String>,
    /// Number of the database.
    #[field(default = 0)]
    pub database: Option<i64>,
    /// Whether to connect with TLS.
    #[field(required = false, default = false)]
    pub ssl: Option<bool>,
    /// Whether to verify the server's certificate.
    #[field(required = false, default = false)]
    pub ssl_verify: Option<bool>,
    /// The host name to send in the TLS handshake (SNI).
    #[field(required = false, custom = address::sni)]
    pub server_name: Option<String>,
}

/// How a plugin queues what it sends.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Queue {
    /// Most entries sent at once.
    #[field(default = 1, between(1, 1_000_000))]
    pub max_batch_size: Option<u32>,
    /// Longest wait in seconds for a batch to fill.
    #[field(default = 1, between(0, 3600))]
    pub max_coalescing_delay: Option<f64>,
    /// Most entries that may wait.
    #[field(default = 10000, between(1, 1_000_000))]
    pub max_entries: Option<u32>,
    /// Most bytes that may wait, for text entries.
    pub max_bytes: Option<u64>,
    /// Seconds until a failing batch is given up; -1 never retries.
    #[field(default = 60)]
    pub max_retry_time: Option<f64>,
    /// Seconds until the first retry; doubles with each further one.
    #[field(default = 0.01, between(0.001, 1_000_000))]
    pub initial_retry_delay: Option<f64>,
    /// Longest wait in seconds between retries.
    #[field(default = 60, between(0.001, 1_000_000))]
    pub max_retry_delay: Option<f64>,
    /// How many batches are sent at a time; -1 is without limit.
    #[field(default = 1, one_of = [-1, 1])]
    pub concurrency_limit: Option<i32>,
}

/// How tracing context is read from and written to headers.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Propagation {
    /// Formats to look for in requests, in order; none when empty.
    #[field(elements(one_of = ["aws", "gcp", "instana", "w3c", "b3", "jaeger", "ot", "datadog"]))]
    pub extract: Option<Vec<String>>,
    /// Headers to drop once context was read.
    #[field(elements(custom = text::header_name))]
    pub clear: Option<Vec<String>>,
    /// Formats to write; `preserve` keeps the one that was read.
    #[field(elements(one_of = ["preserve", "aws", "gcp", "instana", "w3c", "b3", "b3-single", "jaeger", "ot", "datadog"]))]
    pub inject: Option<Vec<String>>,
    /// The format when none was read and `inject` says `preserve`.
    #[field(one_of = TRACING_FORMATS)]
    pub default_format: String,
}

/// A pair of keys in PEM.
#[derive(Clone, Debug, Deserialize, Record)]
#[record(check = at_least_one_of(["private_key", "public_key"]), custom = pem::key_pair)]
pub struct Pem {
    /// The private key.
    #[field(required = false, referenceable, encrypted)]
    pub private_key: Option<String>,
    /// The public key.
    #[field(required = false, referenceable)]
    pub public_key: Option<String>,
}

/// A JSON Web Key (RFC 7517).
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Jwk {
    /// Who issued the key.
    #[field(required = false)]
    pub issuer: Option<String>,
    /// The family of algorithms.
    #[field(required = false)]
    pub kty: Option<String>,
    /// What the key is for.
    #[field(required = false, name = "use")]
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// What may be done with the key.
    #[field(required = false, elements(required = false))]
    pub key_ops: Option<Vec<String>>,
    /// The algorithm.
    #[field(required = false)]
    pub alg: Option<String>,
    /// The id of the key.
    pub kid: String,
    /// Where its certificates are.
    #[field(required = false)]
    pub x5u: Option<String>,
    /// Its certificates.
    #[field(required = false, elements(required = false))]
    pub x5c: Option<Vec<String>>,
    /// The SHA-1 fingerprint of its certificate.
    #[field(required = false)]
    pub x5t: Option<String>,
    /// The SHA-256 fingerprint of its certificate.
    #[field(required = false)]
    #[serde(rename = "x5t#S256")]
    pub x5t_s256: Option<String>,
    /// Symmetric key.
    #[field(required = false)]
    pub k: Option<String>,
    /// Elliptic curve: x coordinate, or public key.
    #[field(required = false)]
    pub x: Option<String>,
    /// Elliptic curve: y coordinate.
    #[field(required = false)]
    pub y: Option<String>,
    /// Elliptic curve: its name.
    #[field(required = false)]
    pub crv: Option<String>,
    /// RSA: modulus.
    #[field(required = false)]
    pub n: Option<String>,
    /// RSA: public exponent.
    #[field(required = false)]
    pub e: Option<String>,
    /// Private exponent or key.
    #[field(required = false)]
    pub d: Option<String>,
    /// RSA: first prime.
    #[field(required = false)]
    pub p: Option<String>,
    /// RSA: second prime.
    #[field(required = false)]
    pub q: Option<String>,
    /// RSA: first exponent.
    #[field(required = false)]
    pub dp: Option<String>,
    /// RSA: second exponent.
    #[field(required = false)]
    pub dq: Option<String>,
    /// RSA: coefficient.
    #[field(required = false)]
    pub qi: Option<String>,
    /// RSA: further primes.
    #[field(required = false)]
    pub oth: Option<String>,
    /// RSA: a further prime.
    #[field(required = false)]
    pub r: Option<String>,
    /// RSA: a further coefficient.
    #[field(required = false)]
    pub t: Option<String>,
}
