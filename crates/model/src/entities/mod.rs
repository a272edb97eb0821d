//! The core entities, one file each: a typed struct that is the schema, the declaration made from
//! it, and the rules that need no store. Entities of plugins are declared by the plugins.

use gibbon_schema::Field;
use gibbon_schema::OneOf;
use serde::Deserialize;
use serde::Serialize;

use crate::EntityDef;

pub mod ca_certificates;
pub mod certificates;
pub mod consumers;
mod expression;
pub mod filter_chains;
pub mod key_sets;
pub mod keys;
pub mod parameters;
pub mod plugins;
mod protocols;
pub mod routes;
pub mod services;
pub mod snis;
pub mod tags;
pub mod targets;
pub mod upstreams;
pub mod vaults;
pub mod workspaces;

pub use self::ca_certificates::CaCertificate;
pub use self::certificates::Certificate;
pub use self::consumers::Consumer;
pub use self::filter_chains::FilterChain;
pub use self::key_sets::KeySet;
pub use self::keys::Key;
pub use self::parameters::Parameter;
pub use self::plugins::Plugin;
pub use self::protocols::Protocols;
pub use self::routes::Route;
pub use self::services::Service;
pub use self::snis::Sni;
pub use self::tags::Tag;
pub use self::targets::Target;
pub use self::upstreams::Upstream;
pub use self::vaults::Vault;
pub use self::workspaces::Workspace;

/// The core entities, in the order in which Kong lists them.
pub const DEFS: [EntityDef; 16] = [
    workspaces::DEF,
    consumers::DEF,
    certificates::DEF,
    services::DEF,
    routes::DEF,
    snis::DEF,
    upstreams::DEF,
    targets::DEF,
    plugins::DEF,
    tags::DEF,
    ca_certificates::DEF,
    parameters::DEF,
    vaults::DEF,
    key_sets::DEF,
    keys::DEF,
    filter_chains::DEF,
];

/// Returns the core entities.
pub fn core() -> impl Iterator<Item = EntityDef> {
    DEFS.into_iter()
}

/// A protocol of services, routes and plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, OneOf)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Grpc,
    Grpcs,
    Http,
    Https,
    Tcp,
    Tls,
    TlsPassthrough,
    Udp,
}

impl Protocol {
    /// Returns whether the gateway speaks TLS in it.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Grpcs | Self::Https | Self::Tls)
    }
}

/// A time in milliseconds, as services have it.
pub(crate) fn timeout() -> Field {
    Field::integer().between(1, 2_147_483_646)
}
