//! What is wrong with a declarative file, in the three forms that Kong gives it: a tree, a text
//! for people, and a flat list of entities with their errors.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::Catalog;
use crate::Document;

/// A tree of messages: by entity, by index or key, by field. Lists have null where nothing is wrong.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Errors(Box<Map<String, Value>>);

/// The errors of a file by entity, as `flatten_errors` asks for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Flattened {
    /// What belongs to no entity.
    pub fields: Value,
    /// One an entity: `{entity_type, entity_name?, entity_id?, entity_tags?, entity, errors}`.
    pub errors: Vec<Value>,
}

impl Errors {
    pub(super) fn new(tree: Map<String, Value>) -> Self {
        Self(Box::new(tree))
    }

    /// Makes the errors of a file that cannot be read at all.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(Map::from_iter([("error".to_owned(), Value::String(message.into()))]))
    }

    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tree as JSON: the `fields` of error code 14.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.as_ref().clone())
    }

    /// Returns the text that commands print: one line an error, two spaces a level.
    pub fn to_text(&self) -> String {
        // A file that could not be read has a plain message.
        if let (1, Some(Value::String(message))) = (self.0.len(), self.0.get("error")) {
            return message.clone();
        }
        let mut lines = Vec::new();
        print(&self.to_value(), "", 0, &mut lines);
        lines.join("\n")
    }

    /// Returns the errors by entity; `input` is the file as it was when it was refused.
    pub fn flatten(&self, input: &Document, catalog: &Catalog) -> Flattened {
        let mut fields = Map::new();
        let mut errors = Vec::new();
        // Kong walks keys from the last to the first.
        let mut sections: Vec<_> = self.0.iter().collect();
        sections.sort_by(|a, b| b.0.cmp(a.0));
        for (name, section) in sections {
            let entities = input.get(name).and_then(Value::as_array);
            let (Some(entities), true) = (entities, section.is_array() || section.is_object()) else {
                fields.insert(name.clone(), section.clone());
                continue;
            };
            // Errors that are keyed by names (references, unique values) find no entity, and are
            // dropped; Kong does so too.
            let Value::Array(section) = section else { continue };
            for (entity, wrong) in entities.iter().zip(section).rev() {
                flatten_entity(name, entity.clone(), wrong.clone(), catalog, &mut errors);
            }
        }
        Flattened { fields: Value::Object(fields), errors }
    }
}

fn print(errors: &Value, item: &str, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut line = |key: String, name: &str, value: &Value| match value {
        Value::Array(_) | Value::Object(_) => {
            lines.push(format!("{indent}{key}:"));
            print(value, name, depth + 1, lines);
        }
        Value::String(message) => lines.push(format!("{indent}{key}: {message}")),
        other => lines.push(format!("{indent}{key}: {other}")),
    };
    match errors {
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate().filter(|(_, value)| !value.is_null()) {
                let number = index + 1;
                line(format!("- in entry {number} of '{item}'"), &number.to_string(), value);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                line(format!("in '{key}'"), key, value);
            }
        }
        _ => {}
    }
}

