//! SNIs: names of TLS clients' requests, each with its certificate.

use gibbon_schema::Foreign;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef { endpoint_key: Some("name"), ..EntityDef::of::<Sni>("snis") };

/// A server name, and the certificate shown to clients that ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
pub struct Sni {
    /// Identifies the SNI.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Host name, with one wildcard label at most.
    #[field(base = typedefs::wildcard_host, unique, unique_across_ws)]
    pub name: String,
    /// When the SNI was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the SNI was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Words to find the SNI by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// Certificate shown to clients that ask for the name.
    #[field(reference = "certificates")]
    pub certificate: Foreign,
}
