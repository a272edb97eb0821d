//! `/schemas`: what entities and plugins look like, and whether a document would be admitted.

use std::sync::Arc;

use gibbon_schema::Document;
use gibbon_schema::Kind;
use gibbon_schema::Subschemas as _;
use gibbon_schema::describe;
use http::StatusCode;
use serde_json::Value;

use crate::Admin;
use crate::arguments::decode::MapKeys;
use crate::arguments::decode::nest;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

fn none(kind: &str, name: &str) -> Reply {
    Reply::message(StatusCode::NOT_FOUND, format!("No {kind} named '{name}'"))
}

/// Answers `GET /schemas/ENTITY`.
pub(super) async fn entity(admin: &Arc<Admin>, call: Call) -> Outcome {
    let name = call.parameter("name");
    Ok(match admin.catalog.entity(name) {
        Some(entity) => Reply::ok(&describe(&entity.record, admin.catalog.options())),
        None => none("entity", name),
    })
}

/// Answers `GET /schemas/plugins/NAME`.
pub(super) async fn plugin(admin: &Arc<Admin>, call: Call) -> Outcome {
    let name = call.parameter("name");
    Ok(match admin.catalog.plugin(name) {
        Some(kind) => Reply::ok(&describe(&kind.record, admin.catalog.options())),
        None => none("plugin", name),
    })
}

/// Answers `GET /plugins/schema/NAME`, the older form: the `config` record alone.
pub(super) async fn plugin_config(admin: &Arc<Admin>, call: Call) -> Outcome {
    let name = call.parameter("name");
    let Some(kind) = admin.catalog.plugin(name) else { return Ok(none("plugin", name)) };
    let Some(Kind::Record(config)) = kind.record.field("config").map(|field| &field.kind) else {
        return Ok(none("plugin", name));
    };
    let mut shown = describe(config, admin.catalog.options());
    // Kong makes one list of the record's checks in both places.
    if let Some(shown) = shown.as_object_mut() {
        shown.entry("entity_checks").or_insert_with(|| Value::Array(Vec::new()));
    }
    Ok(Reply::ok(&shown))
}

/// Answers `GET /schemas/vaults/NAME`.
pub(super) async fn vault(admin: &Arc<Admin>, call: Call) -> Outcome {
    let name = call.parameter("name");
    Ok(match admin.catalog.find("vaults", name) {
        Some(record) => {
            let mut shown = describe(record, admin.catalog.options());
            // Kong makes one list of a vault's checks, empty as it is.
            if let Some(shown) = shown.as_object_mut() {
                shown.entry("entity_checks").or_insert_with(|| Value::Array(Vec::new()));
            }
            Reply::ok(&shown)
        }
        None => none("vault", name),
    })
}

/// Answers `GET /schemas/filters/NAME`.
pub(super) async fn filter(_: &Arc<Admin>, call: Call) -> Outcome {
    Ok(Reply::message(StatusCode::NOT_FOUND, format!("Filter '{}' not found", call.parameter("name"))))
}

/// Answers `POST /schemas/ENTITY/validate`.
pub(super) async fn validate(admin: &Arc<Admin>, call: Call) -> Outcome {
    let name = call.parameter("db_entity_name").to_owned();
    check(admin, &name, call)
}

/// Answers `POST /schemas/plugins/validate`.
pub(super) async fn validate_plugin(admin: &Arc<Admin>, call: Call) -> Outcome {
    check(admin, "plugins", call)
}

/// Answers `POST /schemas/vaults/validate`.
pub(super) async fn validate_vault(admin: &Arc<Admin>, call: Call) -> Outcome {
    check(admin, "vaults", call)
}

fn check(admin: &Admin, name: &str, call: Call) -> Outcome {
    let Some(entity) = admin.catalog.entity(name) else { return Ok(none("entity", name)) };
    admin.writer.validate(entity.name, parameters(call))?;
    Ok(Reply::message(StatusCode::OK, "schema validation successful"))
}

/// Returns query and body as one document, as endpoints see them that know no schema.
pub(super) fn parameters(call: Call) -> Document {
    let mut document = nest(&call.query_pairs, MapKeys::Decoded);
    document.extend(call.body);
    document
}
