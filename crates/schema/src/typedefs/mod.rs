//! Ready-made fields that many schemas share, each in one place, with Kong's messages.
//! Each function makes a fresh field without name, to be narrowed further or used as `#[field(base = …)]`.

pub mod address;
mod der;
pub mod pem;
mod records;
pub mod text;

pub use self::records::Jwk;
pub use self::records::Pem;
pub use self::records::Propagation;
pub use self::records::Queue;
pub use self::records::Redis;
pub use self::records::TRACING_FORMATS;

use serde_json::Value;

use crate::Field;
use crate::Record;
use crate::Shorthand;
use crate::Typed;
use crate::check::at_least_one_of;

/// All protocols, in the order in which messages list them.
pub const PROTOCOLS: [&str; 8] = ["grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp"];

/// The protocols that carry HTTP requests.
pub const HTTP_PROTOCOLS: [&str; 4] = ["grpc", "grpcs", "http", "https"];

/// Longest timeout in milliseconds.
const MAX_TIMEOUT: f64 = 2_147_483_646.0;

/// Longest `ttl` in seconds.
const MAX_TTL: f64 = 100_000_000.0;

/// An HTTP method in capitals.
#[must_use]
pub fn http_method() -> Field {
    Field::string().matches("^%u+$").description("An HTTP method in capital letters, such as GET or POST.")
}

/// One of [`PROTOCOLS`].
#[must_use]
pub fn protocol() -> Field {
    Field::string().one_of(PROTOCOLS).description("A protocol, such as http or https.")
}

/// A set of protocols, by default those of HTTP.
#[must_use]
pub fn protocols() -> Field {
    Field::set(protocol())
        .required()
        .default(HTTP_PROTOCOLS.to_vec())
        .description("The protocols that this applies to.")
}

/// A set of HTTP's protocols.
#[must_use]
pub fn protocols_http() -> Field {
    Field::set(Field::string().one_of(HTTP_PROTOCOLS))
        .required()
        .default(HTTP_PROTOCOLS.to_vec())
        .description("The HTTP protocols that this applies to.")
}

/// A host name or IP address.
#[must_use]
pub fn host() -> Field {
    Field::string().custom(address::host).description("A host name or IP address, such as example.com.")
}

/// A host name or IP address with an optional port.
#[must_use]
pub fn host_with_optional_port() -> Field {
    Field::string()
        .custom(address::host_with_optional_port)
        .description("A host name or IP address with an optional port, such as example.com:8080.")
}

/// A host name with at most one wildcard.
#[must_use]
pub fn wildcard_host() -> Field {
    Field::string().custom(address::wildcard_host).description("A host name with a wildcard, such as *.example.com.")
}

/// An IP address.
#[must_use]
pub fn ip() -> Field {
    Field::string().custom(address::ip).description("An IPv4 or IPv6 address.")
}

/// An IP address or range.
#[must_use]
pub fn ip_or_cidr() -> Field {
    Field::string().custom(address::ip_or_cidr).description("An IP address or a range in CIDR notation.")
}

/// An IPv4 address or range.
#[must_use]
pub fn cidr_v4() -> Field {
    Field::string().custom(address::ip_or_cidr_v4).description("An IPv4 address or a range in CIDR notation.")
}

/// A port.
#[must_use]
pub fn port() -> Field {
    Field::integer().between(0, 65535).description("A port from 0 to 65535.")
}

/// The path of a URL.
#[must_use]
pub fn path() -> Field {
    Field::string()
        .starts_with("/")
        .match_none([("//", "must not have empty segments")])
        .custom(text::path)
        .description("The path of a URL; begins with a slash and has no empty segments.")
}

/// A URL with scheme and host.
#[must_use]
pub fn url() -> Field {
    Field::string().custom(text::url).description("A URL, such as https://example.com/path?q=search.")
}

