//! Vaults: places that secrets are read from, each under a prefix that references name. Of Kong's kinds there is `env`,
//! the environment; what a reference means stands in `secrets`.

use std::sync::LazyLock;

use gibbon_schema::Document;
use gibbon_schema::Field;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    endpoint_key: Some("prefix"),
    cache_key: &["prefix"],
    admin_name: Some("vaults"),
    ..EntityDef::of::<Vault>("vaults")
};

/// The kinds of vault.
pub const KINDS: [&str; 1] = ["env"];

const NOT_INSTALLED: &str = "vault '%s' is not installed";

/// A place that secrets are read from, known by a prefix in references.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
#[record(subschema("vaults", "name", Some(NOT_INSTALLED)))]
pub struct Vault {
    /// Identifies the vault.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Name by which references find the vault; no kind's own.
    #[field(unique, unique_across_ws, matches = "^[a-z][a-z%d-]-[a-z%d]+$", not_one_of = KINDS)]
    pub prefix: String,
    /// Kind of the vault.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Settings of the kind.
    #[field(base = config)]
    pub config: Option<Document>,
    /// When the vault was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the vault was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Words to find the vault by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

fn config() -> Field {
    Field::record(Record::default()).is_abstract()
}

/// Returns what a kind of vault makes of the schema.
pub(crate) fn subschema(kind: &str) -> Option<&'static Record> {
    static ENV: LazyLock<Record> = LazyLock::new(|| {
        let prefix = Field::string().matches("^[%a_-][%a%d_-]*$").named("prefix");
        let prefix = prefix.description("What names of variables begin with.");
        Record::new([Field::record(Record::new([prefix])).required().named("config")])
    });
    (kind == "env").then(|| &*ENV)
}
