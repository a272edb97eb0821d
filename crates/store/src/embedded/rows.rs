//! Rows of SQLite tables inside a transaction, for the code that knows the constraints.

use std::cell::RefCell;
use std::collections::HashMap;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::Packed;
use rusqlite::CachedStatement;
use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::ToSql;
use rusqlite::params;
use rusqlite::params_from_iter;

use super::tables::Column;
use super::tables::columns;
use crate::error::StoreError;
use crate::rows::CACHE_KEY;
use crate::rows::ReadRows;
use crate::rows::Row;
use crate::rows::WriteRows;
use crate::rows::cache_key;
use crate::rows::decode;
use crate::rows::id_of;
use crate::rows::index_value;

/// A read transaction: all its reads see the same state.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
}

impl<'a> Reader<'a> {
    pub(super) fn begin(connection: &'a Connection) -> Result<Self, StoreError> {
        connection.execute_batch("BEGIN DEFERRED")?;
        Ok(Self { connection })
    }

    pub(super) fn end(self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }
}

/// A write transaction that the caller has begun.
pub(super) struct Rows<'a> {
    connection: &'a Connection,
    /// The row that was last found to be there: most rows refer to what the row before referred to.
    there: RefCell<Option<(&'static str, String)>>,
    /// By verb and entity.
    inserts: RefCell<HashMap<(&'static str, &'static str), Insert>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, there: RefCell::default(), inserts: RefCell::default() }
    }

    /// Writes a row with this verb, and returns how many were written.
    fn insert(&self, verb: &'static str, entity: &Entity, row: &Row<'_>) -> Result<usize, StoreError> {
        let mut inserts = self.inserts.borrow_mut();
        let Insert { sql, columns } = inserts.entry((verb, entity.name)).or_insert_with(|| Insert::new(verb, entity));
        let value = |column: &Column| match column.name {
            CACHE_KEY => cache_key(entity, &row.keys),
            field => index_value(row.keys.get(field)),
        };
        let values: Vec<Option<String>> = columns.iter().map(value).collect();
        let (id, text) = (id_of(entity, &row.keys), row.document.text());
        let mut parameters: Vec<&dyn ToSql> = vec![&id, &text];
        parameters.extend(values.iter().map(|value| value as &dyn ToSql));
        Ok(self.connection.prepare_cached(sql)?.execute(params_from_iter(parameters))?)
    }
}

/// How rows of an entity are written.
struct Insert {
    sql: String,
    columns: Vec<Column>,
}

impl Insert {
    fn new(verb: &str, entity: &Entity) -> Self {
        let columns = columns(entity);
        let mut names = format!("\"{}\", document", entity.primary_key);
        let mut marks = "?1, ?2".to_owned();
        for (index, column) in columns.iter().enumerate() {
            names.push_str(&format!(", \"{}\"", column.name));
            marks.push_str(&format!(", ?{}", index + 3));
        }
        Self { sql: format!("{verb} INTO \"{}\" ({names}) VALUES ({marks})", entity.name), columns }
    }
}

