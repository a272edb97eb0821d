//! What other nodes wrote. It stands in `cluster_events`, and only there: rows of Kong nodes say which of their caches
//! are old, rows of Gibbon nodes also which documents have changed. They are looked for every
//! `db_update_frequency`, and at once when a notification wakes this node, which promises nothing and may be lost.
//!
//! ```text
//! cut off ──connect, LISTEN──► listening ──woken, or time to look──► rows of cluster_events ──► Hints
//!    ▲                             │
//!    └── lost, or does not answer ─┘   looks go over the connection that listens: one that is dead is noticed
//! ```

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::poll_fn;
use gibbon_model::Catalog;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::AsyncMessage;
use tokio_postgres::Client;
use tracing::warn;
use uuid::Uuid;

use super::connect::Server;
use super::connect::unreachable;
use super::events::CACHE;
use super::events::CORE;
use super::events::NOTICES;
use super::events::OWN;
use crate::error::StoreError;

/// How much longer than a statement may take events are looked for again: who began first may commit last.
const OVERLAP: Duration = Duration::from_secs(5);

/// A document that another node changed, or everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Hint {
    /// Entity and primary key.
    Key(String, String),
    /// Entity, and a value of its cache key: one field's, or that of the `cache_key` column.
    CacheKey(String, String),
    Everything,
}

/// The place up to which this node knows what others did.
pub(super) struct Feed {
    server: Server,
    node: Uuid,
    frequency: Duration,
    listening: Option<Listening>,
    /// Time of the database, in seconds since 1970, up to which events were read.
    read_to: f64,
    seen: HashSet<Uuid>,
    next_look: Instant,
    /// What was heard, until somebody has dealt with it.
    pub(super) heard: Vec<Hint>,
}

/// A connection that waits for notifications; the task that drives it ends with it.
struct Listening {
    client: Client,
    /// Wakes when another node has written; an error when the connection is gone.
    wake: watch::Receiver<()>,
}

/// A row of `cluster_events`.
struct Event {
    id: Uuid,
    node: Uuid,
    /// Milliseconds; rows of one write have the same.
    at: i64,
    channel: String,
    data: String,
}

impl Feed {
    /// Begins with what is written after `from`, in the database's time.
    pub(super) fn new(server: Server, node: Uuid, frequency: Duration, from: f64) -> Self {
        Self {
            server,
            node,
            frequency: frequency.max(Duration::from_millis(10)),
            listening: None,
            read_to: from,
            seen: HashSet::new(),
            next_look: Instant::now(),
            heard: Vec::new(),
        }
    }

    /// Waits until another node has written something, and puts what into `heard`.
    ///
    /// # Errors
    /// When the database does not answer; the next call tries again.
    pub(super) async fn hear(&mut self, catalog: &Catalog) -> Result<(), StoreError> {
        while self.heard.is_empty() {
            let Some(listening) = &mut self.listening else {
                self.listening = Some(listen(&self.server, self.node).await?);
                // What came before somebody listened.
                self.next_look = Instant::now();
                continue;
            };
            let woken = tokio::select! {
                woken = listening.wake.changed() => woken,
                () = tokio::time::sleep_until(self.next_look) => Ok(()),
            };
            if woken.is_err() {
                warn!("the connection on which other nodes notify was lost");
                self.listening = None;
                continue;
            }
            self.next_look = Instant::now() + self.frequency;
            let limit = self.server.timeout;
            // Some are read again.
            let from = self.read_to - (limit + OVERLAP).as_secs_f64();
            let looked = tokio::time::timeout(limit, look(&listening.client, self.node, from)).await;
            let events = match looked {
                Ok(Ok((events, now))) => {
                    self.read_to = now;
                    events
                }
                failed => {
                    self.listening = None;
                    return Err(match failed {
                        Ok(Err(error)) => error.into(),
                        _ => StoreError::Unreachable { reason: "timeout".to_owned() },
                    });
                }
            };
            self.heard = self.hints(catalog, events);
        }
        Ok(())
    }

