//! The embedded store: one SQLite file in the prefix, shared by the node and commands beside it.
//! One thread writes; readers have connections of their own. It knows no constraint but its indexes'.
//!
//! A write is acknowledged when SQLite has synced its log (WAL, `synchronous = FULL`), so that a
//! crash at any instant loses nothing that was acknowledged.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gibbon_model::Catalog;
use gibbon_model::Document;
use rusqlite::Connection;
use serde_json::Value;
use uuid::Uuid;

use self::journal::Watcher;
use self::thread::Job;
use self::thread::WriterThread;
use crate::clock::Clock;
use crate::constraints::known;
use crate::constraints::live;
use crate::error::StoreError;
use crate::page::Offsets;
use crate::page::Page;
use crate::page::PageQuery;
use crate::page::TagFilter;
use crate::progress::Progress;
use crate::reads;
use crate::store::Backend;
use crate::store::Changes;
use crate::store::Documents;
use crate::store::PackedDocuments;
use crate::store::PackedPage;
use crate::store::Store;
use crate::store::TagPage;
use crate::store::Write;
use crate::store::Written;

mod journal;
mod open;
mod rows;
mod tables;
mod thread;

/// How often another process's writes are looked for.
const POLL: Duration = Duration::from_millis(50);
/// Idle reading connections that are kept.
const READERS: usize = 4;

/// A store in a SQLite file.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    writer: WriterThread,
}

struct Shared {
    catalog: Arc<Catalog>,
    clock: Clock,
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    watcher: Mutex<Watcher>,
    /// Marks this process's writes in the journal.
    origin: i64,
}

impl EmbeddedStore {
    /// Opens the database at `path`, and makes or migrates its tables.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a database, or was written by a newer version.
    pub fn open(path: &Path, catalog: Arc<Catalog>, clock: Clock) -> Result<Self, StoreError> {
        let mut connection = open::connect(path)?;
        tables::prepare(&mut connection, &catalog)?;
        let origin = i64::from_ne_bytes(first_eight(Uuid::new_v4().as_bytes()));
        let watcher = Watcher::new(open::connect(path)?)?;
        let shared = Arc::new(Shared {
            catalog,
            clock,
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            watcher: Mutex::new(watcher),
            origin,
        });
        let (catalog, clock) = (shared.catalog.clone(), shared.clock.clone());
        let writer = WriterThread::start(connection, catalog, clock, origin)?;
        Ok(Self { shared, writer })
    }

    /// Runs a read on a connection of its own, off the caller's thread.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rows::Reader<'_>, &Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let shared = self.shared.clone();
        let task = move || {
            let idle = lock(&shared.idle).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => open::connect(&shared.path)?,
            };
            let result = rows::Reader::begin(&connection).and_then(|rows| {
                let result = work(&rows, &shared);
                rows.end()?;
                result
            });
            let mut idle = lock(&shared.idle);
            if idle.len() < READERS {
                idle.push(connection);
            }
            drop(idle);
            result
        };
        async move { tokio::task::spawn_blocking(task).await.unwrap_or(Err(StoreError::Closed)) }.boxed()
    }
}

fn first_eight(bytes: &[u8; 16]) -> [u8; 8] {
    bytes[..8].try_into().expect("invariant: sixteen bytes begin with eight")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("invariant: nothing panics while it holds the lock")
}

impl Shared {
    /// Returns what other processes wrote since the last look.
    fn look(&self) -> Result<Option<Changes>, StoreError> {
        let mut watcher = lock(&self.watcher);
        watcher.look(&self.catalog, self.origin)
    }
}

impl Store for EmbeddedStore {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.shared.catalog
    }

    fn backend(&self) -> Backend {
        Backend::Embedded
    }

    fn get<'a>(&'a self, entity: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let (entity, id) = (entity.to_owned(), id.to_owned());
        self.read(move |rows, shared| live(rows, known(&shared.catalog, &entity)?, &id, shared.clock.now()))
    }

    fn find<'a>(
        &'a self,
        entity: &'a str,
        field: &'a str,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let (entity, field, value) = (entity.to_owned(), field.to_owned(), value.clone());
        self.read(move |rows, shared| {
            let entity = known(&shared.catalog, &entity)?;
            reads::find(rows, entity, &field, &value, shared.clock.now())
        })
    }

    fn find_by_cache_key<'a>(
        &'a self,
        entity: &'a str,
        fields: &'a Document,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let (entity, fields) = (entity.to_owned(), fields.clone());
        self.read(move |rows, shared| {
            let entity = known(&shared.catalog, &entity)?;
            reads::find_by_cache_key(rows, entity, &fields, shared.clock.now())
        })
    }

    fn page<'a>(&'a self, entity: &'a str, query: PageQuery<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        let entity = entity.to_owned();
        let parent = query.parent.map(|(field, id)| (field.to_owned(), id.to_owned()));
        let tags = query.tags.map(|filter| (filter.tags.to_vec(), filter.matching));
        let offset = query.offset.map(str::to_owned);
        let size = query.size;
        self.read(move |rows, shared| {
            let query = PageQuery {
                parent: parent.as_ref().map(|(field, id)| (field.as_str(), id.as_str())),
                tags: tags.as_ref().map(|(tags, matching)| TagFilter { tags, matching: *matching }),
                size,
                offset: offset.as_deref(),
            };
            let entity = known(&shared.catalog, &entity)?;
            reads::page(rows, entity, query, Offsets::Keys, shared.clock.now())
        })
    }

    fn packed<'a>(
        &'a self,
        entity: &'a str,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<PackedPage, StoreError>> {
        let (entity, offset) = (entity.to_owned(), offset.map(str::to_owned));
        self.read(move |rows, shared| {
            let entity = known(&shared.catalog, &entity)?;
            reads::packed(rows, entity, size, offset.as_deref(), Offsets::Keys, shared.clock.now())
        })
    }

    fn list<'a>(&'a self, entity: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        let entity = entity.to_owned();
        self.read(move |rows, shared| reads::list(rows, known(&shared.catalog, &entity)?, shared.clock.now()))
    }

    fn tags<'a>(
        &'a self,
        tag: Option<&'a str>,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<TagPage, StoreError>> {
        let (tag, offset) = (tag.map(str::to_owned), offset.map(str::to_owned));
        self.read(move |rows, shared| {
            let now = shared.clock.now();
            reads::tags(rows, &shared.catalog, tag.as_deref(), size, offset.as_deref(), now)
        })
    }

    fn write(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.writer.run(Job::Write(writes))
    }

    fn import(&self, writes: Vec<Write>, progress: Arc<Progress>) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.writer.run(Job::Import(writes, progress))
    }

    fn import_packed(
        &self,
        first: Vec<Write>,
        documents: PackedDocuments,
        progress: Arc<Progress>,
    ) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.writer.run(Job::ImportPacked(first, documents, progress))
    }

    fn replace(&self, documents: Documents) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.writer.run(Job::Replace(documents))
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(|rows, _| Ok(journal::revision(rows.connection())?.unsigned_abs()))
    }

    fn foreign_changes(&self) -> BoxFuture<'_, Result<Changes, StoreError>> {
        async {
            loop {
                tokio::time::sleep(POLL).await;
                let shared = self.shared.clone();
                let look = tokio::task::spawn_blocking(move || shared.look()).await;
                if let Some(changes) = look.unwrap_or(Err(StoreError::Closed))? {
                    return Ok(changes);
                }
            }
        }
        .boxed()
    }

    fn expire(&self) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.writer.run(Job::Expire)
    }
}
