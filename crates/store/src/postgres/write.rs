//! Writing: all writes of a call in one transaction, with what they change written down for other
//! nodes. Constraints are the database's; what it refuses is explained by `refusal`.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::OnDelete;
use serde_json::Value;

use super::cell::In;
use super::connect::Connections;
use super::layout::Table;
use super::reads::Reading;
use super::reads::Statement;
use super::refusal;
use crate::constraints::known;
use crate::error::StoreError;
use crate::rows::id_of;
use crate::store::Change;
use crate::store::Documents;
use crate::store::Write;

/// Statements that are on their way at once.
const PIPELINED: usize = 25;

/// One transaction.
pub(super) struct Writing<'a> {
    reading: Reading<'a>,
    connections: &'a Connections,
    pub(super) transaction: Transaction<'a>,
    pub(super) changes: Vec<Change>,
    deleted: HashSet<(&'static str, String)>,
}

/// How a document meets the one of the same primary key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    Insert,
    Update,
    Upsert,
}

impl<'a> Writing<'a> {
    pub(super) fn new(reading: Reading<'a>, connections: &'a Connections, transaction: Transaction<'a>) -> Self {
        Self { reading, connections, transaction, changes: Vec::new(), deleted: HashSet::new() }
    }

    /// Applies writes in their order; documents of the same kind that follow each other go together.
    pub(super) async fn apply(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut batch: Option<(Meeting, &'static str, Vec<Document>)> = None;
        for write in writes {
            let (meeting, entity, document) = match write {
                Write::Insert { entity, document } => (Meeting::Insert, entity, document),
                Write::Update { entity, document } => (Meeting::Update, entity, document),
                Write::Upsert { entity, document } => (Meeting::Upsert, entity, document),
                Write::Delete { entity, id } => {
                    self.put_batch(batch.take()).await?;
                    let entity = known(self.reading.catalog, entity)?;
                    self.delete(entity, &id).await?;
                    continue;
                }
            };
            match &mut batch {
                Some((same, of, documents)) if *same == meeting && *of == entity && documents.len() < PIPELINED => {
                    documents.push(document);
                }
                _ => self.put_batch(batch.replace((meeting, entity, vec![document]))).await?,
            }
        }
        self.put_batch(batch).await
    }

    /// Puts these documents in the place of everything.
    pub(super) async fn replace(&mut self, all: Documents) -> Result<(), StoreError> {
        for entity in self.reading.catalog.entities().rev() {
            if let Some(table) = self.reading.layout.table(entity) {
                self.run(&Statement::new(&table.delete)).await?;
            }
        }
        for (entity, documents) in all {
            self.apply(documents.into_iter().map(|document| Write::Insert { entity, document }).collect()).await?;
        }
        self.changes.clear();
        Ok(())
    }

    /// Deletes what has expired.
    pub(super) async fn expire(&mut self) -> Result<(), StoreError> {
        for entity in self.reading.catalog.entities().filter(|entity| entity.ttl) {
            let Some(table) = self.reading.layout.table(entity) else { continue };
            let delete = Statement::new(&table.delete).and("\"ttl\" <= ?", self.reading.now);
            let gone = self.run(&delete.then(&format!(" RETURNING {}", table.returned()))).await?;
            for before in self.reading.documents(entity, &gone)? {
                self.gone(entity, before);
            }
        }
        Ok(())
    }

    async fn run(&self, statement: &Statement) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.connections.within(statement.run(&self.transaction)).await
    }

