//! The tables, made from entity definitions: one an entity, with the document and a column for
//! each field that is searched. Says which schema version a file has, and brings it to ours.

use gibbon_model::Catalog;
use gibbon_model::Entity;
use rusqlite::Connection;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;
use rusqlite::params;

use crate::error::StoreError;
use crate::rows::CACHE_KEY;
use crate::rows::cache_key;
use crate::rows::decode;
use crate::rows::index_value;

/// Version of the layout, kept in `PRAGMA user_version`.
const VERSION: i64 = 1;

/// Makes or migrates the tables; other processes wait meanwhile.
///
/// # Errors
/// When the file was written by a newer version, or cannot be written.
pub(super) fn prepare(connection: &mut Connection, catalog: &Catalog) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::TooNew { found, known: VERSION });
    }
    if found < 1 {
        transaction.execute_batch(
            "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
             INSERT INTO state VALUES ('revision', 0);
             CREATE TABLE journal (
                revision INTEGER NOT NULL, origin INTEGER NOT NULL,
                entity TEXT NOT NULL, id TEXT NOT NULL);
             CREATE INDEX journal_revision ON journal (revision);",
        )?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    // Entities come and go with plugins, and new versions search by new fields.
    for entity in catalog.entities() {
        table(&transaction, entity)?;
    }
    transaction.commit()?;
    Ok(())
}

/// A column beside the document, for lookups.
pub(super) struct Column {
    pub(super) name: &'static str,
    unique: bool,
}

/// Returns the columns that an entity is searched by: unique fields, endpoint key, foreign fields,
/// cache key.
pub(super) fn columns(entity: &Entity) -> Vec<Column> {
    let mut columns: Vec<Column> =
        entity.lookups().map(|name| Column { name, unique: entity.unique.contains(&name) }).collect();
    for reference in &entity.refs {
        if !columns.iter().any(|column| column.name == reference.field) {
            columns.push(Column { name: reference.field, unique: false });
        }
    }
    if entity.cache_key.len() > 1 {
        columns.push(Column { name: CACHE_KEY, unique: true });
    }
    columns
}

fn table(transaction: &Transaction<'_>, entity: &Entity) -> Result<(), StoreError> {
    let name = entity.name;
    transaction.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS \"{name}\" (\"{}\" TEXT PRIMARY KEY, document BLOB NOT NULL);",
        entity.primary_key,
    ))?;
    let have: Vec<String> = transaction
        .prepare(&format!("SELECT name FROM pragma_table_info('{name}')"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for column in columns(entity) {
        let field = column.name;
        if !have.iter().any(|known| known == field) {
            transaction.execute_batch(&format!("ALTER TABLE \"{name}\" ADD COLUMN \"{field}\" TEXT;"))?;
            fill(transaction, entity, field)?;
        }
        let unique = if column.unique { "UNIQUE " } else { "" };
        transaction.execute_batch(&format!(
            "CREATE {unique}INDEX IF NOT EXISTS \"{name}.{field}\" ON \"{name}\" (\"{field}\");"
        ))?;
    }
    Ok(())
}

/// Fills a column that was just added from the documents.
fn fill(transaction: &Transaction<'_>, entity: &Entity, field: &str) -> Result<(), StoreError> {
    let (name, key) = (entity.name, entity.primary_key);
    let mut update = transaction.prepare(&format!("UPDATE \"{name}\" SET \"{field}\" = ?2 WHERE \"{key}\" = ?1"))?;
    let mut select = transaction.prepare(&format!("SELECT \"{key}\", document FROM \"{name}\""))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let document = decode(entity, row.get_ref(1)?.as_blob().unwrap_or_default())?;
        let value = match field {
            CACHE_KEY => cache_key(entity, &document),
            field => index_value(document.get(field)),
        };
        update.execute(params![id, value])?;
    }
    Ok(())
}
