//! Consumers that are looked up: each question asked once at a time, and nothing kept that a write has overtaken.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gibbon_model::Catalog;
use gibbon_sdk::Directory as _;
use gibbon_sdk::Find;
use gibbon_sdk::Lookup;
use gibbon_store::Backend;
use gibbon_store::Changes;
use gibbon_store::Clock;
use gibbon_store::Documents;
use gibbon_store::MemoryStore;
use gibbon_store::News;
use gibbon_store::Page;
use gibbon_store::PageQuery;
use gibbon_store::Publisher as _;
use gibbon_store::Store;
use gibbon_store::StoreError;
use gibbon_store::TagPage;
use gibbon_store::Write;
use gibbon_store::Written;
use tokio::sync::Semaphore;

use super::*;

/// A store that answers when it is let, counts, and can be away.
struct Slow {
    inner: MemoryStore,
    asked: AtomicUsize,
    away: AtomicBool,
    /// Reads that may end.
    let_go: Semaphore,
}

impl Slow {
    async fn read(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await.expect("never closed").forget();
        if self.away.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(()) }
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl Store for Slow {
    fn catalog(&self) -> &Arc<Catalog> {
        self.inner.catalog()
    }

    fn backend(&self) -> Backend {
        Backend::Embedded
    }

    fn get<'a>(&'a self, entity: &'a str, id: &'a str) -> Answer<'a, Option<Document>> {
        self.inner.get(entity, id)
    }

    fn find<'a>(&'a self, entity: &'a str, field: &'a str, value: &'a Value) -> Answer<'a, Option<Document>> {
        async move {
            // What a read carries is what was there when it began.
            let found = self.inner.find(entity, field, value).await;
            self.read().await?;
            found
        }
        .boxed()
    }

    fn find_by_cache_key<'a>(&'a self, entity: &'a str, fields: &'a Document) -> Answer<'a, Option<Document>> {
        self.inner.find_by_cache_key(entity, fields)
    }

    fn page<'a>(&'a self, entity: &'a str, query: PageQuery<'a>) -> Answer<'a, Page> {
        self.inner.page(entity, query)
    }

    fn list<'a>(&'a self, entity: &'a str) -> Answer<'a, Vec<Document>> {
        self.inner.list(entity)
    }

    fn tags<'a>(&'a self, tag: Option<&'a str>, size: usize, offset: Option<&'a str>) -> Answer<'a, TagPage> {
        self.inner.tags(tag, size, offset)
    }

    fn write(&self, writes: Vec<Write>) -> Answer<'_, Written> {
        self.inner.write(writes)
    }

    fn replace(&self, documents: Documents) -> Answer<'_, Written> {
        self.inner.replace(documents)
    }

    fn revision(&self) -> Answer<'_, u64> {
        self.inner.revision()
    }

    fn foreign_changes(&self) -> Answer<'_, Changes> {
        self.inner.foreign_changes()
    }

    fn expire(&self) -> Answer<'_, Written> {
        self.inner.expire()
    }
}

/// A node with room for two consumers, and three.
struct Node {
    store: Arc<Slow>,
    shared: Arc<Shared>,
    publisher: Arc<LivePublisher>,
}

fn consumer(number: usize, username: &str) -> Write {
    let fields = [("id".to_owned(), id(number).to_string().into()), ("username".to_owned(), username.into())];
    Write::Upsert { entity: "consumers", document: Document::from_iter(fields) }
}

impl Node {
    async fn start(properties: &[(&str, &str)]) -> Self {
        let catalog = Catalog::new(gibbon_model::entities::core(), [], gibbon_model::Options::default());
        let inner = MemoryStore::new(Arc::new(catalog), Clock::system());
        inner.write(vec![consumer(1, "ann"), consumer(2, "bob"), consumer(3, "cyd")]).await.expect("written");
        let (asked, away) = (AtomicUsize::new(0), AtomicBool::new(false));
        let store = Arc::new(Slow { inner, asked, away, let_go: Semaphore::new(0) });
        let (env, _) = gibbon_sdk::testing::env(&[&[("mem_cache_size", "2k")], properties].concat());
        let mut compiler = Compiler::new(env, Vec::new());
        compiler.look_up_in(Arc::clone(&store) as _, tokio::runtime::Handle::current());
        compile_all(&*store, &mut compiler).await.expect("read");
        let shared = Shared::new(compiler.snapshot()).expect("a thread");
        let publisher = Arc::new(LivePublisher::new(Arc::clone(&shared), compiler));
        publisher.set_store(Arc::clone(&store) as _);
        tokio::spawn(Arc::clone(&publisher).remember());
        Self { store, shared, publisher }
    }

