//! The memory store: what a node without a database holds, and what tests use. Documents rest as
//! compact bytes and are decoded when read. It does not survive the process.

use std::sync::Arc;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::pending;
use futures_util::future::ready;
use gibbon_model::Catalog;
use gibbon_model::Document;
use serde_json::Value;

use self::rows::Rows;
use crate::clock::Clock;
use crate::constraints;
use crate::constraints::Taken;
use crate::constraints::known;
use crate::error::StoreError;
use crate::page::Offsets;
use crate::page::Page;
use crate::page::PageQuery;
use crate::progress::Progress;
use crate::reads;
use crate::rows::WriteRows as _;
use crate::store::Backend;
use crate::store::Changes;
use crate::store::Documents;
use crate::store::PackedDocuments;
use crate::store::PackedPage;
use crate::store::Store;
use crate::store::TagPage;
use crate::store::Write;
use crate::store::Written;

mod rows;

/// A store in this process's memory.
pub struct MemoryStore {
    catalog: Arc<Catalog>,
    clock: Clock,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    rows: Rows,
    revision: u64,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new(catalog: Arc<Catalog>, clock: Clock) -> Self {
        Self { catalog, clock, state: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("invariant: nothing panics while it holds the lock")
    }

    /// Runs `work` on the rows; whatever it wrote is undone when it fails.
    fn transaction(
        &self,
        work: impl FnOnce(&mut Rows, &mut Written) -> Result<(), StoreError>,
    ) -> Result<Written, StoreError> {
        let mut state = self.state.write().expect("invariant: nothing panics while it holds the lock");
        let mut written = Written { revision: state.revision, changes: Vec::new() };
        state.rows.begin();
        match work(&mut state.rows, &mut written) {
            Ok(()) => {
                state.rows.commit();
                state.revision += 1;
                written.revision = state.revision;
                Ok(written)
            }
            Err(error) => {
                state.rows.rollback(&self.catalog);
                Err(error)
            }
        }
    }
}

fn done<'a, T: Send + 'a>(result: Result<T, StoreError>) -> BoxFuture<'a, Result<T, StoreError>> {
    ready(result).boxed()
}

impl Store for MemoryStore {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn backend(&self) -> Backend {
        Backend::Memory
    }

    fn get<'a>(&'a self, entity: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        done(
            known(&self.catalog, entity)
                .and_then(|entity| constraints::live(&self.read().rows, entity, id, self.clock.now())),
        )
    }

    fn find<'a>(
        &'a self,
        entity: &'a str,
        field: &'a str,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        done(
            known(&self.catalog, entity)
                .and_then(|entity| reads::find(&self.read().rows, entity, field, value, self.clock.now())),
        )
    }

    fn find_by_cache_key<'a>(
        &'a self,
        entity: &'a str,
        fields: &'a Document,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        done(
            known(&self.catalog, entity)
                .and_then(|entity| reads::find_by_cache_key(&self.read().rows, entity, fields, self.clock.now())),
        )
    }

    fn page<'a>(&'a self, entity: &'a str, query: PageQuery<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        done(
            known(&self.catalog, entity)
                .and_then(|entity| reads::page(&self.read().rows, entity, query, Offsets::Plain, self.clock.now())),
        )
    }

    fn packed<'a>(
        &'a self,
        entity: &'a str,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<PackedPage, StoreError>> {
        done(known(&self.catalog, entity).and_then(|entity| {
            reads::packed(&self.read().rows, entity, size, offset, Offsets::Plain, self.clock.now())
        }))
    }

    fn list<'a>(&'a self, entity: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        done(known(&self.catalog, entity).and_then(|entity| reads::list(&self.read().rows, entity, self.clock.now())))
    }

    fn tags<'a>(
        &'a self,
        tag: Option<&'a str>,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<TagPage, StoreError>> {
        let now = self.clock.now();
        done(reads::tags(&self.read().rows, &self.catalog, tag, size, offset, now))
    }

    fn write(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Written, StoreError>> {
        let now = self.clock.now();
        done(self.transaction(|rows, written| {
            for write in writes {
                constraints::apply(rows, &self.catalog, now, write, &mut written.changes)?;
            }
            Ok(())
        }))
    }

    fn import(&self, writes: Vec<Write>, progress: Arc<Progress>) -> BoxFuture<'_, Result<Written, StoreError>> {
        let now = self.clock.now();
        done(self.transaction(|rows, written| {
            for write in writes {
                constraints::apply(rows, &self.catalog, now, write, &mut written.changes)?;
                written.changes.clear();
                progress.step();
            }
            Ok(())
        }))
    }

    fn replace(&self, documents: Documents) -> BoxFuture<'_, Result<Written, StoreError>> {
        let now = self.clock.now();
        done(self.transaction(|rows, written| {
            rows.clear(&self.catalog)?;
            for (entity, documents) in documents {
                for document in documents {
                    let write = Write::Insert { entity, document };
                    constraints::apply(rows, &self.catalog, now, write, &mut written.changes)?;
                    // What was there before is not compared: readers take everything anew.
                    written.changes.clear();
                }
            }
            Ok(())
        }))
    }

    fn replace_packed(&self, documents: PackedDocuments) -> BoxFuture<'_, Result<Written, StoreError>> {
        let now = self.clock.now();
        done(self.transaction(|rows, _| {
            rows.clear(&self.catalog)?;
            for (entity, documents) in documents {
                for document in documents {
                    constraints::apply_packed(rows, &self.catalog, now, (entity, document), Taken::Refuse)?;
                }
            }
            Ok(())
        }))
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        done(Ok(self.read().revision))
    }

    fn foreign_changes(&self) -> BoxFuture<'_, Result<Changes, StoreError>> {
        pending().boxed()
    }

    fn expire(&self) -> BoxFuture<'_, Result<Written, StoreError>> {
        let now = self.clock.now();
        done(self.transaction(|rows, written| constraints::expire(rows, &self.catalog, now, &mut written.changes)))
    }
}
