//! Parameters: what the cluster remembers about itself, such as its id.

use gibbon_schema::Record;
use gibbon_schema::typedefs;
use serde::Deserialize;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    primary_key: "key",
    cache_key: &["key"],
    workspaced: false,
    generate_admin: false,
    ..EntityDef::of::<Parameter>("parameters")
};

/// Key of the parameter that holds the cluster's id.
pub const CLUSTER_ID: &str = "cluster_id";

/// A value that the nodes of a database remember.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct Parameter {
    /// When the parameter was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// Name of the parameter.
    #[field(unique)]
    pub key: String,
    /// Its value.
    pub value: String,
}
