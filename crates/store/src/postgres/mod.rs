//! The Postgres store: Kong's own tables on a PostgreSQL server, which Kong nodes may use at the same
//! time. Rows that Kong wrote are served and edited as they are; columns that only Kong knows are
//! left alone. Constraints are the database's own, and so are cascades.
//!
//! | file | has |
//! |---|---|
//! | `connect` | connections, their pool, TLS, timeouts |
//! | `layout`, `cell` | entities as tables, values as columns |
//! | `reads`, `write`, `refusal` | statements, transactions, what a refusal means |
//! | `events`, `feed` | telling other nodes, hearing from them |
//! | `migrations` | making the tables |

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use deadpool_postgres::Transaction;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gibbon_model::Catalog;
use gibbon_model::Document;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::connect::Server;
pub use self::migrations::Done;
pub use self::migrations::Migrations;
pub use self::migrations::NEEDS_BOOTSTRAP;
pub use self::migrations::State;
pub use self::migrations::Subsystem;

use self::connect::Connections;
use self::events::News;
use self::events::Teller;
use self::feed::Feed;
use self::feed::Hint;
use self::layout::Layout;
use self::reads::Reading;
use self::reads::Statement;
use self::write::Writing;
use crate::clock::Clock;
use crate::constraints::known;
use crate::error::StoreError;
use crate::page::Page;
use crate::page::PageQuery;
use crate::rows::id_of;
use crate::store::Backend;
use crate::store::Change;
use crate::store::Changes;
use crate::store::Documents;
use crate::store::Store;
use crate::store::TagPage;
use crate::store::Write;
use crate::store::Written;

mod cell;
mod connect;
mod events;
mod feed;
mod layout;
mod migrations;
mod reads;
mod refusal;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod write;

/// Rows that a listing takes at a time.
const STRIDE: usize = 1000;
/// How often a statement is begun anew, since the server had closed the connection.
const ATTEMPTS: usize = 3;

/// How a node uses its database.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Server,
    /// A replica, from which whole listings are read.
    pub replica: Option<Server>,
    /// The node; its own events are not told to it.
    pub node: Uuid,
    /// How often events of Kong nodes are looked for.
    pub update_frequency: Duration,
    /// How long after a write other nodes act on it, so that replicas have it.
    pub propagation: Duration,
}

/// A store on a PostgreSQL server.
pub struct PostgresStore {
    catalog: Arc<Catalog>,
    clock: Clock,
    main: Connections,
    replica: Option<Connections>,
    layout: Layout,
    teller: Teller,
    feed: Mutex<Feed>,
}

/// What a transaction does.
enum Job {
    Write(Vec<Write>),
    Replace(Documents),
    Expire,
}

impl PostgresStore {
    /// Connects, and checks that the database has the tables of the catalog.
    ///
    /// # Errors
    /// When the server does not answer, or the tables are not there.
    pub async fn open(settings: Settings, catalog: Arc<Catalog>, clock: Clock) -> Result<Self, StoreError> {
        let main = settings.server.pool()?;
        let replica = settings.replica.as_ref().map(Server::pool).transpose()?;
        let client = main.take().await?;
        let layout = Layout::read(&client, &catalog).await?;
        let now = client.query_one("SELECT extract(epoch FROM clock_timestamp())::float8", &[]).await?.try_get(0)?;
        drop(client);
        let feed = Feed::new(settings.server, settings.node, settings.update_frequency, now);
        let teller = Teller { node: settings.node, propagation: settings.propagation.as_secs_f64() };
        Ok(Self { catalog, clock, main, replica, layout, teller, feed: Mutex::new(feed) })
    }

