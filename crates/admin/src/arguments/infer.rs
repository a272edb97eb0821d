//! Gives texts of forms and queries the types that a schema asks for: `"80"` becomes 80, `""` null, a single value a list.
//! What does not fit is left as text, for validation to refuse. Rules: Kong's `api/arguments.lua`.

use gibbon_schema::Document;
use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Record;
use gibbon_schema::Subschemas;
use serde_json::Number;
use serde_json::Value;

/// Types the values of a document whose schema is `record`.
pub(crate) fn infer(document: &mut Document, record: &Record, schemas: &dyn Subschemas) {
    let sub = record.subschema.as_ref().and_then(|key| schemas.find(&key.family, document.get(&key.field)?.as_str()?));
    for field in &record.fields {
        let Some(value) = document.get_mut(&field.name) else { continue };
        let field = match sub {
            Some(sub) if field.is_abstract => sub.field(&field.name).unwrap_or(field),
            _ => field,
        };
        infer_value(value, field, schemas);
    }
    for shorthand in &record.shorthands {
        if let Some(value) = document.get_mut(&shorthand.field.name) {
            infer_value(value, &shorthand.field, schemas);
        }
    }
    if record.ttl
        && let Some(ttl) = document.get_mut("ttl")
    {
        to_number(ttl);
    }
}

/// Types one value as `field` asks.
pub(crate) fn infer_value(value: &mut Value, field: &Field, schemas: &dyn Subschemas) {
    if value.as_str() == Some("") {
        *value = Value::Null;
    }
    if value.is_null() {
        return;
    }
    match &field.kind {
        Kind::Number | Kind::Integer => to_number(value),
        Kind::Boolean => match value.as_str() {
            Some("true") => *value = Value::Bool(true),
            Some("false") => *value = Value::Bool(false),
            _ => {}
        },
        Kind::Array(elements) | Kind::Set(elements) => {
            if !value.is_array() && !value.is_object() {
                *value = Value::Array(vec![value.take()]);
            }
            for item in value.as_array_mut().into_iter().flatten() {
                infer_value(item, elements, schemas);
            }
        }
        Kind::Map { values, .. } => {
            for item in value.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                infer_value(item, values, schemas);
            }
        }
        Kind::Foreign { reference, .. } => {
            if let (Some(key), Some(record)) = (value.as_object_mut(), schemas.entity(reference)) {
                infer(key, record, schemas);
            }
        }
        Kind::Record(inner) if !field.is_abstract => {
            if let Some(document) = value.as_object_mut() {
                infer(document, inner, schemas);
            }
        }
        _ => {}
    }
}

/// Turns text into the number it writes, as Lua's `tonumber` does; other text stays.
fn to_number(value: &mut Value) {
    if let Some(number) = value.as_str().and_then(number) {
        *value = Value::Number(number);
    }
}

/// Returns the number that a text writes: decimal, with a fraction or an exponent, or hexadecimal.
pub(crate) fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = i64::from_str_radix(digits, 16).ok()?;
        return Some(Number::from(if text.starts_with('-') { -value } else { value }));
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole) => Some(Number::from(whole)),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gibbon_schema::NoSubschemas;
    use serde_json::json;

    #[test]
    fn reads_numbers_as_lua_does() {
        for (text, want) in [
            ("80", json!(80)),
            (" 8 ", json!(8)),
            ("-1", json!(-1)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("0x10", json!(16)),
            ("", json!(null)),
            ("many", json!(null)),
            ("inf", json!(null)),
            ("8x", json!(null)),
        ] {
            assert_eq!(number(text).map_or(Value::Null, Value::Number), want, "{text}");
        }
    }

    #[test]
    fn types_values() {
        let record = Record::new([
            Field::integer().named("port"),
            Field::boolean().named("on"),
            Field::set(Field::string()).named("tags"),
            Field::array(Field::integer()).named("codes"),
            Field::map(Field::string(), Field::number()).named("weights"),
            Field::record(Record::new([Field::integer().named("n")])).named("inner"),
            Field::string().named("path"),
        ]);
        let mut document = json!({
            "port": "80", "on": "true", "tags": "x", "codes": ["1", "two"], "weights": { "a": "0.5" },
            "inner": { "n": "3", "other": "4" }, "path": "", "unknown": "1"
        });
        infer(document.as_object_mut().expect("an object"), &record, &NoSubschemas);
        assert_eq!(
            document,
            json!({
                "port": 80, "on": true, "tags": ["x"], "codes": [1, "two"], "weights": { "a": 0.5 },
                "inner": { "n": 3, "other": "4" }, "path": null, "unknown": "1"
            })
        );
    }
}
