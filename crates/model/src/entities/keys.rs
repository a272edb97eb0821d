//! Keys: public and private keys that plugins verify and sign with, as JWK or PEM. Nothing is signed here.

use gibbon_schema::Foreign;
use gibbon_schema::OnDelete;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::custom_check;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef =
    EntityDef { endpoint_key: Some("name"), cache_key: &["kid", "set"], ..EntityDef::of::<Key>("keys") };

/// A public or private key for plugins, as JWK or PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
#[record(check = mutually_exclusive(["jwk", "pem"]))]
#[record(check = at_least_one_of(["jwk", "pem"]))]
#[record(check = jwk_is_for_kid())]
pub struct Key {
    /// Identifies the key.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Set that the key belongs to.
    #[field(reference = "key_sets", on_delete = OnDelete::Cascade, required = false)]
    pub set: Option<Foreign>,
    /// Name by which people refer to the key.
    #[field(unique, required = false)]
    pub name: Option<String>,
    /// Name by which tokens refer to the key.
    pub kid: String,
    /// The key as a JSON web key.
    #[field(referenceable, encrypted)]
    pub jwk: Option<String>,
    /// The key as PEM.
    #[field(base = typedefs::pem)]
    pub pem: Option<KeyPair>,
    /// Words to find the key by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// When the key was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the key was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
}

/// Public and private part in PEM, one of them at least.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct KeyPair {
    /// The private key.
    pub private_key: Option<String>,
    /// The public key.
    pub public_key: Option<String>,
}

fn jwk_is_for_kid() -> EntityCheck {
    custom_check(["jwk", "pem", "kid"], |key, _| typedefs::pem::jwk_of_key(key))
}