    async fn write(&self, write: Write) {
        let written = self.store.write(vec![write]).await.expect("written");
        self.publisher.publish(News::Changes(&written.changes)).await.expect("published");
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::SeqCst)
    }

    fn let_go(&self, reads: usize) {
        self.store.let_go.add_permits(reads);
    }

    /// Waits until a snapshot says this at once.
    async fn known(&self, username: &str, want: Option<usize>) {
        let same = async {
            loop {
                if let Find::Now(found) = self.shared.current().consumer(Lookup::Key(username)) {
                    assert_eq!(found.map(|found| found.id), want.map(id));
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), same).await.expect("never kept");
    }
}

/// Looks a consumer up as a request would, and returns its number.
async fn look(snapshot: &Snapshot, username: &str) -> Result<Option<Uuid>, String> {
    let found = snapshot.consumer(Lookup::Key(username)).wait().await;
    found.map(|found| found.map(|found| found.id)).map_err(|failed| failed.to_string())
}

#[tokio::test]
async fn each_question_is_asked_once_at_a_time() {
    let node = Node::start(&[]).await;
    let snapshot = node.shared.current();
    let (first, second) = (snapshot.consumer(Lookup::Key("ann")), snapshot.consumer(Lookup::Key("ann")));
    assert!(matches!((&first, &second), (Find::Later(_), Find::Later(_))));
    node.let_go(1);
    let (first, second) = tokio::join!(first.wait(), second.wait());
    assert_eq!((first.unwrap().unwrap().id, second.unwrap().unwrap().id), (id(1), id(1)));
    node.known("ann", Some(1)).await;
    // Also what is not there.
    node.let_go(1);
    assert_eq!(look(&node.shared.current(), "nobody").await, Ok(None));
    node.known("nobody", None).await;
    assert_eq!(node.asked(), 2);
}

#[tokio::test]
async fn a_write_overtakes_a_look_up() {
    let node = Node::start(&[]).await;
    let snapshot = node.shared.current();
    let early = snapshot.consumer(Lookup::Key("dan"));
    while node.asked() == 0 {
        tokio::task::yield_now().await;
    }
    // It has read that nobody has this name, and is on its way.
    node.write(consumer(4, "dan")).await;
    let current = node.shared.current();
    let late = current.consumer(Lookup::Key("dan"));
    node.let_go(2);
    assert!(early.wait().await.unwrap().is_none(), "who asked before may hear what was before");
    assert_eq!(late.wait().await.unwrap().expect("it is there now").id, id(4));
    node.known("dan", Some(4)).await;
    assert_eq!(node.asked(), 2);
    // What was kept goes before the write is answered.
    node.write(consumer(4, "eve")).await;
    node.let_go(2);
    assert_eq!(look(&node.shared.current(), "dan").await, Ok(None));
    assert_eq!(look(&node.shared.current(), "eve").await, Ok(Some(id(4))));
}

#[tokio::test]
async fn a_store_that_is_away_is_asked_again() {
    let node = Node::start(&[]).await;
    node.store.away.store(true, Ordering::SeqCst);
    node.let_go(2);
    for _ in 0..2 {
        let failed = look(&node.shared.current(), "ann").await.unwrap_err();
        assert!(failed.contains("the store is closed"), "{failed}");
    }
    node.store.away.store(false, Ordering::SeqCst);
    node.let_go(1);
    assert_eq!(look(&node.shared.current(), "ann").await, Ok(Some(id(1))));
}

#[tokio::test]
async fn what_is_warmed_up_is_not_asked_for() {
    let node = Node::start(&[("db_cache_warmup_entities", "services, consumers")]).await;
    node.known("ann", Some(1)).await;
    assert_eq!(node.asked(), 0);
}
