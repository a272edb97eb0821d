//! What a store offers: reads by key, pages, atomic writes, and the feed of what changed.
//!
//! It does not validate documents (the [`Writer`](crate::Writer) does), and knows no workers: who
//! publishes a change is told by [`Publisher`](crate::Publisher).

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::ready;
use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::declarative::Packed;
use serde_json::Value;

use crate::error::StoreError;
use crate::page::Page;
use crate::page::PageQuery;
use crate::progress::Progress;

/// One document to be written; `entity` is an entity name of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Adds a document; its primary key must be free.
    Insert { entity: &'static str, document: Document },
    /// Replaces the document of the same primary key, which must exist.
    Update { entity: &'static str, document: Document },
    /// Adds or replaces the document of the same primary key.
    Upsert { entity: &'static str, document: Document },
    /// Removes a document and, in cascade, what belongs to it. A missing one is no error.
    Delete { entity: &'static str, id: String },
}

/// What a committed write did to one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Entity name, such as `services`.
    pub entity: &'static str,
    /// Value of the primary key.
    pub id: String,
    /// Document before, if there was one and the store still knows it.
    pub before: Option<Arc<Document>>,
    /// Document after, none when it was deleted.
    pub after: Option<Arc<Document>>,
}

/// Kind of a [`Change`], in Kong's words for its `dao:crud` events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

impl Change {
    /// Returns whether the document came, changed or went.
    pub fn operation(&self) -> Operation {
        match (&self.before, &self.after) {
            (_, None) => Operation::Delete,
            (None, Some(_)) => Operation::Create,
            (Some(_), Some(_)) => Operation::Update,
        }
    }
}

/// What other processes changed, as told by [`Store::foreign_changes`].
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// These documents changed; each is given as it is now, without what it was before.
    Some(Vec<Change>),
    /// Too much changed to tell: read everything again.
    All,
}

/// Result of a write: the revision it made, and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub revision: u64,
    pub changes: Vec<Change>,
}

/// A row of the `tags` view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    pub tag: String,
    pub entity_name: &'static str,
    pub entity_id: String,
}

/// A page of tags, and where the next begins.
pub type TagPage = (Vec<TagRow>, Option<String>);

/// Kind of backend, for what Kong does differently with and without a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Memory only; entities are replaced as a whole (`database = off`).
    Memory,
    /// SQLite in the prefix (`database = embedded`).
    Embedded,
    /// A PostgreSQL server, in Kong's own tables (`database = postgres`).
    Postgres,
}

/// A set of documents for [`Store::replace`], by entity.
pub type Documents = Vec<(&'static str, Vec<Document>)>;

/// The same in little room, as [`Declarative`](gibbon_model::declarative::Declarative) makes them.
pub type PackedDocuments = gibbon_model::declarative::Documents;

/// A page of packed documents, and where the next begins.
pub type PackedPage = (Vec<Packed>, Option<String>);

/// Where configuration lives.
///
/// Documents in and out are at rest: foreign keys as `{"id": …}`, and `ttl`, where an entity has
/// one, as the absolute time of expiry in seconds. Expired documents are never returned.
pub trait Store: Send + Sync + 'static {
    /// Returns the catalog that the store was made for.
    fn catalog(&self) -> &Arc<Catalog>;

    /// Returns the kind of backend.
    fn backend(&self) -> Backend;

    /// Returns the document with this primary key.
    fn get<'a>(&'a self, entity: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>>;

    /// Returns the document whose unique field, or endpoint key, has this value.
    ///
    /// Of several (an endpoint key need not be unique) the one with the lowest primary key.
    fn find<'a>(
        &'a self,
        entity: &'a str,
        field: &'a str,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>>;

    /// Returns the document with the cache key that these fields make.
    fn find_by_cache_key<'a>(
        &'a self,
        entity: &'a str,
        fields: &'a Document,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>>;

    /// Returns a page of documents in the order of their primary keys.
    fn page<'a>(&'a self, entity: &'a str, query: PageQuery<'a>) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Returns what [`page`](Self::page) returns of an entity, packed: for whoever reads everything.
    fn packed<'a>(
        &'a self,
        entity: &'a str,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<PackedPage, StoreError>> {
        async move {
            let page = self.page(entity, PageQuery { size, offset, ..PageQuery::default() }).await?;
            Ok((page.rows.iter().map(Packed::of).collect(), page.next))
        }
        .boxed()
    }

    /// Returns all documents of an entity in the order of their primary keys.
    fn list<'a>(&'a self, entity: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>>;

    /// Returns a page of tags in the order of the tagged entities' ids.
    fn tags<'a>(
        &'a self,
        tag: Option<&'a str>,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<TagPage, StoreError>>;

    /// Applies all writes or none; they are durable when this returns.
    ///
    /// Unique values, cache keys and foreign keys hold afterwards; what is deleted in cascade is
    /// among the changes.
    fn write(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Written, StoreError>>;

    /// Applies all writes or none as [`write`](Self::write) does, without saying what changed: for so many that
    /// readers take everything anew. Each write is a step of `progress`.
    fn import(&self, writes: Vec<Write>, progress: Arc<Progress>) -> BoxFuture<'_, Result<Written, StoreError>> {
        async move {
            let steps = writes.len();
            let written = self.write(writes).await?;
            (0..steps).for_each(|_| progress.step());
            Ok(written)
        }
        .boxed()
    }

    /// Makes these writes and adds or replaces these documents as [`import`](Self::import) does.
    fn import_packed(
        &self,
        first: Vec<Write>,
        documents: PackedDocuments,
        progress: Arc<Progress>,
    ) -> BoxFuture<'_, Result<Written, StoreError>> {
        let mut writes = first;
        let documents = match unpack(documents) {
            Ok(documents) => documents,
            Err(error) => return ready(Err(error)).boxed(),
        };
        for (entity, documents) in documents {
            writes.extend(documents.into_iter().map(|document| Write::Upsert { entity, document }));
        }
        self.import(writes, progress)
    }

    /// Replaces everything with these documents, all or nothing.
    fn replace(&self, documents: Documents) -> BoxFuture<'_, Result<Written, StoreError>>;

    /// Replaces everything as [`replace`](Self::replace) does.
    fn replace_packed(&self, documents: PackedDocuments) -> BoxFuture<'_, Result<Written, StoreError>> {
        match unpack(documents) {
            Ok(documents) => self.replace(documents),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    /// Returns the revision of the last committed write, by whichever process.
    fn revision(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Waits until another process has written, and returns what it changed; at most 100 ms late.
    ///
    /// Never returns in a store that no other process can write. One caller at a time.
    fn foreign_changes(&self) -> BoxFuture<'_, Result<Changes, StoreError>>;

    /// Deletes what has expired, and returns it.
    fn expire(&self) -> BoxFuture<'_, Result<Written, StoreError>>;
}

fn unpack(documents: PackedDocuments) -> Result<Documents, StoreError> {
    let unpack = |entity, document: Packed| document.unpack().map_err(|source| StoreError::Damaged { entity, source });
    let of_entity = |(entity, all): (&'static str, Vec<Packed>)| {
        let all = all.into_iter().map(|document| unpack(entity, document));
        Ok((entity, all.collect::<Result<_, _>>()?))
    };
    documents.into_iter().map(of_entity).collect()
}