impl ReadRows for Reader<'_> {
    fn get(&self, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError> {
        get(self.connection, entity, id)
    }

    fn find(&self, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError> {
        find(self.connection, entity, index, value)
    }

    fn scan(
        &self,
        entity: &Entity,
        parent: Option<(&str, &str)>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        scan(self.connection, entity, parent, after, limit)
    }

    fn scan_packed(&self, entity: &Entity, after: Option<&str>, limit: usize) -> Result<Vec<Packed>, StoreError> {
        scan_packed(self.connection, entity, after, limit)
    }
}

impl ReadRows for Rows<'_> {
    fn get(&self, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError> {
        get(self.connection, entity, id)
    }

    fn exists(&self, entity: &Entity, id: &str) -> Result<bool, StoreError> {
        let mut there = self.there.borrow_mut();
        if there.as_ref().is_some_and(|(name, held)| *name == entity.name && held == id) {
            return Ok(true);
        }
        let sql = format!("SELECT 1 FROM \"{}\" WHERE \"{}\" = ?1", entity.name, entity.primary_key);
        let found = self.connection.prepare_cached(&sql)?.exists(params![id])?;
        if found {
            *there = Some((entity.name, id.to_owned()));
        }
        Ok(found)
    }

    fn find(&self, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError> {
        find(self.connection, entity, index, value)
    }

    fn scan(
        &self,
        entity: &Entity,
        parent: Option<(&str, &str)>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        scan(self.connection, entity, parent, after, limit)
    }

    fn scan_packed(&self, entity: &Entity, after: Option<&str>, limit: usize) -> Result<Vec<Packed>, StoreError> {
        scan_packed(self.connection, entity, after, limit)
    }
}

impl WriteRows for Rows<'_> {
    fn try_insert<'r>(&mut self, entity: &Entity, row: Row<'r>) -> Result<Option<Row<'r>>, StoreError> {
        let inserted = self.insert("INSERT OR IGNORE", entity, &row)?;
        Ok((inserted == 0).then_some(row))
    }

    fn clear(&mut self, catalog: &Catalog) -> Result<(), StoreError> {
        self.there.take();
        for entity in catalog.entities() {
            self.connection.execute(&format!("DELETE FROM \"{}\"", entity.name), [])?;
        }
        Ok(())
    }

    fn put(&mut self, entity: &Entity, row: Row<'_>) -> Result<(), StoreError> {
        self.insert("INSERT OR REPLACE", entity, &row)?;
        Ok(())
    }

    fn remove(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError> {
        self.there.take();
        let sql = format!("DELETE FROM \"{}\" WHERE \"{}\" = ?1", entity.name, entity.primary_key);
        self.connection.prepare_cached(&sql)?.execute(params![id])?;
        Ok(())
    }
}

pub(super) fn get(connection: &Connection, entity: &Entity, id: &str) -> Result<Option<Document>, StoreError> {
    let sql = format!("SELECT document FROM \"{}\" WHERE \"{}\" = ?1", entity.name, entity.primary_key);
    let bytes: Option<Vec<u8>> =
        connection.prepare_cached(&sql)?.query_row(params![id], |row| row.get(0)).optional()?;
    bytes.map(|bytes: Vec<u8>| decode(entity, &bytes)).transpose()
}

fn find(connection: &Connection, entity: &Entity, index: &str, value: &str) -> Result<Option<String>, StoreError> {
    if !columns(entity).iter().any(|column| column.name == index) {
        return Ok(None);
    }
    let key = entity.primary_key;
    let sql = format!("SELECT \"{key}\" FROM \"{}\" WHERE \"{index}\" = ?1 ORDER BY \"{key}\" LIMIT 1", entity.name,);
    Ok(connection.prepare_cached(&sql)?.query_row(params![value], |row| row.get(0)).optional()?)
}

fn scan(
    connection: &Connection,
    entity: &Entity,
    parent: Option<(&str, &str)>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Document>, StoreError> {
    let (name, key) = (entity.name, entity.primary_key);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Every key is greater than the empty text.
    let after = after.unwrap_or_default();
    let Some((field, id)) = parent else {
        let sql = format!("SELECT document FROM \"{name}\" WHERE \"{key}\" > ?1 ORDER BY \"{key}\" LIMIT ?2");
        return documents(connection.prepare_cached(&sql)?, entity, &[&after, &limit]);
    };
    if entity.reference(field).is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT document FROM \"{name}\" WHERE \"{field}\" = ?3 AND \"{key}\" > ?1 \
         ORDER BY \"{key}\" LIMIT ?2"
    );
    documents(connection.prepare_cached(&sql)?, entity, &[&after, &limit, &id])
}

fn scan_packed(
    connection: &Connection,
    entity: &Entity,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Packed>, StoreError> {
    let (name, key) = (entity.name, entity.primary_key);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!("SELECT document FROM \"{name}\" WHERE \"{key}\" > ?1 ORDER BY \"{key}\" LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after.unwrap_or_default(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Packed::from_text(row.get_ref(0)?.as_blob().unwrap_or_default().into()));
    }
    Ok(found)
}

fn documents(
    mut statement: CachedStatement<'_>,
    entity: &Entity,
    parameters: &[&dyn ToSql],
) -> Result<Vec<Document>, StoreError> {
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decode(entity, row.get_ref(0)?.as_blob().unwrap_or_default())?);
    }
    Ok(found)
}
