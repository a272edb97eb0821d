//! Plugins: configured instances of plugin kinds, and what each is tied to.

use gibbon_schema::Document;
use gibbon_schema::Field;
use gibbon_schema::Foreign;
use gibbon_schema::OnDelete;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use super::Protocols;
use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    endpoint_key: Some("instance_name"),
    cache_key: &["name", "route", "service", "consumer"],
    ..EntityDef::of::<Plugin>("plugins")
};

const NOT_ENABLED: &str = "plugin '%s' not enabled; add it to the 'plugins' configuration property";

/// A configured plugin: for all requests, or those of a service, a route, a consumer.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
#[record(subschema("plugins", "name", Some(NOT_ENABLED)))]
pub struct Plugin {
    /// Identifies the plugin.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Kind of the plugin, such as `key-auth`.
    pub name: String,
    /// Name by which people refer to this instance.
    #[field(base = typedefs::utf8_name)]
    pub instance_name: Option<String>,
    /// When the plugin was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the plugin was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// The only route it runs on.
    #[field(reference = "routes", on_delete = OnDelete::Cascade, default = null)]
    pub route: Option<Foreign>,
    /// The only service it runs on.
    #[field(reference = "services", on_delete = OnDelete::Cascade, default = null)]
    pub service: Option<Foreign>,
    /// The only consumer it runs for.
    #[field(reference = "consumers", on_delete = OnDelete::Cascade, default = null)]
    pub consumer: Option<Foreign>,
    /// Settings of the kind.
    #[field(base = config)]
    pub config: Option<Document>,
    /// Protocols of the requests that it runs on.
    #[field(base = typedefs::protocols)]
    pub protocols: Protocols,
    /// Whether it runs.
    #[field(default = true)]
    pub enabled: bool,
    /// Words to find the plugin by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

fn config() -> Field {
    Field::record(Record::default()).is_abstract()
}
