//! A key of a consumer: the entity `keyauth_credentials`.

use gibbon_model::EntityDef;
use gibbon_schema::{Foreign, OnDelete, Record, Set, typedefs};
use gibbon_sdk::StoredEntity;
use serde::Deserialize;
use uuid::Uuid;

/// The declaration, from which store, endpoints and declarative section are made.
pub(super) const DEF: EntityDef = EntityDef {
    endpoint_key: Some("key"),
    cache_key: &["key"],
    admin_name: Some("key-auths"),
    nested_name: Some("key-auth"),
    ttl: true,
    ..EntityDef::of::<KeyCredential>("keyauth_credentials")
};

/// A key by which a consumer proves himself.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct KeyCredential {
    /// Its id.
    #[field(base = typedefs::uuid)]
    pub id: Uuid,
    /// Seconds since the epoch at which it was made.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// The consumer it belongs to.
    #[field(reference = "consumers", on_delete(OnDelete::Cascade))]
    pub consumer: Foreign,
    /// The key itself; made up at random when left out.
    #[field(unique, auto, required = false)]
    pub key: Option<String>,
    /// Words to find it by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

impl StoredEntity for KeyCredential {
    const ENTITY: &'static str = "keyauth_credentials";
}
