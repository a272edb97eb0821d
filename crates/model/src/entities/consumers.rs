//! Consumers: who calls.

use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef { endpoint_key: Some("username"), ..EntityDef::of::<Consumer>("consumers") };

/// Somebody who calls; holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Record)]
#[record(check = at_least_one_of(["custom_id", "username"]))]
pub struct Consumer {
    /// Identifies the consumer.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the consumer was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the consumer was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Name of the consumer.
    #[field(unique)]
    pub username: Option<String>,
    /// Id of the consumer in another system, such as your own database.
    #[field(unique)]
    pub custom_id: Option<String>,
    /// Words to find the consumer by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}
