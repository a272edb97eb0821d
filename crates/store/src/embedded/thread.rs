//! The one thread that writes: each job is a transaction, answered after it is on disk.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gibbon_model::Catalog;
use rusqlite::Connection;
use rusqlite::TransactionBehavior;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::journal;
use super::journal::Entry;
use super::rows::Rows;
use crate::clock::Clock;
use crate::constraints;
use crate::constraints::Taken;
use crate::error::StoreError;
use crate::progress::Progress;
use crate::rows::WriteRows as _;
use crate::store::Documents;
use crate::store::PackedDocuments;
use crate::store::Write;
use crate::store::Written;

/// What the thread is asked to do.
pub(super) enum Job {
    Write(Vec<Write>),
    Import(Vec<Write>, Arc<Progress>),
    ImportPacked(Vec<Write>, PackedDocuments, Arc<Progress>),
    Replace(Documents),
    Expire,
}

/// Jobs that may wait; more make their callers wait.
const WAITING: usize = 64;

type Answer = oneshot::Sender<Result<Written, StoreError>>;

/// A handle to the thread; it ends when the handle is dropped and its jobs are done.
pub(super) struct WriterThread {
    jobs: mpsc::Sender<(Job, Answer)>,
}

struct Worker {
    connection: Connection,
    catalog: Arc<Catalog>,
    clock: Clock,
    origin: i64,
}

impl WriterThread {
    /// Starts the thread on this connection; `origin` marks its writes in the journal.
    pub(super) fn start(
        connection: Connection,
        catalog: Arc<Catalog>,
        clock: Clock,
        origin: i64,
    ) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<(Job, Answer)>(WAITING);
        let mut worker = Worker { connection, catalog, clock, origin };
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            while let Some((job, answer)) = queue.blocking_recv() {
                // Nobody waits any more when the caller was dropped; the write stands all the same.
                let _ = answer.send(worker.run(job));
            }
        })?;
        Ok(Self { jobs })
    }

    /// Hands a job over and waits for its answer.
    pub(super) fn run(&self, job: Job) -> BoxFuture<'static, Result<Written, StoreError>> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.clone();
        async move {
            jobs.send((job, answer)).await.map_err(|_| StoreError::Closed)?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        }
        .boxed()
    }
}

impl Worker {
    fn run(&mut self, job: Job) -> Result<Written, StoreError> {
        let now = self.clock.now();
        let catalog = self.catalog.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rows = Rows::new(&transaction);
        let mut changes = Vec::new();
        let mut all = false;
        match job {
            Job::Write(writes) => {
                for write in writes {
                    constraints::apply(&mut rows, &catalog, now, write, &mut changes)?;
                }
            }
            Job::Import(writes, progress) => {
                all = true;
                for write in writes {
                    constraints::apply(&mut rows, &catalog, now, write, &mut changes)?;
                    changes.clear();
                    progress.step();
                }
            }
            Job::ImportPacked(first, documents, progress) => {
                all = true;
                for write in first {
                    constraints::apply(&mut rows, &catalog, now, write, &mut changes)?;
                    progress.step();
                }
                changes.clear();
                for (entity, documents) in documents {
                    for document in documents {
                        constraints::apply_packed(&mut rows, &catalog, now, (entity, document), Taken::Replace)?;
                        progress.step();
                    }
                }
            }
            Job::Replace(documents) => {
                all = true;
                rows.clear(&catalog)?;
                for (entity, documents) in documents {
                    for document in documents {
                        let write = Write::Insert { entity, document };
                        constraints::apply(&mut rows, &catalog, now, write, &mut changes)?;
                        changes.clear();
                    }
                }
            }
            Job::Expire => constraints::expire(&mut rows, &catalog, now, &mut changes)?,
        }
        if changes.is_empty() && !all {
            let revision = journal::revision(&transaction)?.unsigned_abs();
            transaction.commit()?;
            return Ok(Written { revision, changes });
        }
        let entry = if all { Entry::All } else { Entry::Changes(&changes) };
        let revision = journal::append(&transaction, self.origin, entry)?.unsigned_abs();
        transaction.commit()?;
        Ok(Written { revision, changes })
    }
}
