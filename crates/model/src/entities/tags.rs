//! Tags: which entities carry which tag. A view of the other entities; never stored itself.

use gibbon_schema::Record;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    primary_key: "tag",
    endpoint_key: Some("tag"),
    workspaced: false,
    db_export: false,
    ..EntityDef::of::<Tag>("tags")
};

/// One tag of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct Tag {
    /// The tag.
    #[field(base = typedefs::tag)]
    pub tag: String,
    /// Name of the entity, such as `services`.
    pub entity_name: String,
    /// Id of the tagged entity.
    #[field(base = typedefs::uuid, required)]
    pub entity_id: Uuid,
}
