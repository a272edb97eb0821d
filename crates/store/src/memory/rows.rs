//! Rows and indexes in memory, with an undo log so that a failed write leaves no trace.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Bound;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;

use crate::error::StoreError;
use crate::rows::ReadRows;
use crate::rows::WriteRows;
use crate::rows::decode;
use crate::rows::encode;
use crate::rows::index_value;
use crate::rows::indexed;

/// All entities' rows.
#[derive(Default)]
pub(super) struct Rows {
    tables: HashMap<&'static str, Table>,
    undo: Vec<Undo>,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<Box<str>, Box<[u8]>>,
    /// By field and value, the primary keys.
    lookups: HashMap<&'static str, HashMap<String, BTreeSet<Box<str>>>>,
    /// By foreign field and the id it names, the primary keys.
    parents: HashMap<&'static str, HashMap<String, BTreeSet<Box<str>>>>,
}

/// A row as it was before a write.
struct Undo {
    entity: &'static str,
    id: Box<str>,
    bytes: Option<Box<[u8]>>,
}

impl Rows {
    pub(super) fn begin(&mut self) {
        self.undo.clear();
    }

    pub(super) fn commit(&mut self) {
        self.undo = Vec::new();
    }

    pub(super) fn rollback(&mut self, catalog: &Catalog) {
        for Undo { entity, id, bytes } in std::mem::take(&mut self.undo).into_iter().rev() {
            let entity = catalog.entity(entity).expect("invariant: it was found when written");
            let before = bytes.map(|b| decode(entity, &b).expect("invariant: written by encode"));
            self.set(entity, &id, before.as_ref());
        }
        self.undo = Vec::new();
    }

    /// Sets or removes a row with its index entries, and returns what was there.
    fn set(&mut self, entity: &Entity, id: &str, document: Option<&Document>) -> Option<Box<[u8]>> {
        let table = self.tables.entry(entity.name).or_default();
        let before = match document {
            Some(document) => table.rows.insert(id.into(), encode(document).into()),
            None => table.rows.remove(id),
        };
        if let Some(bytes) = &before {
            let old = decode(entity, bytes).expect("invariant: written by encode");
            for (field, value) in indexed(entity, &old) {
                unlink(table.lookups.entry(field).or_default(), &value, id);
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(old.get(reference.field)) {
                    unlink(table.parents.entry(reference.field).or_default(), &target, id);
                }
            }
        }
        if let Some(document) = document {
            for (field, value) in indexed(entity, document) {
                table.lookups.entry(field).or_default().entry(value).or_default().insert(id.into());
            }
            for reference in &entity.refs {
                if let Some(target) = index_value(document.get(reference.field)) {
                    let ids = table.parents.entry(reference.field).or_default();
                    ids.entry(target).or_default().insert(id.into());
                }
            }
        }
        before
    }
}

fn unlink(index: &mut HashMap<String, BTreeSet<Box<str>>>, value: &str, id: &str) {
    if let Some(ids) = index.get_mut(value) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(value);
        }
    }
}

impl ReadRows for Rows {
    fn get(&self, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError> {
        let row = self.tables.get(entity.name).and_then(|table| table.rows.get(id));
        row.map(|bytes| decode(entity, bytes)).transpose()
    }

    fn find(&self, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError> {
        let ids = self.tables.get(entity.name).and_then(|t| t.lookups.get(index)?.get(value));
        Ok(ids.and_then(|ids| ids.first()).map(|id| id.to_string()))
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
                ids.range::<str, _>(range)
                    .take(limit)
                    .filter_map(|id| table.rows.get(id))
                    .map(|bytes| decode(entity, bytes))
                    .collect()
            }
        }
    }
}

impl WriteRows for Rows {
    fn put(&mut self, entity: &Entity, id: &str, document: &Document) -> Result<(), StoreError> {
        let bytes = self.set(entity, id, Some(document));
        self.undo.push(Undo { entity: entity.name, id: id.into(), bytes });
        Ok(())
    }

    fn remove(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError> {
        let bytes = self.set(entity, id, None);
        self.undo.push(Undo { entity: entity.name, id: id.into(), bytes });
        Ok(())
    }
}
