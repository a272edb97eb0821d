//! That a consumer is in a group: the entity `acls`.

use gibbon_model::EntityDef;
use gibbon_schema::{Foreign, OnDelete, Record, Set, typedefs};
use gibbon_sdk::StoredEntity;
use serde::Deserialize;
use uuid::Uuid;

/// The declaration, from which store, endpoints and declarative section are made.
pub(super) const DEF: EntityDef = EntityDef { cache_key: &["consumer", "group"], ..EntityDef::of::<Group>("acls") };

/// A consumer's membership of a group.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Group {
    /// Its id.
    #[field(base = typedefs::uuid)]
    pub id: Uuid,
    /// Seconds since the epoch at which it was made.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// The consumer that is in the group.
    #[field(reference = "consumers", on_delete(OnDelete::Cascade))]
    pub consumer: Foreign,
    /// The name of the group.
    pub group: String,
    /// Words to find it by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

impl StoredEntity for Group {
    const ENTITY: &'static str = "acls";
}
