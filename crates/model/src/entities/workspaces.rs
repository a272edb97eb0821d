//! Workspaces: name spaces of entities. There is one, `default`, which no endpoint shows; see the vocabulary.

use gibbon_schema::Record;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    endpoint_key: Some("name"),
    cache_key: &["name"],
    workspaced: false,
    generate_admin: false,
    ..EntityDef::of::<Workspace>("workspaces")
};

/// Names that are the first word of a path: the core entities', and that of the data planes' list.
const RESERVED: [&str; 17] = [
    "workspaces",
    "consumers",
    "certificates",
    "services",
    "routes",
    "snis",
    "upstreams",
    "targets",
    "plugins",
    "tags",
    "ca_certificates",
    "clustering_data_planes",
    "parameters",
    "vaults",
    "key_sets",
    "keys",
    "filter_chains",
];

/// A name space of entities; there is one, `default`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct Workspace {
    /// Identifies the workspace.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Its name.
    #[field(base = typedefs::utf8_name, required, not_one_of = RESERVED)]
    pub name: String,
    /// What it is for.
    pub comment: Option<String>,
    /// When the workspace was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the workspace was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Nothing, so far.
    pub meta: Nothing,
    /// Nothing, so far.
    pub config: Nothing,
}

/// A record without fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct Nothing {}
