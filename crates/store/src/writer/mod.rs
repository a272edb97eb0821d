//! The only way in which configuration is written, and the reads that show it to people: foreign
//! keys by name, schema, entity rules, constraints, then publication, then the answer.
//!
//! ```text
//! create/update/upsert ─ rules of the entity ─ prepare ─ foreign keys ─ validate ─ transform ─┐
//! delete ─ rules of the entity ───────────────────────────────────────────────────────────────┤
//! import, replace_all ─ transform ────────────────────────────────────────────────────────────┤
//!                                                  store.write ─ publish ─ select ─ answer ◄──┘
//! ```

use std::sync::Arc;
use std::sync::Mutex as StdMutex;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::EMPTY_HASH;
use gibbon_schema::Database;
use gibbon_schema::Violation;
use gibbon_schema::World;
use serde_json::Value;
use tokio::sync::Mutex;

pub use self::error::Code;
pub use self::error::WriteError;
use crate::page::Page;
use crate::page::PageQuery;
use crate::publisher::News;
use crate::publisher::Publisher;
use crate::store::Store;
use crate::store::Write;
use crate::store::Written;

mod bulk;
mod error;
mod hooks;
mod process;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod write;

/// The world as a writer shares it between calls.
pub type SharedWorld = Arc<dyn World + Send + Sync>;

/// What names one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// Its primary key.
    Id(&'a str),
    /// A unique field, or the endpoint key.
    Field { name: &'static str, value: &'a str },
}

/// Validates, stores and publishes configuration, and shows it.
pub struct Writer {
    store: Arc<dyn Store>,
    world: SharedWorld,
    publisher: Arc<dyn Publisher>,
    declarative: Declarative,
    /// Held from the first read to the write, so that what was checked still holds.
    writing: Mutex<()>,
    hash: StdMutex<String>,
}

impl Writer {
    /// Returns a writer to a store; without a database (`database = off`) only whole configurations
    /// can be written.
    pub fn new(store: Arc<dyn Store>, world: SharedWorld, publisher: Arc<dyn Publisher>) -> Self {
        let declarative = Declarative::new(store.catalog().clone());
        Self {
            store,
            world,
            publisher,
            declarative,
            writing: Mutex::new(()),
            hash: StdMutex::new(EMPTY_HASH.to_owned()),
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the catalog.
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.store.catalog()
    }

    /// Returns the reader of declarative configurations for this catalog.
    pub fn declarative(&self) -> &Declarative {
        &self.declarative
    }

    /// Returns the world that automatic values are taken from.
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// Returns whether the node has no database.
    pub fn is_dbless(&self) -> bool {
        self.catalog().options().database == Database::Off
    }

    /// Returns the entity of this name.
    ///
    /// # Panics
    /// When the catalog has no such entity: names come from the catalog.
    pub fn entity(&self, name: &str) -> &Entity {
        self.catalog().entity(name).expect("invariant: entity names come from the catalog")
    }

    /// Returns what a word in a URL names: an id if it is one, else the endpoint key.
    ///
    /// # Errors
    /// When it is no UUID and the entity has no endpoint key (code 1).
    pub fn key<'a>(&self, entity: &str, word: &'a str) -> Result<Key<'a>, WriteError> {
        let entity = self.entity(entity);
        let is_uuid = word.len() == 36 && uuid::Uuid::try_parse(word).is_ok();
        match entity.endpoint_key {
            _ if is_uuid => Ok(Key::Id(word)),
            Some(name) if name == entity.primary_key => Ok(Key::Id(word)),
            Some(name) => Ok(Key::Field { name, value: word }),
            None => Err(WriteError::invalid_primary_key(entity.primary_key, "expected a valid UUID")),
        }
    }

    /// Returns a document as the Admin API shows it: with nulls and deprecated names.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, entity: &str, key: Key<'_>) -> Result<Option<Document>, WriteError> {
        match self.find(entity, key).await? {
            Some(document) => Ok(Some(self.show(entity, document).await?)),
            None => Ok(None),
        }
    }

    /// Returns a page of documents as the Admin API shows them.
    ///
    /// # Errors
    /// When the offset is none (code 7) or the store fails.
    pub async fn page(&self, entity: &str, query: PageQuery<'_>) -> Result<Page, WriteError> {
        let found = self.store.page(entity, query).await?;
        let mut page = Page { rows: Vec::with_capacity(found.rows.len()), next: found.next };
        for document in found.rows {
            page.rows.push(self.show(entity, document).await?);
        }
        Ok(page)
    }

    /// Returns all documents that name a parent in this field, as the Admin API shows them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn children(&self, entity: &str, field: &str, parent: &str) -> Result<Vec<Document>, WriteError> {
        let mut all = Vec::new();
        for document in self.children_at_rest(entity, field, parent).await? {
            all.push(self.show(entity, document).await?);
        }
        Ok(all)
    }

    /// Returns the document at rest that a key names.
    async fn find(&self, entity: &str, key: Key<'_>) -> Result<Option<Document>, WriteError> {
        Ok(match key {
            Key::Id(id) if !self.is_dbless() && uuid::Uuid::try_parse(id).is_ok() => {
                self.store.get(entity, &id.to_ascii_lowercase()).await?
            }
            Key::Id(id) => self.store.get(entity, id).await?,
            Key::Field { name, value } => {
                let value = Value::from(value);
                self.check_unique(entity, name, &value)?;
                self.store.find(entity, name, &value).await?
            }
        })
    }

    /// Refuses a value that the field cannot have (code 10), as Kong does before it looks.
    fn check_unique(&self, entity: &str, name: &str, value: &Value) -> Result<(), WriteError> {
        let Some(field) = self.entity(entity).record.field(name) else { return Ok(()) };
        let cx = self.catalog().context(&*self.world);
        match gibbon_schema::validate_field(field, value, &cx) {
            Err(Violation::Text(message)) => Err(WriteError::invalid_unique(name, message)),
            _ => Ok(()),
        }
    }

    async fn children_at_rest(&self, entity: &str, field: &str, parent: &str) -> Result<Vec<Document>, WriteError> {
        let mut all = Vec::new();
        let mut offset: Option<String> = None;
        loop {
            let query = PageQuery {
                parent: Some((field, parent)),
                size: crate::page::MAX_SIZE,
                offset: offset.as_deref(),
                ..PageQuery::default()
            };
            let page = self.store.page(entity, query).await?;
            all.extend(page.rows);
            match page.next {
                Some(next) => offset = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Writes, makes it live, and returns what was done.
    async fn commit(&self, writes: Vec<Write>) -> Result<Written, WriteError> {
        let written = self.store.write(writes).await?;
        if !written.changes.is_empty() {
            self.publish(News::Changes(&written.changes)).await?;
        }
        Ok(written)
    }

    async fn publish(&self, news: News<'_>) -> Result<(), WriteError> {
        self.publisher.publish(news).await.map_err(WriteError::internal)
    }
}
