//! Rows and indexes in memory, with an undo log so that a failed write leaves no trace.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::Packed;

use crate::error::StoreError;
use crate::rows::CACHE_KEY;
use crate::rows::ReadRows;
use crate::rows::Row;
use crate::rows::WriteRows;
use crate::rows::decode;
use crate::rows::id_of;
use crate::rows::index_value;
use crate::rows::indexed;

/// A primary key, held once and shared by the row and its index entries.
type Key = Arc<str>;
type Tables = HashMap<&'static str, Table>;

/// All entities' rows.
#[derive(Default)]
pub(super) struct Rows {
    tables: Tables,
    undo: Vec<Undo>,
    /// Everything as it was before the transaction emptied it; there is nothing else to undo then.
    cleared: Option<Tables>,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<Key, Box<[u8]>>,
    /// By field and value, the primary keys.
    lookups: HashMap<&'static str, HashMap<Box<str>, Keys>>,
    /// By foreign field and the id it names, the primary keys.
    parents: HashMap<&'static str, HashMap<Box<str>, Keys>>,
}

/// The primary keys of a value: mostly one.
enum Keys {
    One(Key),
    Many(BTreeSet<Key>),
}

impl Keys {
    fn insert(&mut self, id: &Key) {
        match self {
            Self::One(held) if held == id => {}
            Self::One(held) => *self = Self::Many(BTreeSet::from([Arc::clone(held), Arc::clone(id)])),
            Self::Many(held) => {
                held.insert(Arc::clone(id));
            }
        }
    }

    /// Removes a key, and returns whether none is left.
    fn remove(&mut self, id: &str) -> bool {
        match self {
            Self::One(held) => **held == *id,
            Self::Many(held) => {
                held.remove(id);
                held.is_empty()
            }
        }
    }

    fn first(&self) -> Option<&Key> {
        match self {
            Self::One(held) => Some(held),
            Self::Many(held) => held.first(),
        }
    }