    /// Returns what the events mean that were not seen before.
    fn hints(&mut self, catalog: &Catalog, events: Vec<Event>) -> Vec<Hint> {
        // What a Gibbon node says in Kong's words it also says in its own, and those say more.
        let said: HashSet<(Uuid, i64)> =
            events.iter().filter(|event| event.channel == OWN).map(|event| (event.node, event.at)).collect();
        let mut hints = Vec::new();
        for event in &events {
            if self.seen.contains(&event.id) || (event.channel != OWN && said.contains(&(event.node, event.at))) {
                continue;
            }
            let meant =
                if event.channel == OWN { own(&event.data) } else { Vec::from_iter(meaning(catalog, &event.data)) };
            for hint in meant {
                if !hints.contains(&hint) {
                    hints.push(hint);
                }
            }
        }
        self.seen = events.into_iter().map(|event| event.id).collect();
        hints
    }
}

/// Reads the events of other nodes since `from`, and the database's time.
async fn look(client: &Client, node: Uuid, from: f64) -> Result<(Vec<Event>, f64), tokio_postgres::Error> {
    // The clock first: what is written while this is read is read again.
    const NOW: &str = "SELECT extract(epoch FROM clock_timestamp())::float8";
    const SELECT: &str = "SELECT id, node_id, (extract(epoch FROM at) * 1000)::bigint, channel, coalesce(data, '') \
         FROM cluster_events WHERE channel = ANY($1) AND node_id <> $2 AND greatest(at, nbf) > to_timestamp($3) \
         AND (channel = $4 OR coalesce(nbf, at) <= clock_timestamp()) ORDER BY at";
    let channels = [CORE, CACHE, OWN].as_slice();
    let now = client.query_one(NOW, &[]).await?.try_get(0)?;
    let mut events = Vec::new();
    for row in client.query(SELECT, &[&channels, &node, &from, &OWN]).await? {
        let (id, node, at) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        events.push(Event { id, node, at, channel: row.try_get(3)?, data: row.try_get(4)? });
    }
    Ok((events, now))
}

/// Returns what a Gibbon node says: `[[entity, id], …]`, or anything else for everything.
fn own(data: &str) -> Vec<Hint> {
    match serde_json::from_str::<Vec<(String, String)>>(data) {
        Ok(keys) => keys.into_iter().map(|(entity, id)| Hint::Key(entity, id)).collect(),
        Err(_) => vec![Hint::Everything],
    }
}

/// Returns what the key of one of Kong's caches stands for; none if another key says it.
fn meaning(catalog: &Catalog, data: &str) -> Option<Hint> {
    let (name, rest) = data.split_once(':')?;
    let entity = catalog.entity(name)?;
    if entity.cache_key.len() > 1 {
        // `acls:CONSUMER:::::WORKSPACE` comes with the key of the row.
        let whole = rest.split(':').take(2).all(|part| !part.is_empty()) || entity.name == "plugins";
        return whole.then(|| Hint::CacheKey(entity.name.to_owned(), data.to_owned()));
    }
    // Five parts and the workspace; the first may hold colons itself.
    let value = rest.rsplitn(6, ':').last().unwrap_or_default().to_owned();
    match entity.cache_key {
        [field] if *field != entity.primary_key => Some(Hint::CacheKey(entity.name.to_owned(), value)),
        // Consumers and names of certificates are also cached under their names.
        _ => Uuid::try_parse(&value).is_ok().then(|| Hint::Key(entity.name.to_owned(), value)),
    }
}

/// Opens a connection that listens. Notifications carry the node that sent them.
async fn listen(server: &Server, node: Uuid) -> Result<Listening, StoreError> {
    let connect = server.config().connect(server.connector()).await;
    let (client, mut connection) = connect.map_err(|error| unreachable(&error))?;
    let (waker, wake) = watch::channel(());
    let own = node.to_string();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message
                && notification.payload() != own
            {
                waker.send_replace(());
            }
        }
    });
    let begin = format!("{}; LISTEN {NOTICES}", server.greeting());
    match tokio::time::timeout(server.timeout, client.batch_execute(&begin)).await {
        Ok(result) => result?,
        Err(_) => return Err(StoreError::Unreachable { reason: "timeout".to_owned() }),
    }
    Ok(Listening { client, wake })
}
