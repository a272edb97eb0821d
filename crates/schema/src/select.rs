//! An entity on its way out: nulls shown or dropped, old names added, what the schema does not know dropped.
//! Vault references are left as they are; resolving them needs the world.

use serde_json::Value;

use crate::Document;
use crate::Field;
use crate::Kind;
use crate::Record;
use crate::Subschemas;
use crate::admit::allows_empty;
use crate::fill::fields;
use crate::fill::subschema;
use crate::fill::walk;

/// Whether fields without value appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// As null: the Admin API.
    Shown,
    /// Not at all: everyone else.
    Hidden,
}

/// Whether deprecated names appear beside those that replaced them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldNames {
    /// They do.
    Shown,
    /// They do not.
    Hidden,
}

/// Returns a stored document as it is shown.
#[must_use]
pub fn select(
    record: &Record,
    mut document: Document,
    nulls: Nulls,
    old_names: OldNames,
    subschemas: &dyn Subschemas,
) -> Document {
    // Some shorthands have the name of a field that they also set; that field is shown.
    for shorthand in record.shorthands.iter().filter(|own| record.field(&own.field.name).is_none()) {
        document.shift_remove(&shorthand.field.name);
    }
    let sub = subschema(record, &document, subschemas);
    let mut shown = Document::new();
    for field in fields(record, sub) {
        let value = select_value(field, document.shift_remove(&field.name), nulls, old_names, subschemas);
        match value {
            None => {}
            Some(Value::Null) if nulls == Nulls::Hidden => {}
            Some(value) => {
                shown.insert(field.name.clone(), value);
            }
        }
    }
    if record.ttl
        && let Some(ttl) = document.shift_remove("ttl").filter(|ttl| nulls == Nulls::Shown || !ttl.is_null())
    {
        shown.insert("ttl".to_owned(), ttl);
    }
    if old_names == OldNames::Shown {
        for shorthand in &record.shorthands {
            if let Some(value) = shorthand.read_back().and_then(|path| walk(&shown, path)).cloned() {
                shown.insert(shorthand.field.name.clone(), value);
            }
        }
    }
    shown
}

fn select_value(
    field: &Field,
    value: Option<Value>,
    nulls: Nulls,
    old_names: OldNames,
    subschemas: &dyn Subschemas,
) -> Option<Value> {
    let inside = |inner: &Record, document| select(inner, document, nulls, old_names, subschemas);
    let value = match value {
        // A column added after the row was written.
        None => missing(field),
        Some(Value::Null) if field.is_required() => missing(field),
        Some(value) => Some(value),
    }?;
    if field.is_abstract {
        return Some(value);
    }
    Some(match (&field.kind, value) {
        (Kind::Record(inner), Value::Object(entries)) => inside(inner, entries).into(),
        (Kind::Array(element) | Kind::Set(element), Value::Array(items)) => items
            .into_iter()
            .filter_map(|item| select_value(element, Some(item), nulls, old_names, subschemas))
            .collect(),
        (Kind::Array(_) | Kind::Set(_), Value::Object(entries)) if entries.is_empty() => Value::Array(Vec::new()),
        (Kind::Map { values, .. }, Value::Object(entries)) => entries
            .into_iter()
            .filter_map(|(key, item)| Some((key, select_value(values, Some(item), nulls, old_names, subschemas)?)))
            .collect::<Document>()
            .into(),
        (Kind::Map { .. }, Value::Array(items)) if items.is_empty() => Document::new().into(),
        (Kind::String, Value::String(text)) if text.is_empty() && !allows_empty(field) => Value::Null,
        (Kind::Integer, Value::Number(number)) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => {
                let mut whole = Value::from(float.floor());
                crate::fill::plain_numbers(&mut whole);
                whole
            }
            None => number.into(),
        },
        (_, value) => value,
    })
}

fn missing(field: &Field) -> Option<Value> {
    if let Some(default) = &field.default {
        return Some(default.clone());
    }
    if !field.is_required() {
        return Some(Value::Null);
    }
    // A record is shown with the defaults inside it.
    matches!(field.kind, Kind::Record(_)).then(|| Document::new().into())
}
