//! Filter chains: WebAssembly filters of a route or service. There is no WebAssembly yet, so that none can be made; the
//! schema and the rows of others are known.

use gibbon_schema::Field;
use gibbon_schema::Foreign;
use gibbon_schema::Kind;
use gibbon_schema::OnDelete;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::custom_check;
use gibbon_schema::json;
use gibbon_schema::typedefs;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    endpoint_key: Some("name"),
    cache_key: &["route", "service"],
    admin_name: Some("filter-chains"),
    ..EntityDef::of::<FilterChain>("filter_chains")
};

/// Filters of one route or one service.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
#[record(check = mutually_exclusive(["service", "route"]))]
#[record(check = at_least_one_of(["service", "route"]))]
#[record(check = needs_wasm())]
pub struct FilterChain {
    /// Identifies the chain.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// Name by which people refer to the chain.
    #[field(base = typedefs::utf8_name)]
    pub name: Option<String>,
    /// Whether it runs.
    #[field(default = true)]
    pub enabled: bool,
    /// The only route it runs on.
    #[field(reference = "routes", on_delete = OnDelete::Cascade, default = null, unique)]
    pub route: Option<Foreign>,
    /// The only service it runs on.
    #[field(reference = "services", on_delete = OnDelete::Cascade, default = null, unique)]
    pub service: Option<Foreign>,
    /// The filters, in the order in which they run.
    #[field(len_min = 1)]
    pub filters: Vec<Filter>,
    /// When the chain was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the chain was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Words to find the chain by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

/// One filter of a chain.
#[derive(Debug, Clone, PartialEq, Deserialize, Record)]
pub struct Filter {
    /// Kind of the filter.
    #[field(one_of(NO_FILTERS), err = "no such filter")]
    pub name: String,
    /// Whether it runs.
    #[field(default = true)]
    pub enabled: bool,
    /// Settings of the filter.
    #[field(base = config)]
    pub config: Option<Value>,
}

/// Kinds of filters that are loaded.
const NO_FILTERS: [&str; 0] = [];

fn config() -> Field {
    let schemas = json!({
        "namespace": "proxy-wasm-filters",
        "parent_subschema_key": "name",
        "optional": true,
        "default": { "$schema": "http://json-schema.org/draft-04/schema#", "type": ["string", "null"] },
    });
    Field::new("", Kind::Json(schemas)).optional()
}

fn needs_wasm() -> EntityCheck {
    custom_check(["filters"], |_, _| Err("wasm support is not enabled".to_owned())).run_with_invalid_fields()
}