    async fn put_batch(&mut self, batch: Option<(Meeting, &'static str, Vec<Document>)>) -> Result<(), StoreError> {
        let Some((meeting, entity, documents)) = batch else { return Ok(()) };
        let entity = known(self.reading.catalog, entity)?;
        // Tags are written with what carries them; a file's workspaces are not those of the database.
        let Some(table) = self.reading.layout.table(entity) else { return Ok(()) };
        let mut before = match meeting {
            Meeting::Insert => HashMap::new(),
            Meeting::Update | Meeting::Upsert => self.present(entity, table, &documents).await?,
        };
        if meeting == Meeting::Update
            && let Some(missing) = documents.iter().map(|own| id_of(entity, own)).find(|id| !before.contains_key(*id))
        {
            let (field, id) = (entity.primary_key, missing.to_owned());
            return Err(StoreError::Missing { entity: entity.name, field, id });
        }
        if entity.ttl {
            self.make_room(entity, table, &documents).await?;
        }
        self.send(meeting, entity, table, &documents).await?;
        for document in documents {
            let id = id_of(entity, &document).to_owned();
            let after = Arc::new(document);
            let before = before.insert(id.clone(), Arc::clone(&after));
            self.changes.push(Change { entity: entity.name, id, before, after: Some(after) });
        }
        Ok(())
    }

    /// Returns the documents that these meet, and holds them until the end of the transaction.
    async fn present(
        &self,
        entity: &Entity,
        table: &Table,
        documents: &[Document],
    ) -> Result<HashMap<String, Arc<Document>>, StoreError> {
        let ids: Vec<&str> = documents.iter().map(|own| id_of(entity, own)).collect();
        let ids: Vec<&str> = ids.into_iter().filter(|id| table.can_hold(table.key, id)).collect();
        let select = Statement::new(&table.select).and(&format!("\"{}\" = ANY(?)", table.key), ids);
        let rows = self.run(&select.alive(table, self.reading.now).then(" FOR UPDATE")).await?;
        let present = self.reading.documents(entity, &rows)?;
        Ok(present.into_iter().map(|own| (id_of(entity, &own).to_owned(), Arc::new(own))).collect())
    }

    /// Takes out what has expired and is in the way.
    async fn make_room(&self, entity: &Entity, table: &Table, documents: &[Document]) -> Result<(), StoreError> {
        for field in entity.unique.iter().copied().chain([entity.primary_key]) {
            let values: Vec<&str> = documents.iter().filter_map(|own| own.get(field)?.as_str()).collect();
            let values: Vec<&str> = values.into_iter().filter(|value| table.can_hold(field, value)).collect();
            let delete = Statement::new(&table.delete).and("\"ttl\" <= ?", self.reading.now);
            self.run(&delete.and(&format!("\"{field}\" = ANY(?)"), values)).await?;
        }
        Ok(())
    }

    /// Sends one statement a document, without waiting for the answer to one before the next is sent.
    async fn send(
        &self,
        meeting: Meeting,
        entity: &Entity,
        table: &Table,
        documents: &[Document],
    ) -> Result<(), StoreError> {
        let sql = match meeting {
            Meeting::Insert => &table.insert,
            Meeting::Update => &table.update,
            Meeting::Upsert => &table.upsert,
        };
        let statement = self.connections.within(self.transaction.prepare_cached(sql)).await?;
        let values: Vec<Vec<Value>> =
            documents.iter().map(|own| table.values(self.reading.layout, entity, own)).collect();
        let sent = values.iter().map(|values| self.transaction.execute_raw(&statement, values.iter().map(In)));
        let answers = self.connections.within(async { Ok(join_all(sent).await) }).await?;
        // After the first refusal all others are only told that the transaction has failed.
        for (answer, document) in answers.into_iter().zip(documents) {
            if let Err(error) = answer {
                return Err(refusal::of_write(self.reading.catalog, entity, table, document, error));
            }
        }
        Ok(())
    }

    /// Deletes a document; the database deletes what belongs to it.
    async fn delete(&mut self, entity: &Entity, id: &str) -> Result<(), StoreError> {
        let Some(table) = self.reading.layout.table(entity).filter(|table| table.can_hold(table.key, id)) else {
            return Ok(());
        };
        let key = format!("\"{}\" = ?", table.key);
        let found = self.run(&Statement::new(&table.select).and(&key, id).then(" FOR UPDATE")).await?;
        let Some(before) = self.reading.documents(entity, &found)?.pop() else { return Ok(()) };
        self.belongings(entity, id).await?;
        let delete = Statement::new(&table.delete).and(&key, id);
        let deleted = tokio::time::timeout(self.connections.timeout, delete.run(&self.transaction)).await;
        let deleted = deleted.map_err(|_| StoreError::Unreachable { reason: "timeout".to_owned() })?;
        deleted.map_err(|error| refusal::of_delete(self.reading.catalog, entity, error))?;
        self.gone(entity, before);
        Ok(())
    }

    /// Notes what will be deleted with a document, innermost first; refused while something else points to it.
    fn belongings<'b>(&'b mut self, entity: &'b Entity, id: &'b str) -> BoxFuture<'b, Result<(), StoreError>> {
        async move {
            for child in &entity.children {
                let owned = known(self.reading.catalog, child.entity)?;
                let Some(table) = self.reading.layout.table(owned) else { continue };
                let Some(column) = table.column(child.field) else { continue };
                let select = Statement::new(&table.select).and(&format!("\"{column}\" = ?"), id);
                let rows = self.run(&select.then(&format!(" ORDER BY \"{}\"", table.key))).await?;
                if child.on_delete == OnDelete::Restrict && !rows.is_empty() {
                    return Err(StoreError::Referenced { entity: entity.name, by: child.entity });
                }
                for document in self.reading.documents(owned, &rows)? {
                    self.belongings(owned, id_of(owned, &document)).await?;
                    self.gone(owned, document);
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn gone(&mut self, entity: &Entity, before: Document) {
        let id = id_of(entity, &before).to_owned();
        // By two ways to the same owner a document would go twice.
        if self.deleted.insert((entity.name, id.clone())) {
            self.changes.push(Change { entity: entity.name, id, before: Some(Arc::new(before)), after: None });
        }
    }
}
