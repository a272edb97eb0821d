//! What must hold between documents: unique values, foreign keys, restrict and cascade. Written
//! once over a backend's rows; it does not begin or end transactions.

use std::sync::Arc;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::OnDelete;
use gibbon_model::declarative::Packed;
use serde_json::Value;

use crate::error::StoreError;
use crate::rows::CACHE_KEY;
use crate::rows::ReadRows;
use crate::rows::Row;
use crate::rows::WriteRows;
use crate::rows::cache_key;
use crate::rows::decode;
use crate::rows::expiry;
use crate::rows::id_of;
use crate::rows::index_value;
use crate::store::Change;
use crate::store::Write;

/// How many rows a walk over a whole entity takes at a time.
const STRIDE: usize = 500;

/// Applies one write and returns what it did, cascades included.
///
/// Checks go in the order in which Kong's database makes them: primary key, unique values, cache
/// key, foreign keys.
pub(crate) fn apply(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    now: f64,
    write: Write,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    match write {
        Write::Insert { entity, document } => {
            let entity = known(catalog, entity)?;
            let id = id_of(entity, &document).to_owned();
            if rows.try_insert(entity, Row::of(&document))?.is_none() {
                return added(rows, catalog, entity, id, document, now, changes);
            }
            if live(rows, entity, &id, now)?.is_some() {
                return Err(StoreError::PrimaryKeyTaken { entity: entity.name, field: entity.primary_key, id });
            }
            put(rows, catalog, entity, id, None, document, now, changes)
        }
        Write::Update { entity, document } => {
            let entity = known(catalog, entity)?;
            let id = id_of(entity, &document).to_owned();
            let Some(before) = live(rows, entity, &id, now)? else {
                return Err(StoreError::Missing { entity: entity.name, field: entity.primary_key, id });
            };
            put(rows, catalog, entity, id, Some(before), document, now, changes)
        }
        Write::Upsert { entity, document } => {
            let entity = known(catalog, entity)?;
            let id = id_of(entity, &document).to_owned();
            if rows.try_insert(entity, Row::of(&document))?.is_none() {
                return added(rows, catalog, entity, id, document, now, changes);
            }
            let before = live(rows, entity, &id, now)?;
            put(rows, catalog, entity, id, before, document, now, changes)
        }
        Write::Delete { entity, id } => {
            let entity = known(catalog, entity)?;
            delete(rows, catalog, entity, &id, changes)
        }
    }
}

/// What becomes of a packed document whose primary key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is refused.
    Refuse,
    /// It replaces what is there.
    Replace,
}

