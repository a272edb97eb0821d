//! Merging a change into an entity: records field by field, lists and maps as a whole.
//! It judges nothing.

use serde_json::Value;

use crate::Document;
use crate::Kind;
use crate::Record;
use crate::Subschemas;
use crate::fill::fields;
use crate::fill::subschema;

/// Returns `bottom` with the values of `top` in front.
#[must_use]
pub fn merge(record: &Record, top: Document, bottom: Document, subschemas: &dyn Subschemas) -> Document {
    let sub = subschema(record, &bottom, subschemas);
    let mut merged = bottom;
    for (name, value) in top {
        let field = fields(record, sub).find(|field| field.name == name);
        let inner = field.and_then(|field| match &field.kind {
            Kind::Record(inner) if !field.is_abstract => Some(inner),
            _ => None,
        });
        let value = match (inner, value, merged.get_mut(&name)) {
            (Some(inner), Value::Object(top), Some(Value::Object(bottom))) => {
                merge(inner, top, std::mem::take(bottom), subschemas).into()
            }
            (_, value, _) => value,
        };
        merged.insert(name, value);
    }
    merged
}
