//! Key sets: keys that are used together. They have nothing but a name.

use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef =
    EntityDef { endpoint_key: Some("name"), admin_name: Some("key-sets"), ..EntityDef::of::<KeySet>("key_sets") };

/// A set of keys that plugins use together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct KeySet {
    /// Identifies the set.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Name by which people refer to the set.
    #[field(unique, required = false)]
    pub name: Option<String>,
    /// Words to find the set by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// When the set was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the set was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
}
