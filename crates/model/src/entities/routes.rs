//! Routes: which requests go to which service. Flavours `traditional` and
//! `traditional_compatible`; the latter's limits on expressions are the router's to check.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gibbon_schema::Field;
use gibbon_schema::Foreign;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::RouterFlavor;
use gibbon_schema::Set;
use gibbon_schema::Typed as _;
use gibbon_schema::Value;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::conditional;
use gibbon_schema::check::conditional_at_least_one_of;
use gibbon_schema::check::custom_check;
use gibbon_schema::check::is;
use gibbon_schema::typedefs;
use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

use super::Protocols;
use super::expression;
use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef { endpoint_key: Some("name"), record, ..EntityDef::of::<Route>("routes") };

/// A rule that sends requests to a service.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Record)]
#[record(subschema("routes", "protocols", None))]
pub struct Route {
    /// Identifies the route.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the route was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the route was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Name by which people refer to the route.
    #[field(base = typedefs::utf8_name)]
    pub name: Option<String>,
    /// Protocols that the route takes; only those of one kind go together.
    #[field(
        base = typedefs::protocols,
        default = ["http", "https"],
        len_min = 1,
        mutually_exclusive_subsets = EXCLUSIVE.map(|set| set.iter().copied())
    )]
    pub protocols: Protocols,
    /// Status that tells a client of a protocol that is not taken to come back with HTTPS.
    #[field(one_of([426, 301, 302, 307, 308]), default = 426)]
    pub https_redirect_status_code: u16,
    /// Whether the part of the path that matched is taken away.
    #[field(default = true)]
    pub strip_path: bool,
    /// Whether the upstream sees the host that the client asked for.
    #[field(default = false)]
    pub preserve_host: bool,
    /// Whether a request is read whole before it is sent on.
    #[field(default = true)]
    pub request_buffering: bool,
    /// Whether a response is read whole before it is sent on.
    #[field(default = true)]
    pub response_buffering: bool,
    /// Words to find the route by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// Service that requests go to.
    #[field(reference = "services")]
    pub service: Option<Foreign>,
    /// Names that TLS clients may ask for.
    #[field(elements(base = typedefs::wildcard_host))]
    pub snis: Option<Set<String>>,
    /// Where connections may come from.
    #[field(base = typedefs::sources)]
    pub sources: Option<Set<Endpoint>>,
    /// Where connections may go to.
    #[field(base = typedefs::destinations)]
    pub destinations: Option<Set<Endpoint>>,
    /// Methods that match.
    #[field(base = typedefs::methods)]
    pub methods: Option<Set<String>>,
    /// Hosts that match.
    #[field(base = typedefs::hosts)]
    pub hosts: Option<Vec<String>>,
    /// Paths that match.
    #[field(base = typedefs::router_paths)]
    pub paths: Option<Vec<String>>,
    /// Headers that must be there, with one of the values each.
    #[field(
        base = typedefs::headers,
        keys(match_none([("^[Hh][Oo][Ss][Tt]$", HOST_HEADER)]))
    )]
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    /// Among regular expressions that match, the highest wins.
    #[field(default = 0)]
    pub regex_priority: Option<i64>,
    /// How the service's path and the request's are joined.
    #[field(one_of(["v0", "v1"]), default = "v0")]
    pub path_handling: Option<String>,
}

/// An address, a port, or both.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Record)]
pub struct Endpoint {
    #[field(base = typedefs::ip_or_cidr)]
    pub ip: Option<String>,
    #[field(base = typedefs::port)]
    pub port: Option<u16>,
}

const HOST_HEADER: &str = "cannot contain 'host' header, which must be specified in the 'hosts' attribute";

const EXCLUSIVE: [&[&str]; 4] = [&["http", "https"], &["tcp", "tls", "udp"], &["tls_passthrough"], &["grpc", "grpcs"]];

