//! Rows and indexes in memory, with an undo log so that a failed write leaves no trace.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;

use crate::error::StoreError;
use crate::rows::CACHE_KEY;
use crate::rows::ReadRows;
use crate::rows::WriteRows;
use crate::rows::decode;
use crate::rows::encode_into;
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
    /// Where documents are written before they are kept.
    buffer: Vec<u8>,
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
        self.buffer = Vec::new();
    }

    pub(super) fn rollback(&mut self, catalog: &Catalog) {
        if let Some(tables) = self.cleared.take() {
            self.tables = tables;
        }
        for Undo { entity, id, bytes } in std::mem::take(&mut self.undo).into_iter().rev() {
            let entity = catalog.entity(entity).expect("invariant: it was found when written");
            let before = bytes.map(|b| decode(entity, &b).expect("invariant: written by encode"));
            self.set(entity, &id, before.as_ref());
        }
        self.undo = Vec::new();
    }

    /// Sets or removes a row with its index entries, and notes what was there.
    fn change(&mut self, entity: &Entity, id: &str, document: Option<&Document>) {
        let (id, bytes) = self.set(entity, id, document);
        if self.cleared.is_none() {
            self.undo.push(Undo { entity: entity.name, id, bytes });
        }
    }

    /// Sets or removes a row with its index entries, and returns its key and what was there.
    fn set(&mut self, entity: &Entity, id: &str, document: Option<&Document>) -> (Key, Option<Box<[u8]>>) {
        let table = self.tables.entry(entity.name).or_default();
        let (id, before) = match table.rows.remove_entry(id) {
            Some((id, before)) => (id, Some(before)),
            None => (Key::from(id), None),
        };
        if let Some(bytes) = &before {
            let old = decode(entity, bytes).expect("invariant: written by encode");
            for (field, value) in indexed(entity, &old) {
                unlink(table.lookups.entry(field).or_default(), &value, &id);
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(old.get(reference.field)) {
                    unlink(table.parents.entry(reference.field).or_default(), &target, &id);
                }
            }
        }
        if let Some(document) = document {
            for (field, value) in indexed(entity, document) {
                link(table.lookups.entry(field).or_default(), value, &id);
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(document.get(reference.field)) {
                    link(table.parents.entry(reference.field).or_default(), target, &id);
                }
            }
            self.buffer.clear();
            encode_into(&mut self.buffer, document);
            table.rows.insert(Arc::clone(&id), self.buffer.as_slice().into());
        }
        (id, before)
    }
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
}

impl WriteRows for Rows {
    fn try_insert(&mut self, entity: &Entity, id: &str, document: &Document) -> Result<bool, StoreError> {
        if let Some(table) = self.tables.get(entity.name) {
            let is_unique = |field: &str| field == CACHE_KEY || entity.unique.contains(&field);
            let held = |(field, value): &(&'static str, String)| {
                is_unique(field) && table.lookups.get(field).is_some_and(|values| values.contains_key(value.as_str()))
            };
            if table.rows.contains_key(id) || indexed(entity, document).iter().any(held) {
                return Ok(false);
            }
        }
        self.change(entity, id, Some(document));
        Ok(true)
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

    fn put(&mut self, entity: &Entity, id: &str, document: &Document) -> Result<(), StoreError> {
        self.change(entity, id, Some(document));
        Ok(())
    }

    fn remove(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError> {
        self.change(entity, id, None);
        Ok(())
    }
}
