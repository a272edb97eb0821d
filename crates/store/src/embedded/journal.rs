//! The journal of committed writes: how one process learns what another changed. It holds keys,
//! not documents, and is cut at its far end.

use std::sync::Arc;

use gibbon_model::Catalog;
use rusqlite::Connection;
use rusqlite::params;

use super::rows::get;
use crate::error::StoreError;
use crate::store::Change;
use crate::store::Changes;

/// Revisions that the journal holds; who is further behind reads everything.
const KEPT: i64 = 1000;
/// Changes of one write that are told one by one.
const DETAILED: usize = 1000;
/// Stands for every entity.
const ALL: &str = "*";

/// Returns the revision of the last commit.
pub(super) fn revision(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM state WHERE name = 'revision'";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// How a write is told in the journal.
pub(super) enum Entry<'a> {
    Changes(&'a [Change]),
    All,
}

/// Writes down, within the write's own transaction, what it changed, and returns its revision.
pub(super) fn append(connection: &Connection, origin: i64, entry: Entry<'_>) -> Result<i64, StoreError> {
    connection.prepare_cached("UPDATE state SET value = value + 1 WHERE name = 'revision'")?.execute([])?;
    let revision = revision(connection)?;
    let mut insert = connection.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4)")?;
    match entry {
        Entry::Changes(changes) if changes.len() <= DETAILED => {
            for change in changes {
                insert.execute(params![revision, origin, change.entity, change.id])?;
            }
        }
        _ => {
            insert.execute(params![revision, origin, ALL, ""])?;
        }
    }
    connection.prepare_cached("DELETE FROM journal WHERE revision <= ?1")?.execute(params![revision - KEPT])?;
    Ok(revision)
}

/// Looks for other processes' writes on a connection of its own.
pub(super) struct Watcher {
    connection: Connection,
    /// `PRAGMA data_version`: it moves when another connection has committed.
    version: i64,
    revision: i64,
}

impl Watcher {
    /// Watches from the state as it is now.
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let mut watcher = Self { connection, version: 0, revision: 0 };
        watcher.version = watcher.data_version()?;
        watcher.revision = revision(&watcher.connection)?;
        Ok(watcher)
    }

    fn data_version(&self) -> Result<i64, StoreError> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Returns what processes other than `origin` wrote since the last look.
    pub(super) fn look(&mut self, catalog: &Arc<Catalog>, origin: i64) -> Result<Option<Changes>, StoreError> {
        let version = self.data_version()?;
        if version == self.version {
            return Ok(None);
        }
        self.version = version;
        let transaction = self.connection.transaction()?;
        let seen = self.revision;
        let now = revision(&transaction)?;
        if now == seen {
            return Ok(None);
        }
        let keys = foreign_keys(&transaction, seen, origin)?;
        let told = if now - seen >= KEPT || keys.iter().any(|(entity, _)| entity == ALL) {
            Some(Changes::All)
        } else if keys.is_empty() {
            None
        } else {
            Some(Changes::Some(read(&transaction, catalog, keys)?))
        };
        transaction.commit()?;
        self.revision = now;
        Ok(told)
    }
}

/// Returns the entity and primary key of each foreign change after a revision, each once.
fn foreign_keys(connection: &Connection, after: i64, origin: i64) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT entity, id FROM journal WHERE revision > ?1 AND origin <> ?2 \
               GROUP BY entity, id ORDER BY min(revision), min(rowid)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![after, origin], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the documents of these keys as they are now.
fn read(connection: &Connection, catalog: &Catalog, keys: Vec<(String, String)>) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::with_capacity(keys.len());
    for (name, id) in keys {
        // A process with more plugins writes entities that are nothing to this one.
        let Some(entity) = catalog.entity(&name) else { continue };
        let after = get(connection, entity, &id)?.map(Arc::new);
        changes.push(Change { entity: entity.name, id, before: None, after });
    }
    Ok(changes)
}
