//! Edits of a JSON body.

use gibbon_schema::{Document, Value};

use super::{Config, JsonType, Set};
use crate::pairs::{Pair, pairs};

/// The edits of one configuration.
pub(super) struct BodyEdits {
    remove: Vec<Pair>,
    rename: Vec<Pair>,
    replace: Vec<(String, Value)>,
    add: Vec<(String, Value)>,
    append: Vec<(String, Value)>,
}

impl BodyEdits {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            remove: pairs(&config.remove.json),
            rename: pairs(&config.rename.json),
            replace: values(&config.replace),
            add: values(&config.add),
            append: values(&config.append),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.remove.is_empty()
            && self.rename.is_empty()
            && self.replace.is_empty()
            && self.add.is_empty()
            && self.append.is_empty()
    }

    /// Edits a body; one that is no JSON object comes back as it was.
    pub(super) fn apply(&self, body: Vec<u8>) -> Vec<u8> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(&body) else {
            tracing::warn!("a response said to be JSON is no JSON object and was not transformed");
            return body;
        };
        for pair in &self.remove {
            members.shift_remove(&pair.name);
        }
        for pair in &self.rename {
            if let Some(new_name) = &pair.value
                && let Some(value) = members.shift_remove(&pair.name)
            {
                members.insert(new_name.clone(), value);
            }
        }
        for (name, value) in &self.replace {
            if is_truthy(members.get(name)) {
                members.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in &self.add {
            if !is_truthy(members.get(name)) {
                members.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in &self.append {
            append(&mut members, name, value);
        }
        serde_json::to_vec(&members).unwrap_or(body)
    }
}

/// What Lua takes for true: anything but nil and false. JSON's null is a value there.
fn is_truthy(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Bool(false)))
}

/// Makes a list of what is there and the new value; what is neither text nor list gives way.
fn append(members: &mut Document, name: &str, value: &Value) {
    match members.get_mut(name) {
        Some(Value::Array(list)) => list.push(value.clone()),
        Some(held @ Value::String(_)) => *held = Value::Array(vec![held.take(), value.clone()]),
        _ => {
            members.insert(name.to_owned(), Value::Array(vec![value.clone()]));
        }
    }
}

/// Reads `name:value` pairs with their types; a number that does not parse is left out.
fn values(set: &Set) -> Vec<(String, Value)> {
    let typed = |(at, pair): (usize, Pair)| {
        let text = pair.value?;
        let value = match set.json_types.get(at) {
            Some(JsonType::Boolean) => Value::Bool(text == "true"),
            Some(JsonType::Number) => number(text.trim())?,
            Some(JsonType::String) | None => Value::String(text),
        };
        Some((pair.name, value))
    };
    pairs(&set.json).into_iter().enumerate().filter_map(typed).collect()
}

fn number(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).ok().or_else(|| text.parse::<f64>().ok().map(Value::from))
}

/// Tells whether a Content-Type names JSON: `application/json`, also behind another type and with parameters.
pub(super) fn is_json(content_type: &[u8]) -> bool {
    content_type.split(|byte| *byte == b',').any(|one| {
        let media_type = one.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        media_type.eq_ignore_ascii_case(b"application/json")
            || (media_type.to_ascii_lowercase().starts_with(b"application/")
                && media_type.to_ascii_lowercase().ends_with(b"+json"))
    })
}
