//! A kind of plugin as configuration sees it: its name, place and schema. What it does at run time
//! is the business of the plugin itself.

use gibbon_schema::Binding;
use gibbon_schema::Bindings;
use gibbon_schema::Field;
use gibbon_schema::Record;
use gibbon_schema::plugin_record;

/// Version that every bundled plugin reports: Kong's own.
pub const VERSION: &str = "3.10.0";

/// Protocols of HTTP, in the order in which Kong lists them.
pub const HTTP: &[&str] = &["grpc", "grpcs", "http", "https"];
/// Protocols of streams.
pub const STREAM: &[&str] = &["tcp", "tls", "tls_passthrough", "udp"];
/// All protocols.
pub const ALL: &[&str] = &["grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp"];

/// What a plugin may be tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    pub consumer: bool,
    pub route: bool,
    pub service: bool,
}

impl Scopes {
    /// Anything.
    pub const ANY: Self = Self { consumer: true, route: true, service: true };
    /// Anything but a consumer.
    pub const NO_CONSUMER: Self = Self { consumer: false, route: true, service: true };
    /// Nothing: the plugin is always global.
    pub const GLOBAL: Self = Self { consumer: false, route: false, service: false };
}

/// A kind of plugin.
#[derive(Clone)]
pub struct PluginKind {
    /// Name, such as `key-auth`.
    pub name: &'static str,
    /// Place in the order: higher runs earlier.
    pub priority: i32,
    /// Version in the Admin API.
    pub version: &'static str,
    /// What it may be tied to.
    pub scopes: Scopes,
    /// What it makes of the `plugins` schema: the fields it redefines, `config` among them.
    pub record: Record,
}

impl PluginKind {
    /// Builds a kind from the schema of its `config`.
    ///
    /// `protocols` are those allowed; those of HTTP among them are the default.
    pub fn new(name: &'static str, priority: i32, scopes: Scopes, protocols: &[&str], config: Record) -> Self {
        let usual: Vec<_> = protocols.iter().copied().filter(|p| HTTP.contains(p)).collect();
        let protocols = Field::set(Field::string().one_of(protocols.iter().copied()))
            .required()
            .default(usual)
            .description("Protocols of the requests that the plugin runs on.");
        let binding = |may| if may { Binding::Allowed } else { Binding::Refused };
        let bindings = Bindings {
            consumer: binding(scopes.consumer),
            route: binding(scopes.route),
            service: binding(scopes.service),
        };
        let record = plugin_record(config, protocols, bindings);
        Self { name, priority, version: VERSION, scopes, record }
    }
}