/// The name of a cookie.
#[must_use]
pub fn cookie_name() -> Field {
    Field::string().custom(text::cookie_name).description("The name of a cookie, a token of RFC 2616.")
}

/// The name of a header.
#[must_use]
pub fn header_name() -> Field {
    Field::string().custom(text::header_name).description("The name of an HTTP header.")
}

/// A timeout in milliseconds.
#[must_use]
pub fn timeout() -> Field {
    Field::integer().between(0, MAX_TIMEOUT).description("A timeout in milliseconds.")
}

/// An id that is made when not given.
#[must_use]
pub fn uuid() -> Field {
    Field::string().uuid().auto().description("A UUID.")
}

/// The time of an event in seconds, set by the engine.
#[must_use]
pub fn auto_timestamp_s() -> Field {
    Field::integer().timestamp().auto().description("Unix time in seconds, set automatically.")
}

/// The time of an event in seconds with milliseconds, set by the engine.
#[must_use]
pub fn auto_timestamp_ms() -> Field {
    Field::number().timestamp().auto().description("Unix time in seconds with milliseconds, set automatically.")
}

/// A reference to a route that must not be set.
#[must_use]
pub fn no_route() -> Field {
    Field::foreign("routes").eq(Value::Null).description("Cannot be set: does not apply to single routes.")
}

/// A reference to a service that must not be set.
#[must_use]
pub fn no_service() -> Field {
    Field::foreign("services").eq(Value::Null).description("Cannot be set: does not apply to single services.")
}

/// A reference to a consumer that must not be set.
#[must_use]
pub fn no_consumer() -> Field {
    Field::foreign("consumers").eq(Value::Null).description("Cannot be set: does not apply to single consumers.")
}

/// A unique name of ASCII letters.
#[must_use]
pub fn name() -> Field {
    Field::string().unique().custom(text::name).description("A unique name.")
}

/// A unique name.
#[must_use]
pub fn utf8_name() -> Field {
    Field::string().unique().custom(text::utf8_name).description("A unique name.")
}

/// A host name that TLS clients send.
#[must_use]
pub fn sni() -> Field {
    Field::string().custom(address::sni).description("A host name as TLS clients send it (SNI).")
}

/// A certificate in PEM.
#[must_use]
pub fn certificate() -> Field {
    Field::string().custom(pem::certificate).description("A certificate in PEM.")
}

/// A private key in PEM.
#[must_use]
pub fn key() -> Field {
    Field::string().custom(pem::key).description("A key in PEM.")
}

/// A tag.
#[must_use]
pub fn tag() -> Field {
    Field::string().required().custom(text::tag).description("A tag.")
}

/// A set of tags.
#[must_use]
pub fn tags() -> Field {
    Field::set(tag()).description("Tags for grouping and filtering.")
}

/// A lifetime in seconds.
#[must_use]
pub fn ttl() -> Field {
    Field::number().between(0, MAX_TTL).description("Time to live in seconds.")
}

/// A set of HTTP methods.
#[must_use]
pub fn methods() -> Field {
    Field::set(http_method()).description("HTTP methods.")
}

/// A list of hosts, each with at most one wildcard label.
#[must_use]
pub fn hosts() -> Field {
    Field::array(
        Field::string()
            .match_all([("^[^*]*%*?[^*]*$", "invalid wildcard: must have at most one wildcard")])
            .match_any(["^%*%.", "%.%*$", "^[^*]*$"], "invalid wildcard: must be placed at leftmost or rightmost label")
            .custom(address::host_with_wildcards),
    )
    .description("Hosts; one leading or trailing label may be a wildcard.")
}

/// A route's path: a prefix, or `~` and a regular expression.
#[must_use]
pub fn router_path() -> Field {
    Field::string()
        .match_any(["^/", "^~/"], "should start with: / (fixed path) or ~/ (regex path)")
        .match_none([("//", "must not have empty segments")])
        .custom(text::router_path)
        .description("A path prefix that begins with a slash, or ~ and a regular expression.")
}

