//! What consumers have beside the generated endpoints: a search by `custom_id`, and groups named in paths.

use std::sync::Arc;

use gibbon_schema::Document;
use gibbon_store::Key;
use gibbon_store::WriteError;
use http::Method;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use crate::Admin;
use crate::call::Call;
use crate::generic;
use crate::generic::Target;
use crate::generic::Verb;
use crate::listing;
use crate::reply::Outcome;
use crate::reply::Reply;

/// Answers `GET /consumers`, with `?custom_id=` the one that has it.
pub(super) async fn list(admin: &Arc<Admin>, call: Call) -> Outcome {
    let Some(custom_id) = call.query.get("custom_id") else { return listing::list(admin, "consumers", &call).await };
    let Some(custom_id) = custom_id.as_str().filter(|custom_id| !custom_id.is_empty()) else {
        return Ok(Reply::message(StatusCode::BAD_REQUEST, "custom_id must be an unempty string"));
    };
    let found = admin.writer.get("consumers", Key::Field { name: "custom_id", value: custom_id }).await?;
    let data: Vec<Value> = found.into_iter().map(Value::Object).collect();
    Ok(Reply::ok(&json!({ "data": data, "next": null })))
}

/// Answers `/consumers/C/acls/G`, where G may be a group's name; PUT by name adds the group.
pub(super) async fn group(admin: &Arc<Admin>, mut call: Call) -> Outcome {
    const BELOW: Target = Target::Below { parent: "consumers", field: "consumer", child: "acls" };
    let verb = Verb::of(&call.method);
    let group = call.parameter("acls").to_owned();
    if admin.is_id(&group) {
        return generic::run(admin, verb, BELOW, call).await;
    }
    // This answer of Kong has the shape of the proxy's errors.
    let not_found = || {
        let id = Uuid::new_v4().simple();
        let body = format!("{{\n  \"message\":\"Not found\",\n  \"request_id\":\"{id}\"\n}}");
        Ok(Reply::bytes(StatusCode::NOT_FOUND, "application/json; charset=utf-8", body.into_bytes()))
    };
    let Some(consumer) = admin.select("consumers", call.parameter("consumers")).await? else { return not_found() };
    let key = Document::from_iter([
        ("consumer".to_owned(), json!({ "id": admin.id_of("consumers", &consumer) })),
        ("group".to_owned(), group.as_str().into()),
    ]);
    let id = match admin.writer.store().find_by_cache_key("acls", &key).await.map_err(WriteError::from)? {
        Some(acl) => admin.id_of("acls", &acl),
        None if call.method == Method::PUT => admin.new_id(),
        None => return not_found(),
    };
    call.set_parameter("acls", id);
    if call.method == Method::PUT {
        call.body.entry("group").or_insert(group.into());
    }
    generic::run(admin, verb, BELOW, call).await
}
