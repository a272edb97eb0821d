//! Makes writes live: compiles what changed and puts the outcome in force before the write is answered. Writes that
//! arrive while one is compiled join the next.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future;
use futures_util::future::BoxFuture;
use futures_util::future::OptionFuture;
use gibbon_model::Document;
use gibbon_model::declarative::Packed;
use gibbon_store::Change;
use gibbon_store::News;
use gibbon_store::PublishError;
use gibbon_store::Publisher;
use gibbon_store::Store;
use gibbon_store::StoreError;
use gibbon_store::page::MAX_SIZE;

use crate::snapshot::CompileError;
use crate::snapshot::Compiler;
use crate::snapshot::Shared;
use crate::snapshot::compile::VAULTS;
use crate::snapshot::desk::Desk;

/// Publishes to the workers of this node.
pub struct LivePublisher {
    shared: Arc<Shared>,
    compiler: Arc<tokio::sync::Mutex<Compiler>>,
    waiting: Mutex<Vec<Waiting>>,
    /// Where requests ask for consumers that the snapshot does not have, on a node that does not hold them all.
    desk: Option<Arc<Desk>>,
    /// Where everything is read again when anything may have changed.
    store: OnceLock<Arc<dyn Store>>,
}

/// News that nobody has compiled yet.
struct Waiting {
    work: Work,
    outcome: Arc<OnceLock<Result<(), String>>>,
}

enum Work {
    Changes(Vec<Change>),
    All,
}

