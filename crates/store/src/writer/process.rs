//! What every write goes through between the client's document and the store's, and back: foreign
//! keys, lifetimes, transformations, selection.

use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Nulls;
use gibbon_schema::OldNames;
use gibbon_schema::select;
use serde_json::Value;
use serde_json::json;

use super::WriteError;
use super::Writer;
use crate::rows::index_value;

/// Longest lifetime in seconds.
const MAX_TTL: f64 = 100_000_000.0;

/// What a write says about the document's lifetime.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lifetime {
    /// Nothing: an update keeps what there is.
    Unsaid,
    /// It never expires.
    Endless,
    /// It expires after so many seconds.
    Seconds(f64),
}

/// Takes `ttl` out of a client's document.
pub(super) fn take_lifetime(entity: &Entity, document: &mut Document) -> Result<Lifetime, WriteError> {
    if !entity.ttl {
        return Ok(Lifetime::Unsaid);
    }
    match document.shift_remove("ttl") {
        None => Ok(Lifetime::Unsaid),
        Some(Value::Null) => Ok(Lifetime::Endless),
        Some(value) => match value.as_f64() {
            Some(0.0) => Ok(Lifetime::Endless),
            Some(ttl) if ttl.fract() == 0.0 && (0.0..=MAX_TTL).contains(&ttl) => Ok(Lifetime::Seconds(ttl)),
            _ => {
                let text = format!("must be an integer between 0 and {MAX_TTL}");
                let options = Document::from_iter([("ttl".to_owned(), text.into())]);
                Err(WriteError::invalid_options(&options))
            }
        },
    }
}

/// Puts the time of expiry into a document at rest.
pub(super) fn put_lifetime(document: &mut Document, lifetime: Lifetime, from: f64) {
    match lifetime {
        Lifetime::Unsaid => {}
        Lifetime::Endless => {
            document.shift_remove("ttl");
        }
        Lifetime::Seconds(ttl) => {
            document.insert("ttl".to_owned(), json!(from + ttl));
        }
    }
}

/// Makes the changes of writing whose inputs the client gave.
pub(super) fn transform(entity: &Entity, document: &mut Document, given: &Document) -> Result<(), WriteError> {
    for transformation in entity.transformations {
        let there = |field: &&str| given.get(*field).is_some_and(|value| !value.is_null());
        if transformation.input.iter().all(there) {
            (transformation.on_write)(document).map_err(|message| WriteError::transformation(&message))?;
        }
    }
    Ok(())
}

impl Writer {
    /// Replaces foreign keys given by a unique field of what they name by its primary key.
    pub(super) async fn resolve_foreign(&self, entity: &Entity, document: &mut Document) -> Result<(), WriteError> {
        let mut unresolved = Vec::new();
        for reference in &entity.refs {
            let Some(Value::Object(key)) = document.get(reference.field) else { continue };
            let Some(target) = self.catalog().entity(reference.target) else { continue };
            let primary = key.get(target.primary_key).and_then(Value::as_str);
            if primary.is_some_and(|id| uuid::Uuid::try_parse(id).is_ok()) {
                continue;
            }
            let mut found = None;
            let mut missing = Vec::new();
            for field in target.lookups() {
                let Some(value) = key.get(field).filter(|value| !value.is_null()) else { continue };
                if !can_be(target.record.field(field), value) {
                    continue;
                }
                match self.store.find(target.name, field, value).await? {
                    Some(document) => {
                        found = document.get(target.primary_key).cloned();
                        break;
                    }
                    None => missing.push((reference.field, field, value.clone(), target.name)),
                }
            }
            match found {
                Some(id) => {
                    let key = json!({ target.primary_key: id });
                    document.insert(reference.field.to_owned(), key);
                }
                None => unresolved.extend(missing),
            }
        }
        if unresolved.is_empty() { Ok(()) } else { Err(WriteError::unresolved(&unresolved)) }
    }

    /// Writes ids as a database does, in lower case, and of foreign keys keeps only the key.
    pub(super) fn plain_keys(&self, entity: &Entity, document: &mut Document) {
        if let Some(Value::String(id)) = document.get_mut(entity.primary_key)
            && uuid::Uuid::try_parse(id).is_ok()
        {
            id.make_ascii_lowercase();
        }
        for reference in &entity.refs {
            let Some(target) = self.catalog().entity(reference.target) else { continue };
            let Some(Value::Object(key)) = document.get_mut(reference.field) else { continue };
            key.retain(|name, _| name == target.primary_key);
            if let Some(Value::String(id)) = key.get_mut(target.primary_key) {
                id.make_ascii_lowercase();
            }
        }
    }

    /// Returns a document at rest as the Admin API shows it.
    pub(super) async fn show(&self, entity: &str, document: Document) -> Result<Document, WriteError> {
        let entity = self.entity(entity);
        let mut shown = self.select(entity, document);
        // Kong's database has a column for the end of life, which shows as null; its memory has not.
        if entity.ttl && !self.is_dbless() {
            shown.entry("ttl").or_insert(Value::Null);
        }
        if entity.name == "certificates" {
            let id = index_value(shown.get(entity.primary_key)).unwrap_or_default();
            shown.insert("snis".to_owned(), self.names_of(&id).await?.into());
        }
        Ok(shown)
    }

    /// Returns a document at rest with nulls, deprecated names, and what is left of its lifetime.
    pub(super) fn select(&self, entity: &Entity, mut document: Document) -> Document {
        if entity.ttl {
            let left = document.get("ttl").and_then(Value::as_f64).map(|at| {
                let left = (at - self.world.now()).floor().max(0.0);
                #[allow(clippy::cast_possible_truncation, reason = "lifetimes are short")]
                Value::from(left as i64)
            });
            match left {
                Some(left) => document.insert("ttl".to_owned(), left),
                None => document.shift_remove("ttl"),
            };
        }
        let catalog = self.catalog().as_ref();
        select(&entity.record, document, Nulls::Shown, OldNames::Shown, catalog)
    }
}

/// Returns whether a value is worth a lookup in this field.
fn can_be(field: Option<&Field>, value: &Value) -> bool {
    match field.map(|field| &field.kind) {
        Some(Kind::String) => value.as_str().is_some_and(|text| !text.is_empty()),
        Some(Kind::Integer | Kind::Number) => value.is_number(),
        _ => false,
    }
}
