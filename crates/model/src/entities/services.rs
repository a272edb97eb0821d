//! Services: what stands behind the gateway, and how it is reached.

use gibbon_schema::Foreign;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::conditional;
use gibbon_schema::check::is;
use gibbon_schema::typedefs;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Protocol;
use super::timeout;
use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef { endpoint_key: Some("name"), ..EntityDef::of::<Service>("services") };

/// A server behind the gateway: where it is, how it is reached, how long it may take.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Record)]
#[record(shorthand = typedefs::service_url())]
#[record(check = only_for_path())]
#[record(check = only_for_tls("client_certificate"))]
#[record(check = only_for_tls("tls_verify"))]
#[record(check = only_for_tls("tls_verify_depth"))]
#[record(check = only_for_tls("ca_certificates"))]
pub struct Service {
    /// Identifies the service.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the service was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the service was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Name by which people refer to the service.
    #[field(base = typedefs::utf8_name)]
    pub name: Option<String>,
    /// How often another try is made when the upstream fails.
    #[field(default = 5, between(0, 32767))]
    pub retries: Option<u16>,
    /// Protocol spoken with the upstream.
    #[field(base = typedefs::protocol, default = "http")]
    pub protocol: Protocol,
    /// Host of the upstream: a name, an address, or the name of an upstream entity.
    #[field(base = typedefs::host)]
    pub host: String,
    /// Port of the upstream.
    #[field(base = typedefs::port, default = 80)]
    pub port: u16,
    /// Path put in front of the path of requests.
    #[field(base = typedefs::path)]
    pub path: Option<String>,
    #[field(base = timeout, default = 60000)]
    pub connect_timeout: Option<u32>,
    #[field(base = timeout, default = 60000)]
    pub write_timeout: Option<u32>,
    #[field(base = timeout, default = 60000)]
    pub read_timeout: Option<u32>,
    /// Words to find the service by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// Certificate shown to the upstream.
    #[field(reference = "certificates")]
    pub client_certificate: Option<Foreign>,
    /// Whether the upstream's certificate is verified; the node's setting counts when not set.
    pub tls_verify: Option<bool>,
    /// How long a chain of the upstream's certificates may be.
    #[field(default = null, between(0, 64))]
    pub tls_verify_depth: Option<u8>,
    /// Ids of the CA certificates that the upstream's certificate is verified with.
    #[field(elements(uuid))]
    pub ca_certificates: Option<Vec<Uuid>>,
    /// Whether the service takes part in routing.
    #[field(default = true)]
    pub enabled: bool,
}

fn only_for_path() -> EntityCheck {
    let others = ["tcp", "tls", "udp", "grpc", "grpcs"];
    conditional("protocol", is().one_of(others), "path", is().eq(Value::Null))
}

fn only_for_tls(field: &str) -> EntityCheck {
    conditional("protocol", is().not_one_of(["https", "tls"]), field, is().eq(Value::Null))
}
