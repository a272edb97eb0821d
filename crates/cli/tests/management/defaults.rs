//! Defaults from schemas as the node describes them, and the form in which decK compares documents.

use serde_json::Map;
use serde_json::Value;

/// Fills in what a record's schema has defaults for, records in records and in lists included.
pub(crate) fn fill(document: &mut Value, schema: &Value) {
    let Value::Object(document) = document else { return };
    for (name, field) in fields(schema) {
        match document.get_mut(name).filter(|value| !value.is_null()) {
            Some(Value::Array(elements)) if field["elements"]["type"] == "record" => {
                elements.iter_mut().for_each(|element| fill(element, &field["elements"]));
            }
            Some(value) if field["type"] == "record" => fill(value, field),
            Some(_) => {}
            None => {
                let default = schema["default"].get(name).or_else(|| field.get("default")).filter(|it| !it.is_null());
                let mut value = default.cloned().unwrap_or(Value::Null);
                if field["type"] == "record" && field["required"] == true {
                    if value.is_null() {
                        value = Value::Object(Map::new());
                    }
                    fill(&mut value, field);
                }
                if !value.is_null() {
                    document.insert(name.clone(), value);
                }
            }
        }
    }
}

/// Returns the document without what decK does not compare: nulls, times, what the node computes, names that stand for
/// others; and with the words of its lists of words in order.
pub(crate) fn comparable(document: &Value, schema: &Value) -> Value {
    let Value::Object(held) = document else { return document.clone() };
    let mut kept = Map::new();
    for (name, value) in held {
        if ["created_at", "updated_at", "snis", "cert_digest"].contains(&name.as_str()) {
            continue;
        }
        kept.insert(name.clone(), value.clone());
    }
    for name in ["tags", "protocols"] {
        if let Some(Value::Array(words)) = kept.get_mut(name) {
            words.sort_by_key(ToString::to_string);
        }
    }
    if let Some(config) = kept.get_mut("config") {
        let of_config = fields(schema).find(|(name, _)| *name == "config").map(|(_, field)| field);
        for (name, _) in of_config.into_iter().flat_map(|field| named(&field["shorthand_fields"])) {
            config.as_object_mut().and_then(|config| config.remove(name));
        }
    }
    let mut whole = Value::Object(kept);
    drop_nulls(&mut whole);
    if whole["tags"] == Value::Array(Vec::new()) {
        whole.as_object_mut().and_then(|whole| whole.remove("tags"));
    }
    whole
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    named(&schema["fields"])
}

/// Returns names and descriptions of a list `[{"name": {…}}, …]`.
fn named(list: &Value) -> impl Iterator<Item = (&String, &Value)> {
    list.as_array().into_iter().flatten().filter_map(Value::as_object).flatten()
}