/// Adds the errors of an entity and of those nested in it, children first.
fn flatten_entity(name: &str, mut entity: Value, mut wrong: Value, catalog: &Catalog, out: &mut Vec<Value>) {
    if let Value::String(message) = wrong {
        wrong = json!({ "@entity": message });
    }
    let (Some(entity), Value::Object(mut wrong)) = (entity.as_object_mut(), wrong) else { return };
    let key = entity.get("id").filter(|id| is_uuid(id)).map(|id| json!({ "id": id }));
    if let Some(def) = catalog.entity(name) {
        for reference in &def.refs {
            if matches!(entity.get(reference.field), Some(Value::Object(_))) {
                let inner = entity[reference.field].take();
                entity.shift_remove(reference.field);
                if let Some(id) = inner.get("id").filter(|id| is_uuid(id)) {
                    entity.insert(reference.field.to_owned(), json!({ "id": id }));
                }
                if let Some(errors) = wrong.shift_remove(reference.field) {
                    flatten_entity(reference.target, inner, errors, catalog, out);
                }
            }
        }
        for child in &def.children {
            if !matches!(entity.get(child.entity), Some(Value::Array(_))) {
                continue;
            }
            let items = entity.shift_remove(child.entity);
            let errors = wrong.shift_remove(child.entity);
            let (Some(Value::Array(items)), Some(Value::Array(errors))) = (items, errors) else {
                continue;
            };
            for (mut item, errors) in items.into_iter().zip(errors) {
                if let (Value::Object(item), Some(key)) = (&mut item, &key) {
                    item.entry(child.field).or_insert_with(|| key.clone());
                }
                flatten_entity(child.entity, item, errors, catalog, out);
            }
        }
    }
    let mut errors = Vec::new();
    categorize(&wrong, "", &mut errors);
    if errors.is_empty() {
        return;
    }
    let mut flat = Map::new();
    if let Some(text) = entity.get("name").filter(|n| n.as_str().is_some_and(|n| !n.is_empty())) {
        flat.insert("entity_name".to_owned(), text.clone());
    }
    if let Some(id) = entity.get("id").filter(|id| is_uuid(id)) {
        flat.insert("entity_id".to_owned(), id.clone());
    }
    let tags = entity.get("tags").filter(|tags| tags.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)));
    if let Some(tags) = tags {
        flat.insert("entity_tags".to_owned(), tags.clone());
    }
    flat.insert("entity_type".to_owned(), name.strip_suffix('s').unwrap_or(name).into());
    flat.insert("entity".to_owned(), Value::Object(std::mem::take(entity)));
    flat.insert("errors".to_owned(), Value::Array(errors));
    out.push(Value::Object(flat));
}

fn is_uuid(id: &Value) -> bool {
    id.as_str().is_some_and(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok())
}

/// Adds each message with the dotted path of its field; elements count from 1.
fn categorize(wrong: &Map<String, Value>, path: &str, out: &mut Vec<Value>) {
    let mut fields: Vec<_> = wrong.iter().collect();
    fields.sort_by(|a, b| b.0.cmp(a.0));
    for (field, value) in fields {
        if field == "@entity" {
            for message in messages(value) {
                out.push(json!({ "type": "entity", "message": message }));
            }
        } else {
            let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            categorize_field(value, &path, out);
        }
    }
}

fn categorize_field(value: &Value, path: &str, out: &mut Vec<Value>) {
    match value {
        Value::String(message) => {
            out.push(json!({ "type": "field", "field": path, "message": message }));
        }
        Value::Object(inner) => categorize(inner, path, out),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().rev() {
                categorize_field(item, &format!("{path}.{}", index + 1), out);
            }
        }
        _ => {}
    }
}

fn messages(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).collect(),
        other => vec![other],
    }
}

/// Puts the messages of `over` into `tree`.
pub(super) fn merge(tree: &mut Value, over: Value) {
    match (tree, over) {
        (Value::Object(tree), Value::Object(over)) => {
            for (key, value) in over {
                merge(tree.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(tree), Value::Array(over)) => {
            if tree.len() < over.len() {
                tree.resize(over.len(), Value::Null);
            }
            for (item, value) in tree.iter_mut().zip(over) {
                merge(item, value);
            }
        }
        (_, Value::Null) => {}
        (tree, over) => *tree = over,
    }
}

/// Returns only the messages that a reference must be null.
pub(super) fn null_errors(tree: &Value) -> Value {
    match tree {
        Value::String(message) if message == "value must be null" => tree.clone(),
        Value::Object(entries) => {
            let kept = entries.iter().map(|(key, value)| (key.clone(), null_errors(value)));
            let kept: Map<_, _> = kept.filter(|(_, value)| !value.is_null()).collect();
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().map(null_errors).collect();
            if kept.iter().all(Value::is_null) { Value::Null } else { Value::Array(kept) }
        }
        _ => Value::Null,
    }
}