    fn reading(&self) -> Reading<'_> {
        Reading { catalog: &self.catalog, layout: &self.layout, now: self.clock.now() }
    }

    /// Runs a statement of its own.
    async fn rows(&self, connections: &Connections, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        let mut attempt = 1;
        loop {
            let client = connections.take().await?;
            let result = connections.within(statement.run(&client)).await;
            match result {
                Err(StoreError::Postgres(error)) if error.is_closed() && attempt < ATTEMPTS => attempt += 1,
                Err(StoreError::Unreachable { reason }) => {
                    // Whatever the server still answers is nobody's.
                    drop(Object::take(client));
                    return Err(StoreError::Unreachable { reason });
                }
                result => return result,
            }
        }
    }

    async fn first(&self, entity: &str, statement: Option<Statement>) -> Result<Option<Document>, StoreError> {
        let Some(statement) = statement else { return Ok(None) };
        let rows = self.rows(&self.main, &statement).await?;
        Ok(self.reading().documents(known(&self.catalog, entity)?, &rows)?.into_iter().next())
    }

    async fn run(&self, job: Job) -> Result<Written, StoreError> {
        let mut attempt = 1;
        loop {
            let mut client = self.main.take().await?;
            let transaction = match self.main.within(client.transaction()).await {
                Ok(transaction) => transaction,
                Err(StoreError::Postgres(error)) if error.is_closed() && attempt < ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let result = self.work(transaction, job).await;
            if matches!(result, Err(StoreError::Unreachable { .. })) {
                drop(Object::take(client));
            }
            return result;
        }
    }

    async fn work(&self, transaction: Transaction<'_>, job: Job) -> Result<Written, StoreError> {
        let reading = self.reading();
        let mut writing = Writing::new(reading, &self.main, transaction);
        let all = matches!(job, Job::Replace(_));
        match job {
            Job::Write(writes) => writing.apply(writes).await?,
            Job::Replace(documents) => writing.replace(documents).await?,
            Job::Expire => writing.expire().await?,
        }
        let Writing { transaction, changes, .. } = writing;
        let revision = if changes.is_empty() && !all {
            revision(&self.main.within(transaction.query(events::REVISION, &[])).await?)?
        } else {
            let news = if all { News::Everything } else { News::Changes(&changes) };
            self.teller.tell(&transaction, &self.layout, &self.catalog, news).await?
        };
        self.main.within(transaction.commit()).await?;
        Ok(Written { revision, changes })
    }

    /// Reads what other nodes' hints point to.
    async fn resolve(&self, hints: &[Hint]) -> Result<Changes, StoreError> {
        let mut changes = Vec::new();
        for hint in hints {
            let reading = self.reading();
            match hint {
                Hint::Everything => return Ok(Changes::All),
                Hint::Key(name, id) => {
                    // A node with more plugins writes entities that are nothing to this one.
                    let Some(entity) = self.catalog.entity(name) else { continue };
                    let after = self.first(name, reading.find(entity, entity.primary_key, &id.as_str().into())).await?;
                    let id = id.clone();
                    changes.push(Change { entity: entity.name, id, before: None, after: after.map(Arc::new) });
                }
                Hint::CacheKey(name, key) => {
                    let Some(entity) = self.catalog.entity(name) else { continue };
                    let statement = match entity.cache_key {
                        [field] => reading.find(entity, field, &key.as_str().into()),
                        _ => reading.find_by_raw_cache_key(entity, key.clone()),
                    };
                    // What is gone cannot be named any more.
                    let Some(after) = self.first(name, statement).await? else { return Ok(Changes::All) };
                    let id = id_of(entity, &after).to_owned();
                    changes.push(Change { entity: entity.name, id, before: None, after: Some(Arc::new(after)) });
                }
            }
        }
        Ok(Changes::Some(changes))
    }
}

fn revision(rows: &[Row]) -> Result<u64, StoreError> {
    let Some(row) = rows.first() else { return Ok(0) };
    Ok(row.try_get::<_, Option<i64>>(0)?.unwrap_or_default().unsigned_abs())
}

impl Store for PostgresStore {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn backend(&self) -> Backend {
        Backend::Postgres
    }

    fn get<'a>(&'a self, entity: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        async move {
            let known = known(&self.catalog, entity)?;
            self.first(entity, self.reading().find(known, known.primary_key, &id.into())).await
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        entity: &'a str,
        field: &'a str,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        async move { self.first(entity, self.reading().find(known(&self.catalog, entity)?, field, value)).await }
            .boxed()
    }

    fn find_by_cache_key<'a>(
        &'a self,
        entity: &'a str,
        fields: &'a Document,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        async move {
            let known = known(&self.catalog, entity)?;
            self.first(entity, self.reading().find_by_cache_key(known, fields)).await
        }
        .boxed()
    }

    fn page<'a>(&'a self, entity: &'a str, query: PageQuery<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        async move {
            let entity = known(&self.catalog, entity)?;
            let Some(statement) = self.reading().page(entity, query)? else { return Ok(Page::default()) };
            let rows = self.rows(&self.main, &statement).await?;
            self.reading().paged(entity, &rows, query.size)
        }
        .boxed()
    }

    fn list<'a>(&'a self, entity: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        async move {
            let entity = known(&self.catalog, entity)?;
            let connections = self.replica.as_ref().unwrap_or(&self.main);
            let mut all = Vec::new();
            let mut offset: Option<String> = None;
            loop {
                let query = PageQuery { size: STRIDE, offset: offset.as_deref(), ..PageQuery::default() };
                let Some(statement) = self.reading().page(entity, query)? else { return Ok(all) };
                let rows = self.rows(connections, &statement).await?;
                let page = self.reading().paged(entity, &rows, STRIDE)?;
                all.extend(page.rows);
                match page.next {
                    Some(next) => offset = Some(next),
                    None => return Ok(all),
                }
            }
        }
        .boxed()
    }

    fn tags<'a>(
        &'a self,
        tag: Option<&'a str>,
        size: usize,
        offset: Option<&'a str>,
    ) -> BoxFuture<'a, Result<TagPage, StoreError>> {
        async move {
            let rows = self.rows(&self.main, &reads::tags(tag, size, offset)?).await?;
            reads::tagged(&self.catalog, &rows, size)
        }
        .boxed()
    }

    fn write(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.run(Job::Write(writes)).boxed()
    }

    fn replace(&self, documents: Documents) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.run(Job::Replace(documents)).boxed()
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async { revision(&self.rows(&self.main, &Statement::new(events::REVISION)).await?) }.boxed()
    }

    fn foreign_changes(&self) -> BoxFuture<'_, Result<Changes, StoreError>> {
        async {
            let mut feed = self.feed.lock().await;
            feed.hear(&self.catalog).await?;
            // What could not be read stays to be read.
            let changes = self.resolve(&feed.heard).await?;
            feed.heard.clear();
            Ok(changes)
        }
        .boxed()
    }

    fn expire(&self) -> BoxFuture<'_, Result<Written, StoreError>> {
        self.run(Job::Expire).boxed()
    }
}
