//! The OpenAPI 3.1 document of the Admin API.

use gibbon_admin::Action;
use gibbon_admin::Operation;
use gibbon_model::Entity;
use gibbon_schema::Kind;
use gibbon_schema::Value;
use serde_json::Map;
use serde_json::json;

use super::Subject;
use super::shape;

pub(super) fn document(subject: &Subject) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in &subject.operations {
        let path = paths.entry(operation.template.clone()).or_insert_with(|| path_item(&operation.template));
        path[operation.method.to_ascii_lowercase()] = described(subject, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gibbon Admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The management interface of Gibbon, which is that of Kong 3.10. Every path answers OPTIONS, and HEAD where it answers GET.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:8001" }],
        "security": [],
        "paths": paths,
        "components": {
            "schemas": schemas(subject),
            "parameters": {
                "size": query("size", "How many documents a page holds.", json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 })),
                "offset": query("offset", "Where the page begins: `offset` of the page before.", json!({ "type": "string" })),
                "tags": query("tags", "Only documents with these tags: `a,b` all of them, `a/b` any of them.", json!({ "type": "string" })),
            },
            "responses": {
                "Refused": error("The document or the request is not valid; nothing was changed."),
                "NotFound": error("There is none."),
                "ReadOnly": error("The node has no database: only `/config` changes its configuration."),
                "Conflict": error("A unique field is taken."),
            },
        },
    })
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn error(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

/// Returns a path with its parameters and without methods.
fn path_item(template: &str) -> Value {
    let names = template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn described(subject: &Subject, operation: &Operation) -> Value {
    let words = operation.template.split(['/', '{', '}']).filter(|word| !word.is_empty());
    let id = std::iter::once(operation.method.to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("-");
    let group = operation.template.split('/').nth(1).filter(|word| !word.is_empty()).unwrap_or("node");
    let mut shown = json!({ "operationId": id, "summary": operation.summary, "tags": [group] });
    let entity = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut responses = match operation.action {
        Action::List(name) => {
            let parameter = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
            shown["parameters"] = json!([parameter("size"), parameter("offset"), parameter("tags")]);
            json!({ "200": answer("A page.", json!({ "allOf": [
                { "$ref": "#/components/schemas/Page" },
                { "type": "object", "properties": { "data": { "type": "array", "items": entity(name) } } },
            ] })) })
        }
        Action::Create(name) => {
            shown["requestBody"] = body(subject, name);
            json!({ "201": answer("What was made.", entity(name)) })
        }
        Action::Put(name) => {
            shown["requestBody"] = body(subject, name);
            json!({ "200": answer("What is there now.", entity(name)) })
        }
        Action::Patch(name) => {
            shown["requestBody"] = content(&entity(name));
            json!({ "200": answer("What is there now.", entity(name)) })
        }
        Action::Get(name) => json!({ "200": answer("The document.", entity(name)) }),
        Action::Delete(_) => json!({ "204": { "description": "It is not there, or not any more." } }),
        Action::Special => special(operation),
    };
    let writes = !matches!(operation.action, Action::List(_) | Action::Get(_) | Action::Special);
    let may_clash = matches!(operation.action, Action::Create(_) | Action::Put(_) | Action::Patch(_));
    let named = operation.template.contains('{');
    for (status, reference, applies) in [
        ("400", "Refused", operation.action != Action::Special),
        ("404", "NotFound", named),
        ("405", "ReadOnly", writes),
        ("409", "Conflict", may_clash),
    ] {
        if applies {
            responses[status] = json!({ "$ref": format!("#/components/responses/{reference}") });
        }
    }
    shown["responses"] = responses;
    shown
}

/// Answers and bodies of what is no entity's.
fn special(operation: &Operation) -> Value {
    let any = || json!({ "type": "object" });
    match (operation.method.as_str(), operation.template.as_str()) {
        ("POST", "/config") => json!({
            "201": answer("What was loaded: by entity, then by id.", any()),
            "304": { "description": "With `?check_hash=1`: that configuration runs already." },
            "400": { "$ref": "#/components/responses/Refused" },
        }),
        ("PUT", path) if path.ends_with("healthy") => json!({
            "204": { "description": "Marked." },
            "400": { "$ref": "#/components/responses/Refused" },
        }),
        ("DELETE", _) => json!({ "204": { "description": "Done." } }),
        _ if operation.summary.starts_with("Refused") => json!({ "400": { "$ref": "#/components/responses/Refused" } }),
        _ => json!({ "200": answer("The answer.", any()), "4XX": { "$ref": "#/components/responses/Refused" } }),
    }
}

fn answer(description: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// Returns the body of a document that must be whole.
fn body(subject: &Subject, name: &str) -> Value {
    let needed = subject.catalog.entity(name).map(|entity| shape::needed(&entity.record)).unwrap_or_default();
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    if needed.is_empty() {
        content(&reference)
    } else {
        content(&json!({ "allOf": [reference, { "required": needed }] }))
    }
}

fn content(schema: &Value) -> Value {
    let one = json!({ "schema": schema });
    json!({ "required": true, "content": {
        "application/json": one,
        "application/x-www-form-urlencoded": one,
        "multipart/form-data": one,
    } })
}

fn schemas(subject: &Subject) -> Value {
    let mut schemas = Map::new();
    for entity in subject.catalog.entities() {
        schemas.insert(entity.name.to_owned(), document_of(subject, entity));
    }
    for plugin in &subject.plugins {
        if let Some(Kind::Record(config)) = plugin.kind.record.field("config").map(|field| &field.kind) {
            schemas.insert(format!("config.{}", plugin.kind.name), shape::record(config));
        }
    }
    schemas.insert(
        "Page".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "data": { "type": "array" },
                "next": { "type": ["string", "null"], "description": "Path of the next page." },
                "offset": { "type": "string", "description": "Where the next page begins; missing on the last." },
            },
        }),
    );
    schemas.insert(
        "Error".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "message": { "type": "string" },
                "name": { "type": "string", "description": "Kind of the error, such as `schema violation`." },
                "code": { "type": "integer" },
                "fields": { "type": "object", "description": "What is wrong, by field." },
            },
        }),
    );
    Value::Object(schemas)
}

fn document_of(subject: &Subject, entity: &Entity) -> Value {
    let mut shape = shape::record(&entity.record);
    if entity.name == "plugins" {
        let configs: Vec<Value> = subject
            .plugins
            .iter()
            .map(|plugin| json!({ "$ref": format!("#/components/schemas/config.{}", plugin.kind.name) }))
            .collect();
        shape["properties"]["config"] =
            json!({ "description": "Settings of the plugin called `name`.", "anyOf": configs });
    }
    shape
}