    /// Returns the keys after one, in order.
    fn after<'a>(&'a self, after: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let (one, many) = match self {
            Self::One(held) => (Some(held).filter(|held| after.is_none_or(|after| ***held > *after)), None),
            Self::Many(held) => (None, Some(held.range::<str, _>(range))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

/// A row as it was before a write.
struct Undo {
    entity: &'static str,
    id: Key,
    bytes: Option<Box<[u8]>>,
}

impl Rows {
    pub(super) fn begin(&mut self) {
        self.undo.clear();
        self.cleared = None;
    }

    pub(super) fn commit(&mut self) {
        self.undo = Vec::new();
        self.cleared = None;
    }

    pub(super) fn rollback(&mut self, catalog: &Catalog) {
        if let Some(tables) = self.cleared.take() {
            self.tables = tables;
        }
        for Undo { entity, id, bytes } in std::mem::take(&mut self.undo).into_iter().rev() {
            let entity = catalog.entity(entity).expect("invariant: it was found when written");
            self.set(entity, &id, bytes.map(|bytes| kept(entity, bytes)));
        }
        self.undo = Vec::new();
    }

    /// Sets or removes a row with its index entries, and notes what was there.
    fn change(&mut self, entity: &Entity, id: &str, row: Option<Row<'_>>) {
        let (id, bytes) = self.set(entity, id, row);
        if self.cleared.is_none() {
            self.undo.push(Undo { entity: entity.name, id, bytes });
        }
    }

    /// Sets or removes a row with its index entries, and returns its key and what was there.
    fn set(&mut self, entity: &Entity, id: &str, row: Option<Row<'_>>) -> (Key, Option<Box<[u8]>>) {
        let table = self.tables.entry(entity.name).or_default();
        let (id, before) = match table.rows.remove_entry(id) {
            Some((id, before)) => (id, Some(before)),
            None => (Key::from(id), None),
        };
        let before = before.map(|bytes| {
            let Row { keys, document } = kept(entity, bytes);
            for (field, value) in indexed(entity, &keys) {
                unlink(table.lookups.entry(field).or_default(), &value, &id);
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(keys.get(reference.field)) {
                    unlink(table.parents.entry(reference.field).or_default(), &target, &id);
                }
            }
            document.into_text()
        });
        if let Some(Row { keys, document }) = row {
            for (field, value) in indexed(entity, &keys) {
                link(table.lookups.entry(field).or_default(), value, &id);
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(keys.get(reference.field)) {
                    link(table.parents.entry(reference.field).or_default(), target, &id);
                }
            }
            table.rows.insert(Arc::clone(&id), document.into_text());
        }
        (id, before)
    }
}

/// Returns a row as it was put in.
fn kept(entity: &Entity, bytes: Box<[u8]>) -> Row<'static> {
    Row::read(entity, Packed::from_text(bytes)).expect("invariant: only documents are kept")
}

fn link(index: &mut HashMap<Box<str>, Keys>, value: String, id: &Key) {
    match index.get_mut(value.as_str()) {
        Some(keys) => keys.insert(id),
        None => {
            index.insert(value.into(), Keys::One(Arc::clone(id)));
        }
    }
}

fn unlink(index: &mut HashMap<Box<str>, Keys>, value: &str, id: &str) {
    if index.get_mut(value).is_some_and(|keys| keys.remove(id)) {
        index.remove(value);
    }
}

impl ReadRows for Rows {
    fn get(&self, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError> {
        let row = self.tables.get(entity.name).and_then(|table| table.rows.get(id));
        row.map(|bytes| decode(entity, bytes)).transpose()
    }

    fn exists(&self, entity: &Entity, id: &str) -> Result<bool, StoreError> {
        Ok(self.tables.get(entity.name).is_some_and(|table| table.rows.contains_key(id)))
    }

    fn find(&self, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError> {
        let ids = self.tables.get(entity.name).and_then(|t| t.lookups.get(index)?.get(value));
        Ok(ids.and_then(Keys::first).map(|id| id.to_string()))
    }

    fn scan(
        &self,
        entity: &Entity,
        parent: Option<(&str, &str)>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let Some(table) = self.tables.get(entity.name) else { return Ok(Vec::new()) };
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        match parent {
            None => table.rows.range::<str, _>(range).take(limit).map(|(_, bytes)| decode(entity, bytes)).collect(),
            Some((field, id)) => {
                let ids = table.parents.get(field).and_then(|index| index.get(id));
                let Some(ids) = ids else { return Ok(Vec::new()) };
                ids.after(after)
                    .take(limit)
                    .filter_map(|id| table.rows.get(id))
                    .map(|bytes| decode(entity, bytes))
                    .collect()
            }
        }
    }

    fn scan_packed(&self, entity: &Entity, after: Option<&str>, limit: usize) -> Result<Vec<Packed>, StoreError> {
        let Some(table) = self.tables.get(entity.name) else { return Ok(Vec::new()) };
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let rows = table.rows.range::<str, _>(range).take(limit);
        Ok(rows.map(|(_, bytes)| Packed::from_text(bytes.clone())).collect())
    }
}

impl WriteRows for Rows {
    fn try_insert<'r>(&mut self, entity: &Entity, row: Row<'r>) -> Result<Option<Row<'r>>, StoreError> {
        let id = id_of(entity, &row.keys).to_owned();
        if let Some(table) = self.tables.get(entity.name) {
            let is_unique = |field: &str| field == CACHE_KEY || entity.unique.contains(&field);
            let held = |(field, value): &(&'static str, String)| {
                is_unique(field) && table.lookups.get(field).is_some_and(|values| values.contains_key(value.as_str()))
            };
            if table.rows.contains_key(id.as_str()) || indexed(entity, &row.keys).iter().any(held) {
                return Ok(Some(row));
            }
        }
        self.change(entity, &id, Some(row));
        Ok(None)
    }

    fn clear(&mut self, catalog: &Catalog) -> Result<(), StoreError> {
        // What was written before in this transaction is undone first; normally that is nothing.
        if self.cleared.is_none() {
            let mut before = Self { undo: std::mem::take(&mut self.undo), ..Self::default() };
            before.tables = std::mem::take(&mut self.tables);
            before.rollback(catalog);
            self.cleared = Some(before.tables);
        }
        self.tables.clear();
        Ok(())
    }

    fn put(&mut self, entity: &Entity, row: Row<'_>) -> Result<(), StoreError> {
        let id = id_of(entity, &row.keys).to_owned();
        self.change(entity, &id, Some(row));
        Ok(())
    }

    fn remove(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError> {
        self.change(entity, id, None);
        Ok(())
    }
}
