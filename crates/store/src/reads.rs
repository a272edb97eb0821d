//! Reads written once over a backend's rows: lookups by unique value, pages, the tags view.

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::Packed;
use serde_json::Value;

use crate::constraints::live;
use crate::error::StoreError;
use crate::page::Offsets;
use crate::page::Page;
use crate::page::PageQuery;
use crate::rows::CACHE_KEY;
use crate::rows::ReadRows;
use crate::rows::cache_key;
use crate::rows::expiry;
use crate::rows::id_of;
use crate::rows::index_value;
use crate::rows::keys;
use crate::store::PackedPage;
use crate::store::TagPage;
use crate::store::TagRow;

/// Rows that a listing takes at a time.
const STRIDE: usize = 1000;

/// Returns the live row whose indexed field has this value.
pub(crate) fn find(
    rows: &impl ReadRows,
    entity: &Entity,
    field: &str,
    value: &Value,
    now: f64,
) -> Result<Option<Document>, StoreError> {
    let Some(value) = index_value(Some(value)) else { return Ok(None) };
    if field == entity.primary_key {
        return live(rows, entity, &value, now);
    }
    match rows.find(entity, field, &value)? {
        Some(id) => live(rows, entity, &id, now),
        None => Ok(None),
    }
}

/// Returns the live row with the cache key that `fields` make.
pub(crate) fn find_by_cache_key(
    rows: &impl ReadRows,
    entity: &Entity,
    fields: &Document,
    now: f64,
) -> Result<Option<Document>, StoreError> {
    if let [field] = entity.cache_key {
        return find(rows, entity, field, fields.get(*field).unwrap_or(&Value::Null), now);
    }
    let Some(key) = cache_key(entity, fields) else { return Ok(None) };
    match rows.find(entity, CACHE_KEY, &key)? {
        Some(id) => live(rows, entity, &id, now),
        None => Ok(None),
    }
}

/// Returns what [`page`] returns of an entity, packed.
pub(crate) fn packed(
    rows: &impl ReadRows,
    entity: &Entity,
    size: usize,
    offset: Option<&str>,
    offsets: Offsets,
    now: f64,
) -> Result<PackedPage, StoreError> {
    if entity.ttl {
        let page = page(rows, entity, PageQuery { size, offset, ..PageQuery::default() }, offsets, now)?;
        return Ok((page.rows.iter().map(Packed::of).collect(), page.next));
    }
    let after = offset.map(|offset| offsets.decode(entity.name, offset)).transpose()?;
    let mut found = rows.scan_packed(entity, after.as_deref(), size + 1)?;
    let more = found.len() > size;
    found.truncate(size);
    let next = match found.last().filter(|_| more) {
        Some(last) => Some(offsets.encode(entity.name, id_of(entity, &keys(entity, last)?))),
        None => None,
    };
    Ok((found, next))
}

/// Returns a page of live rows.
pub(crate) fn page(
    rows: &impl ReadRows,
    entity: &Entity,
    query: PageQuery<'_>,
    offsets: Offsets,
    now: f64,
) -> Result<Page, StoreError> {
    let mut after = query.offset.map(|o| offsets.decode(entity.name, o)).transpose()?;
    let mut page = Page::default();
    loop {
        let found = rows.scan(entity, query.parent, after.as_deref(), query.size + 1)?;
        let more = found.len() > query.size;
        after = found.last().map(|row| id_of(entity, row).to_owned());
        for row in found {
            let passes =
                expiry(entity, &row).is_none_or(|at| at > now) && query.tags.is_none_or(|tags| tags.matches(&row));
            if !passes {
                continue;
            }
            if page.rows.len() == query.size {
                let last = page.rows.last().map(|row| id_of(entity, row)).unwrap_or_default();
                page.next = Some(offsets.encode(entity.name, last));
                return Ok(page);
            }
            page.rows.push(row);
        }
        if !more {
            return Ok(page);
        }
    }
}

/// Returns all live rows.
pub(crate) fn list(rows: &impl ReadRows, entity: &Entity, now: f64) -> Result<Vec<Document>, StoreError> {
    let mut all: Vec<Document> = Vec::new();
    each(rows, entity, now, |row| all.push(row))?;
    Ok(all)
}

/// Visits all live rows, holding a few at a time.
fn each(rows: &impl ReadRows, entity: &Entity, now: f64, mut visit: impl FnMut(Document)) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let found = rows.scan(entity, None, after.as_deref(), STRIDE)?;
        let done = found.len() < STRIDE;
        after = found.last().map(|row| id_of(entity, row).to_owned());
        found.into_iter().filter(|row| expiry(entity, row).is_none_or(|at| at > now)).for_each(&mut visit);
        if done {
            return Ok(());
        }
    }
}

/// Returns a page of the tags view, in the order of entity ids, then of a document's own tags.
pub(crate) fn tags(
    rows: &impl ReadRows,
    catalog: &Catalog,
    tag: Option<&str>,
    size: usize,
    offset: Option<&str>,
    now: f64,
) -> Result<TagPage, StoreError> {
    let offsets = Offsets::Plain;
    let start = match offset.map(|o| offsets.decode("tags", o)).transpose()? {
        Some(place) => place.parse().unwrap_or(0),
        None => 0usize,
    };
    let mut all = Vec::new();
    for entity in catalog.entities().filter(|entity| entity.tagged) {
        each(rows, entity, now, |row| {
            let Some(Value::Array(tags)) = row.get("tags") else { return };
            for name in tags.iter().filter_map(Value::as_str) {
                if tag.is_none_or(|wanted| wanted == name) {
                    all.push(TagRow {
                        tag: name.to_owned(),
                        entity_name: entity.name,
                        entity_id: id_of(entity, &row).to_owned(),
                    });
                }
            }
        })?;
    }
    all.sort_by(|a, b| a.entity_id.cmp(&b.entity_id));
    let more = all.len() > start.saturating_add(size);
    let next = more.then(|| offsets.encode("tags", &(start + size).to_string()));
    Ok((all.into_iter().skip(start).take(size).collect(), next))
}