/// A document as it is now, or that it is gone.
type Row = (&'static str, String, Option<Arc<Document>>);

/// From how many changes at once it is cheaper to read everything than each of them.
const MANY: usize = 1000;
/// How long answers of the store are gathered before a snapshot gets them.
const PAUSE: Duration = Duration::from_millis(5);

impl LivePublisher {
    /// Returns a publisher for these workers; `compiler` made the snapshot that is in force.
    pub fn new(shared: Arc<Shared>, compiler: Compiler) -> Self {
        Self {
            shared,
            desk: compiler.desk(),
            compiler: Arc::new(tokio::sync::Mutex::new(compiler)),
            waiting: Mutex::default(),
            store: OnceLock::new(),
        }
    }

    /// Returns the longest that a worker took so far to go over to a new configuration.
    pub fn longest_switch(&self) -> Duration {
        self.shared.longest_switch()
    }

    /// Names the store that is read when anything may have changed; the first one named stays.
    pub fn set_store(&self, store: Arc<dyn Store>) {
        let _ = self.store.set(store);
    }

    /// Puts what requests asked the store for into snapshots, so that it is found at once the next time. Never returns.
    pub async fn remember(self: Arc<Self>) {
        let Some(desk) = &self.desk else { return };
        loop {
            desk.landed().await;
            {
                let mut compiler = self.compiler.lock().await;
                let landed = desk.take_landed();
                if !landed.is_empty() {
                    compiler.remember(&landed);
                    self.shared.publish(compiler.snapshot());
                    desk.kept(&landed);
                }
            }
            // Until then those who ask for the same are answered from what landed.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Forgets what is being asked if it may be about what has changed.
    fn forget(&self, news: News<'_>) {
        let Some(desk) = &self.desk else { return };
        let concerned = match news {
            News::Changes(changes) => changes.iter().any(|change| desk.knows(change.entity).is_some()),
            News::All => true,
        };
        if concerned {
            desk.forget();
        }
    }

    /// Lets work wait for whoever compiles next; says what became of it.
    fn wait(&self, work: Work) -> Arc<OnceLock<Result<(), String>>> {
        let outcome = Arc::new(OnceLock::new());
        let waiting = Waiting { work, outcome: Arc::clone(&outcome) };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
        outcome
    }

    async fn publish_all_waiting(&self, own: &OnceLock<Result<(), String>>) -> Result<(), PublishError> {
        let mut compiler = Arc::clone(&self.compiler).lock_owned().await;
        if own.get().is_none() {
            // Whoever holds the compiler takes all that has come so far, in the order in which it came.
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let mut parts = Vec::new();
            for Waiting { work, outcome } in waiting {
                parts.push((self.read(work).await, outcome));
            }
            let idle = |part: &Result<Part, String>| matches!(part, Ok(Part::Changes(rows)) if rows.is_empty());
            if parts.iter().all(|(part, _)| idle(part)) {
                return Ok(());
            }
            let shared = Arc::clone(&self.shared);
            let runtime = tokio::runtime::Handle::current();
            let compiled = tokio::task::spawn_blocking(move || {
                let compile = |(part, outcome): (Result<Part, String>, _)| {
                    (outcome, part.map_or_else(Compiled::Unread, |part| runtime.block_on(part.compile(&mut compiler))))
                };
                let outcomes: Vec<_> = parts.into_iter().map(compile).collect();
                shared.publish(compiler.snapshot());
                let unread = outcomes.iter().any(|(_, compiled)| matches!(compiled, Compiled::Unread(_)));
                for (outcome, compiled) in outcomes {
                    // Each piece of news is taken once.
                    let _ = outcome.set(compiled.into());
                }
                unread
            });
            if compiled.await.map_err(|panic| PublishError(panic.into()))? {
                // The store went away in between. Whoever publishes next makes up for it.
                self.wait(Work::All);
            }
        }
        own.get().cloned().unwrap_or(Ok(())).map_err(|reason| PublishError(reason.into()))
    }

    /// Reads what the news is about as it is in the store now: news of two writes of one document can come in either
    /// order, and the last write must win.
    async fn read(&self, work: Work) -> Result<Part, String> {
        let changes = match work {
            Work::Changes(changes) if changes.len() < MANY => changes,
            Work::Changes(changes) if self.store.get().is_none() => changes,
            Work::Changes(_) | Work::All => {
                let store = self.store.get().ok_or("no store was named")?;
                return Ok(Part::All(Arc::clone(store)));
            }
        };
        let mut rows = Vec::with_capacity(changes.len());
        for Change { entity, id, after, .. } in changes {
            let document = match self.store.get() {
                Some(store) => store.get(entity, &id).await.map_err(|error| error.to_string())?.map(Arc::new),
                None => after,
            };
            rows.push((entity, id, document));
        }
        Ok(Part::Changes(rows))
    }
}

/// Compiles all that is stored in the place of what the compiler holds, a page at a time, since it may be large. What is
/// written meanwhile is told in news that comes after.
///
/// Returns what does not work; all else does.
///
/// # Errors
/// When the store cannot be read; the compiler holds what it held then.
pub async fn compile_all(store: &dyn Store, compiler: &mut Compiler) -> Result<Vec<CompileError>, StoreError> {
    let warm = compiler.conf().db_cache_warmup_entities.clone();
    let mut load = compiler.start_over();
    let (vaults, others): (Vec<_>, Vec<_>) = store.catalog().entities().partition(|entity| entity.name == VAULTS);
    for entity in vaults.into_iter().chain(others) {
        // Those that turn out to be too many are not read to their end.
        each(store, entity.name, |document| {
            let wanted = !load.is_looked_up(entity.name);
            if wanted {
                load.add_packed(entity.name, document);
            }
            wanted
        })
        .await?;
    }
    for entity in store.catalog().entities() {
        if load.is_looked_up(entity.name) && warm.iter().any(|name| name == entity.name) {
            // What cannot be read is found out by who asks for it.
            each(store, entity.name, |packed| match packed.unpack() {
                Ok(document) => load.warm(entity.name, &document),
                Err(_) => true,
            })
            .await?;
        }
    }
    Ok(load.finish())
}

/// Reads all documents of an entity, as long as they are wanted: the next page while this one is taken.
async fn each(store: &dyn Store, entity: &str, mut take: impl FnMut(&Packed) -> bool) -> Result<(), StoreError> {
    let (mut page, mut offset) = store.packed(entity, MAX_SIZE, None).await?;
    loop {
        let next = offset.as_deref().map(|offset| store.packed(entity, MAX_SIZE, Some(offset)));
        // In this order: the store is asked, then this thread is busy.
        let (next, wanted) = future::join(OptionFuture::from(next), async { page.iter().all(&mut take) }).await;
        match next {
            Some(next) if wanted => (page, offset) = next?,
            _ => return Ok(()),
        }
    }
}

enum Part {
    Changes(Vec<Row>),
    All(Arc<dyn Store>),
}

/// What became of news.
enum Compiled {
    Live(Vec<CompileError>),
    /// The store could not be read.
    Unread(String),
}

impl Part {
    async fn compile(self, compiler: &mut Compiler) -> Compiled {
        let errors = match &self {
            Self::Changes(rows) => {
                compiler.apply(rows.iter().map(|(entity, id, document)| (*entity, id.as_str(), document.as_deref())))
            }
            Self::All(store) => match compile_all(&**store, compiler).await {
                Ok(errors) => errors,
                Err(error) => return Compiled::Unread(error.to_string()),
            },
        };
        for error in &errors {
            tracing::error!(%error, "configuration does not work here");
        }
        Compiled::Live(errors)
    }
}

impl From<Compiled> for Result<(), String> {
    fn from(compiled: Compiled) -> Self {
        match compiled {
            Compiled::Live(errors) if errors.is_empty() => Ok(()),
            Compiled::Live(errors) => Err(errors.iter().map(CompileError::to_string).collect::<Vec<_>>().join("; ")),
            Compiled::Unread(reason) => Err(reason),
        }
    }
}

impl Publisher for LivePublisher {
    fn publish<'a>(&'a self, news: News<'a>) -> BoxFuture<'a, Result<(), PublishError>> {
        self.forget(news);
        let work = match news {
            News::Changes(changes) => Work::Changes(changes.to_vec()),
            News::All => Work::All,
        };
        // Joins the queue when called, not when first polled: news is compiled in the order in which it was told.
        let outcome = self.wait(work);
        async move { self.publish_all_waiting(&outcome).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use gibbon_model::Catalog;
    use gibbon_store::Clock;
    use gibbon_store::MemoryStore;
    use gibbon_store::Write;
    use serde_json::json;

    use super::*;

    fn consumer(username: &str) -> Write {
        let id = "00000000-0000-0000-0000-000000000001";
        let document = Document::from_iter([("id".to_owned(), id.into()), ("username".to_owned(), json!(username))]);
        Write::Upsert { entity: "consumers", document }
    }

    #[tokio::test]
    async fn the_last_write_wins_whichever_is_told_first() {
        let catalog = Catalog::new(gibbon_model::entities::core(), [], gibbon_model::Options::default());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(catalog), Clock::system()));
        let (env, _) = gibbon_sdk::testing::env(&[]);
        let compiler = Compiler::new(env, Vec::new());
        let shared = Shared::new(compiler.snapshot()).expect("a thread");
        let publisher = LivePublisher::new(Arc::clone(&shared), compiler);
        publisher.set_store(Arc::clone(&store));
        let first = store.write(vec![consumer("ann")]).await.expect("written");
        let second = store.write(vec![consumer("bob")]).await.expect("written");
        let late = publisher.publish(News::Changes(&second.changes));
        let (late, early) = tokio::join!(late, publisher.publish(News::Changes(&first.changes)));
        assert!(late.is_ok() && early.is_ok());
        let name = |shared: &Shared| shared.current().consumers.values().next().and_then(|one| one.username.clone());
        assert_eq!(name(&shared).as_deref(), Some("bob"));

        store.replace(vec![("consumers", Vec::new())]).await.expect("replaced");
        assert!(publisher.publish(News::All).await.is_ok());
        assert_eq!(name(&shared), None);
    }
}
