//! Records as JSON Schema (draft 2020-12). Lua's patterns and rules that are code have no counterpart and are left out.

use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Record;
use gibbon_schema::Rule;
use gibbon_schema::Value;
use serde_json::Map;
use serde_json::json;

/// Returns the schema of a record's documents. What must be given is not part of it: see [`needed`].
pub(super) fn record(record: &Record) -> Value {
    let mut properties = Map::new();
    for field in &record.fields {
        properties.insert(field.name.clone(), self::field(field));
    }
    for shorthand in &record.shorthands {
        let mut shape = field(&shorthand.field);
        if shorthand.field.deprecation.is_some() {
            shape["deprecated"] = true.into();
        }
        properties.entry(shorthand.field.name.clone()).or_insert(shape);
    }
    let mut shape = json!({ "type": "object", "properties": properties });
    if let Some(description) = &record.description {
        shape["description"] = description.as_str().into();
    }
    shape
}

/// Returns the fields without which a document is refused, shorthands aside.
pub(super) fn needed(record: &Record) -> Vec<&str> {
    let must = |field: &&Field| {
        field.required == Some(true) && field.default.is_none() && !field.auto && !matches!(field.kind, Kind::Record(_))
    };
    // `url` may stand for a service's `host`.
    let by_shorthand = !record.shorthands.is_empty();
    record
        .fields
        .iter()
        .filter(must)
        .filter(|field| !(by_shorthand && field.name == "host"))
        .map(|field| field.name.as_str())
        .collect()
}

fn field(field: &Field) -> Value {
    let mut shape = kind(field);
    let nullable = field.required != Some(true);
    if let Some(object) = shape.as_object_mut() {
        field.rules.iter().for_each(|rule| apply(rule, &field.kind, object));
        if let Some(default) = field.default.as_ref().filter(|default| !default.is_null()) {
            object.insert("default".to_owned(), default.clone());
        }
        if let Some(description) = &field.description {
            object.insert("description".to_owned(), description.as_str().into());
        }
        if field.deprecation.is_some() {
            object.insert("deprecated".to_owned(), true.into());
        }
        if nullable {
            also_null(object);
        }
    }
    shape
}

/// Returns the type alone.
fn kind(field: &Field) -> Value {
    match &field.kind {
        Kind::String => json!({ "type": "string" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Array(element) => json!({ "type": "array", "items": element_of(element) }),
        Kind::Set(element) => json!({ "type": "array", "uniqueItems": true, "items": element_of(element) }),
        Kind::Map { values, .. } => json!({ "type": "object", "additionalProperties": element_of(values) }),
        Kind::Record(inner) => record(inner),
        Kind::Foreign { .. } => {
            json!({ "type": "object", "properties": { "id": { "type": "string", "format": "uuid" } } })
        }
        Kind::Json(_) | Kind::Function | Kind::Any => json!({}),
    }
}

/// Elements of lists and values of maps are never null.
fn element_of(element: &Field) -> Value {
    field(&element.clone().required())
}

fn apply(rule: &Rule, kind: &Kind, shape: &mut Map<String, Value>) {
    let length = |end: &str| match kind {
        Kind::String => format!("{end}Length"),
        Kind::Array(_) | Kind::Set(_) => format!("{end}Items"),
        _ => format!("{end}Properties"),
    };
    let mut set = |name: &str, value: Value| drop(shape.insert(name.to_owned(), value));
    match rule {
        Rule::Eq(value) => set("const", value.clone()),
        Rule::OneOf(choices) => set("enum", choices.values.clone().into()),
        Rule::Gt(limit) => set("exclusiveMinimum", number(*limit)),
        Rule::Uuid => set("format", "uuid".into()),
        Rule::IsRegex => set("format", "regex".into()),
        Rule::Between(low, high) => {
            set("minimum", number(*low));
            set("maximum", number(*high));
        }
        Rule::LenEq(size) => {
            set(&length("min"), (*size).into());
            set(&length("max"), (*size).into());
        }
        Rule::LenMin(size) => set(&length("min"), (*size).into()),
        Rule::LenMax(size) => set(&length("max"), (*size).into()),
        _ => {}
    }
}

/// Whole numbers are written without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { (value as i64).into() } else { value.into() }
}

fn also_null(shape: &mut Map<String, Value>) {
    if let Some(Value::String(kind)) = shape.get("type").cloned() {
        shape.insert("type".to_owned(), json!([kind, "null"]));
    }
    if let Some(Value::Array(values)) = shape.get_mut("enum") {
        values.push(Value::Null);
    }
}
