//! Targets: the addresses behind an upstream.

use gibbon_schema::Document;
use gibbon_schema::Foreign;
use gibbon_schema::OnDelete;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use gibbon_schema::typedefs::address;
use gibbon_schema::typedefs::address::Address;
use gibbon_schema::typedefs::address::AddressKind;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    endpoint_key: Some("target"),
    cache_key: &["upstream", "target"],
    ..EntityDef::of::<Target>("targets")
};

/// Port of a target that names none.
pub const DEFAULT_PORT: u16 = 8000;

/// An address of an upstream, with a weight.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct Target {
    /// Identifies the target.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the target was created.
    #[field(base = typedefs::auto_timestamp_ms)]
    pub created_at: Option<f64>,
    /// When the target was last changed.
    #[field(base = typedefs::auto_timestamp_ms)]
    pub updated_at: Option<f64>,
    /// Upstream that it belongs to.
    #[field(reference = "upstreams", on_delete = OnDelete::Cascade)]
    pub upstream: Foreign,
    /// Host and port; the port is 8000 when not given.
    #[field(custom = valid)]
    pub target: String,
    /// Its part of the load, among all targets of the upstream; 0 takes it out.
    #[field(default = 100, between(0, 65535))]
    pub weight: Option<u16>,
    /// Words to find the target by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

fn valid(text: &str) -> Result<(), String> {
    match address::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("Invalid target ('{text}'); not a valid hostname or ip address")),
    }
}

/// Returns a target in the form in which it is stored: with a port, IPv6 in brackets and in full.
///
/// # Errors
/// When it is neither host name nor address.
pub fn normalize(target: &str) -> Result<String, &'static str> {
    match address::parse(target) {
        Ok(Address { host, port, kind }) => {
            let port = port.unwrap_or(DEFAULT_PORT);
            Ok(match kind {
                AddressKind::Ipv6 => format!("[{host}]:{port}"),
                AddressKind::Ipv4 | AddressKind::Name => format!("{host}:{port}"),
            })
        }
        Err(_) => Err("Invalid target; not a valid hostname or ip address"),
    }
}

/// Normalises the `target` of a document, if it is a text.
///
/// # Errors
/// When it is neither host name nor address.
pub fn normalize_document(document: &mut Document) -> Result<(), &'static str> {
    if let Some(Value::String(target)) = document.get_mut("target") {
        *target = normalize(target)?;
    }
    Ok(())
}