fn record(options: Options) -> Record {
    let snis = conditional(
        "protocols",
        Field::set(Field::string().not_one_of(["grpcs", "https", "tls", "tls_passthrough"])),
        "snis",
        is().len_eq(0),
    )
    .err("'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'");
    // Kong warns of `v1` here and refuses nothing; the check is part of what it describes.
    let path_handling = custom_check(["path_handling"], |_, _| Ok(()));
    let mut record = Route::record().check(snis).check(path_handling);
    if options.router_flavor == RouterFlavor::Traditional {
        for field in record.fields.iter_mut().filter(|field| field.name == "snis") {
            *field = field.clone().map_elements(|_| typedefs::sni());
        }
    } else {
        record = record.check(expression());
    }
    record
}

/// The route must be expressible: Kong makes an expression of it, and shows its parser's error.
fn expression() -> EntityCheck {
    let fields = [
        "id",
        "protocols",
        "snis",
        "sources",
        "destinations",
        "methods",
        "hosts",
        "paths",
        "headers",
        "expression",
        "regex_priority",
        "priority",
    ];
    custom_check(fields, |route, _| expression::check(route)).run_with_missing_fields()
}

/// Schemas that complete a route, by its first protocol.
static SUBSCHEMAS: LazyLock<[(&str, Record); 8]> = LazyLock::new(|| {
    [
        ("http", http("http", "https")),
        ("https", http("http", "https")),
        ("grpc", grpc()),
        ("grpcs", grpc()),
        ("tcp", stream()),
        ("tls", stream()),
        ("udp", stream()),
        ("tls_passthrough", stream()),
    ]
});

/// Returns the schema that completes routes of this protocol.
pub(crate) fn subschema(protocol: &str) -> Option<&'static Record> {
    SUBSCHEMAS.iter().find(|(name, _)| *name == protocol).map(|(_, record)| record)
}

/// A field that may not be set with these protocols.
fn refused(name: &str, protocols: &str) -> Field {
    let own = Route::record().field(name).cloned();
    let own = own.expect("invariant: only fields of routes are refused");
    own.eq(Value::Null).err(format!("cannot set '{name}' when 'protocols' is {protocols}"))
}

fn one_of(fields: &[&str], tls: (&str, &str), plain: &str) -> EntityCheck {
    let (secure, more) = tls;
    let with: Vec<&str> = fields.iter().copied().chain([more]).collect();
    let err = |protocol: &str| format!("must set one of %s when 'protocols' is '{protocol}'");
    conditional_at_least_one_of("protocols", is().contains(secure), with)
        .err(err(secure))
        .or_else(is().contains(plain), fields.iter().copied())
        .err(err(plain))
}

fn http(plain: &str, secure: &str) -> Record {
    let protocols = "'http' or 'https'";
    Record::new([refused("sources", protocols), refused("destinations", protocols)]).check(one_of(
        &["methods", "hosts", "headers", "paths"],
        (secure, "snis"),
        plain,
    ))
}

fn grpc() -> Record {
    let protocols = "'grpc' or 'grpcs'";
    let strip_path = Field::boolean()
        .named("strip_path")
        .required()
        .default(false)
        .ne(true)
        .err(format!("cannot set 'strip_path' when 'protocols' is {protocols}"))
        .description("Whether the part of the path that matched is taken away.");
    Record::new([
        strip_path,
        refused("methods", protocols),
        refused("sources", protocols),
        refused("destinations", protocols),
    ])
    .check(one_of(&["hosts", "headers", "paths"], ("grpcs", "snis"), "grpc"))
}

fn stream() -> Record {
    let protocols = "'tcp', 'tls', 'tls_passthrough' or 'udp'";
    let any_of = |protocols: &[&str]| Field::set(Field::string().one_of(protocols.to_vec()));
    let plain =
        conditional_at_least_one_of("protocols", any_of(&["tcp", "tls", "udp"]), ["sources", "destinations", "snis"]);
    let passthrough = conditional_at_least_one_of("protocols", any_of(&["tls_passthrough"]), ["snis"]);
    Record::new(["methods", "hosts", "paths", "headers"].map(|name| refused(name, protocols)))
        .check(plain.err("must set one of %s when 'protocols' is 'tcp', 'tls' or 'udp'"))
        .check(passthrough.err("must set snis when 'protocols' is 'tls_passthrough'"))
}
