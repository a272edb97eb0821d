//! The small interface a backend implements: rows by key, indexes, scans. Constraints, pages and
//! cascades are written once on top of it. Everything here is inside one transaction.

use std::borrow::Cow;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::Packed;
use serde_json::Value;

use crate::error::StoreError;

/// What a backend reads inside a transaction.
pub(crate) trait ReadRows {
    /// Returns the row with this primary key, expired or not.
    fn get(&self, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError>;

    /// Returns whether there is a row with this primary key, expired or not.
    fn exists(&self, entity: &Entity, id: &str) -> Result<bool, StoreError> {
        Ok(self.get(entity, id)?.is_some())
    }

    /// Returns the lowest primary key whose indexed field (or `cache_key`) has this value.
    fn find(&self, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError>;

    /// Returns up to `limit` rows in the order of their primary keys, after the key `after`, whose
    /// foreign field has the given id if `parent` asks for one.
    fn scan(
        &self,
        entity: &Entity,
        parent: Option<(&str, &str)>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// Returns up to `limit` rows in the order of their primary keys, after the key `after`, as they are kept.
    fn scan_packed(&self, entity: &Entity, after: Option<&str>, limit: usize) -> Result<Vec<Packed>, StoreError>;
}

/// A row on its way in.
pub(crate) struct Row<'a> {
    /// What finds the row, if not all of its document: see [`keys`].
    pub(crate) keys: Cow<'a, Document>,
    /// All of it.
    pub(crate) document: Packed,
}

impl<'a> Row<'a> {
    /// Returns the row of a document.
    pub(crate) fn of(document: &'a Document) -> Self {
        Self { keys: Cow::Borrowed(document), document: Packed::of(document) }
    }

    /// Returns the row of a packed document, of which only what finds it is read.
    pub(crate) fn read(entity: &Entity, document: Packed) -> Result<Self, StoreError> {
        let keys = keys(entity, &document)?;
        Ok(Self { keys: Cow::Owned(keys), document })
    }
}

/// What a backend writes inside a transaction; the backend keeps its indexes in step.
pub(crate) trait WriteRows: ReadRows {
    /// Adds a row and returns nothing, if nothing has its primary key, a unique value or the cache key of it; else does
    /// nothing and returns the row. A backend that cannot tell at once always returns the row.
    fn try_insert<'r>(&mut self, _entity: &Entity, row: Row<'r>) -> Result<Option<Row<'r>>, StoreError> {
        Ok(Some(row))
    }

    /// Removes all rows, without regard to references: what follows must fill them again.
    fn clear(&mut self, catalog: &Catalog) -> Result<(), StoreError>;

    /// Adds or replaces a row.
    fn put(&mut self, entity: &Entity, row: Row<'_>) -> Result<(), StoreError>;

    /// Removes a row, if it is there.
    fn remove(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError>;
}

/// Returns the fields of a packed document that find it.
pub(crate) fn keys(entity: &Entity, document: &Packed) -> Result<Document, StoreError> {
    let keys = document.unpack_only(|field| is_key(entity, field));
    keys.map_err(|source| StoreError::Damaged { entity: entity.name, source })
}

/// Tells whether a field finds documents: the primary key, what is unique, what refers to others.
fn is_key(entity: &Entity, field: &str) -> bool {
    field == entity.primary_key
        || entity.lookups().any(|name| name == field)
        || entity.refs.iter().any(|reference| reference.field == field)
        || entity.cache_key.contains(&field)
        || (entity.ttl && field == "ttl")
}

/// Name of the index over the fields of a composite cache key.
pub(crate) const CACHE_KEY: &str = "cache_key";

/// Returns the primary key of a document.
pub(crate) fn id_of<'a>(entity: &Entity, document: &'a Document) -> &'a str {
    document.get(entity.primary_key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a value as an index holds it: text as it is, a foreign key as its id, others as JSON.
///
/// None for null and what is absent: these are never unique, and point nowhere.
pub(crate) fn index_value(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(key) => key.values().next().and_then(Value::as_str).map(str::to_owned),
        other => Some(other.to_string()),
    }
}

/// Returns the value of the composite cache key; none if the entity has none.
///
/// The parts are joined by a character that no part can hold.
pub(crate) fn cache_key(entity: &Entity, document: &Document) -> Option<String> {
    if entity.cache_key.len() < 2 {
        return None;
    }
    let part = |field: &&str| index_value(document.get(*field)).unwrap_or_default();
    Some(entity.cache_key.iter().map(part).collect::<Vec<_>>().join("\u{1f}"))
}

/// Returns the indexed values of a document: unique fields, the endpoint key, the cache key.
pub(crate) fn indexed(entity: &Entity, document: &Document) -> Vec<(&'static str, String)> {
    let mut keys: Vec<_> =
        entity.lookups().filter_map(|field| Some((field, index_value(document.get(field))?))).collect();
    keys.extend(cache_key(entity, document).map(|key| (CACHE_KEY, key)));
    keys
}

/// Returns when a document expires, in seconds since 1970.
pub(crate) fn expiry(entity: &Entity, document: &Document) -> Option<f64> {
    if !entity.ttl {
        return None;
    }
    document.get("ttl").and_then(Value::as_f64)
}

/// Returns the document kept in these bytes.
pub(crate) fn decode(entity: &Entity, bytes: &[u8]) -> Result<Document, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Damaged { entity: entity.name, source })
}