/// A list of router paths.
#[must_use]
pub fn router_paths() -> Field {
    Field::array(router_path()).description("Paths, as prefixes or regular expressions.")
}

/// A map from header names to lists of values.
#[must_use]
pub fn headers() -> Field {
    Field::map(header_name(), Field::array(Field::string()))
        .description("Header names and the values allowed for each.")
}

/// A set of addresses and ports that connections come from.
#[must_use]
pub fn sources() -> Field {
    endpoints().description("Addresses and ports that connections come from.")
}

/// A set of addresses and ports that connections go to.
#[must_use]
pub fn destinations() -> Field {
    endpoints().description("Addresses and ports that connections go to.")
}

fn endpoints() -> Field {
    let record = Record::new([ip_or_cidr().named("ip"), port().named("port")]);
    Field::set(Field::record(record.check(at_least_one_of(["ip", "port"]))))
}

/// A version such as `1.2.3` or `1.2.3-beta`.
#[must_use]
pub fn semantic_version() -> Field {
    Field::string()
        .match_any(["^%d+[%.%d]*$", "^%d+[%.%d]*%-?.*$"], "invalid version number: must be in format of X.Y.Z")
        .match_none([("%.%.", "must not have empty version segments")])
        .description("A version such as 1.2.3, with an optional build after a hyphen.")
}

/// A pair of keys in PEM.
#[must_use]
pub fn pem() -> Field {
    Field::record(Pem::record()).optional().description("A pair of keys in PEM.")
}

/// A JSON Web Key.
#[must_use]
pub fn jwk() -> Field {
    Field::record(Jwk::record()).optional().description("A JSON Web Key.")
}

/// How a plugin queues what it sends.
#[must_use]
pub fn queue() -> Field {
    Field::record(Queue::record()).description("How entries wait and are sent.")
}

/// How tracing context is read from and written to headers.
#[must_use]
pub fn propagation() -> Field {
    Field::record(Propagation::record()).description("How tracing context is read from and written to headers.")
}

/// How to reach a Redis server.
#[must_use]
pub fn redis() -> Field {
    Field::record(Redis::record()).description("How to reach the Redis server.")
}

/// The old flat names (`redis_host` and so on) of the fields of `redis`, for configs that had them before.
#[must_use]
pub fn redis_shorthands() -> Vec<Shorthand> {
    [
        ("host", Field::string()),
        ("port", Field::integer()),
        ("password", Field::string().len_min(0)),
        ("username", Field::string()),
        ("ssl", Field::boolean()),
        ("ssl_verify", Field::boolean()),
        ("server_name", Field::string()),
        ("timeout", Field::integer()),
        ("database", Field::integer()),
    ]
    .into_iter()
    .map(|(name, field)| Shorthand::moved(field.named(format!("redis_{name}")), &format!("redis.{name}")))
    .collect()
}

/// The shorthand `url` of services: protocol, host, port and path in one.
#[must_use]
pub fn service_url() -> Shorthand {
    let field = Field::string().named("url").description("Sets protocol, host, port and path at once.");
    Shorthand::new(field, |value| {
        let url = text::Url::parse(value.as_str()?);
        let port = url.port.as_deref().and_then(|port| port.parse::<f64>().ok());
        let protocol = url.scheme.clone().unwrap_or_else(|| match port {
            Some(443.0) => "https".to_owned(),
            _ => "http".to_owned(),
        });
        let port = port.unwrap_or(if protocol == "https" { 443.0 } else { 80.0 });
        let mut port = Value::from(port);
        crate::fill::plain_numbers(&mut port);
        Some(crate::Document::from_iter([
            ("protocol".to_owned(), protocol.into()),
            ("host".to_owned(), url.host.into()),
            ("port".to_owned(), port),
            ("path".to_owned(), url.path.into()),
        ]))
    })
}