/// Adds a packed document as [`apply`] adds or replaces one that is not, without telling what changed.
pub(crate) fn apply_packed(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    now: f64,
    (entity, document): (&'static str, Packed),
    taken: Taken,
) -> Result<(), StoreError> {
    let known = known(catalog, entity)?;
    let row = Row::read(known, document)?;
    let keys = row.keys.clone();
    let Some(row) = rows.try_insert(known, row)? else {
        return check_references(rows, catalog, known, &keys, now);
    };
    let document = decode(known, row.document.text())?;
    let write = match taken {
        Taken::Refuse => Write::Insert { entity, document },
        Taken::Replace => Write::Upsert { entity, document },
    };
    apply(rows, catalog, now, write, &mut Vec::new())
}

/// Returns the entity of this name.
pub(crate) fn known<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entity, StoreError> {
    catalog.entity(name).ok_or_else(|| StoreError::UnknownEntity(name.to_owned()))
}

/// Returns the row with this primary key unless it has expired.
pub(crate) fn live(rows: &impl ReadRows, entity: &Entity, id: &str, now: f64) -> Result<Option<Document>, StoreError> {
    let row = rows.get(entity, id)?;
    Ok(row.filter(|document| expiry(entity, document).is_none_or(|at| at > now)))
}

#[allow(clippy::too_many_arguments, reason = "one call site a kind of write, all of it needed")]
fn put(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    entity: &Entity,
    id: String,
    before: Option<Document>,
    after: Document,
    now: f64,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    for &field in &entity.unique {
        if let Some(value) = index_value(after.get(field))
            && taken(rows, entity, field, &value, &id, now)?
        {
            let fields = Document::from_iter([(field.to_owned(), after[field].clone())]);
            return Err(StoreError::UniqueTaken { entity: entity.name, fields });
        }
    }
    if let Some(key) = cache_key(entity, &after)
        && taken(rows, entity, CACHE_KEY, &key, &id, now)?
    {
        let value = |f: &&'static str| after.get(*f).cloned().unwrap_or(Value::Null);
        let fields = entity.cache_key.iter().map(|f| ((*f).to_owned(), value(f))).collect();
        return Err(StoreError::UniqueTaken { entity: entity.name, fields });
    }
    check_references(rows, catalog, entity, &after, now)?;
    rows.put(entity, Row::of(&after))?;
    changes.push(Change { entity: entity.name, id, before: before.map(Arc::new), after: Some(Arc::new(after)) });
    Ok(())
}

/// Goes on after a row was added that nothing stood against.
fn added(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    entity: &Entity,
    id: String,
    document: Document,
    now: f64,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    check_references(rows, catalog, entity, &document, now)?;
    changes.push(Change { entity: entity.name, id, before: None, after: Some(Arc::new(document)) });
    Ok(())
}

/// Refuses a document that refers to what is not there.
fn check_references(
    rows: &impl ReadRows,
    catalog: &Catalog,
    entity: &Entity,
    document: &Document,
    now: f64,
) -> Result<(), StoreError> {
    for reference in &entity.refs {
        let Some(target) = index_value(document.get(reference.field)) else { continue };
        let parent = known(catalog, reference.target)?;
        let there = match parent.ttl {
            true => live(rows, parent, &target, now)?.is_some(),
            false => rows.exists(parent, &target)?,
        };
        if !there {
            return Err(StoreError::ForeignMissing {
                entity: entity.name,
                field: reference.field,
                target: reference.target,
                key: Document::from_iter([(parent.primary_key.to_owned(), Value::String(target))]),
            });
        }
    }
    Ok(())
}

/// Returns whether another live row has this value; one that has expired makes room.
fn taken(
    rows: &mut impl WriteRows,
    entity: &Entity,
    index: &str,
    value: &str,
    id: &str,
    now: f64,
) -> Result<bool, StoreError> {
    let Some(other) = rows.find(entity, index, value)? else { return Ok(false) };
    if other == id {
        return Ok(false);
    }
    if live(rows, entity, &other, now)?.is_some() {
        return Ok(true);
    }
    rows.remove(entity, &other)?;
    Ok(false)
}

/// Deletes a row, what belongs to it first; refused while something else points to it.
fn delete(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    entity: &Entity,
    id: &str,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let Some(before) = rows.get(entity, id)? else { return Ok(()) };
    for child in &entity.children {
        let child_entity = known(catalog, child.entity)?;
        loop {
            let found = rows.scan(child_entity, Some((child.field, id)), None, STRIDE)?;
            if found.is_empty() {
                break;
            }
            if child.on_delete == OnDelete::Restrict {
                return Err(StoreError::Referenced { entity: entity.name, by: child.entity });
            }
            for row in found {
                delete(rows, catalog, child_entity, id_of(child_entity, &row), changes)?;
            }
        }
    }
    rows.remove(entity, id)?;
    changes.push(Change { entity: entity.name, id: id.to_owned(), before: Some(Arc::new(before)), after: None });
    Ok(())
}

/// Deletes what has expired at `now`.
pub(crate) fn expire(
    rows: &mut impl WriteRows,
    catalog: &Catalog,
    now: f64,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    for entity in catalog.entities().filter(|entity| entity.ttl) {
        let mut after: Option<String> = None;
        loop {
            let found = rows.scan(entity, None, after.as_deref(), STRIDE)?;
            let Some(last) = found.last() else { break };
            after = Some(id_of(entity, last).to_owned());
            for row in &found {
                if expiry(entity, row).is_some_and(|at| at <= now) {
                    delete(rows, catalog, entity, id_of(entity, row), changes)?;
                }
            }
        }
    }
    Ok(())
}
