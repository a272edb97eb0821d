//! What other nodes wrote: Gibbon nodes tell at once by a notification, Kong nodes by rows in
//! `cluster_events`, which are looked for every `db_update_frequency`.
//!
//! ```text
//! cut off ──connect, LISTEN, look──► listening ──notification, or time to look──► Changes
//!    ▲                                   │
//!    └────────── connection lost ────────┘   what was missed meanwhile stands in cluster_events
//! ```

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::poll_fn;
use gibbon_model::Catalog;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::AsyncMessage;
use tokio_postgres::Client;
use tracing::warn;
use uuid::Uuid;

use super::connect::Connections;
use super::connect::Server;
use super::connect::unreachable;
use super::events::CACHE;
use super::events::CORE;
use super::events::EVERYTHING;
use super::events::NOTICES;
use crate::error::StoreError;

/// How far back events are looked for again: who began first may commit last.
const OVERLAP_SECONDS: f64 = 5.0;
/// Notifications that wait to be read; more wait on the server.
const WAITING: usize = 1024;

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
    /// Nodes that notify; their events say nothing new.
    notifying: HashSet<Uuid>,
    /// Time of the database, in seconds since 1970, up to which events were read.
    read_to: f64,
    seen: HashSet<Uuid>,
    next_look: Instant,
}

/// A connection that waits for notifications; the task that drives it ends with it.
struct Listening {
    _client: Client,
    notices: mpsc::Receiver<String>,
}

impl Feed {
    /// Begins with what is written after `from`, in the database's time.
    pub(super) fn new(server: Server, node: Uuid, frequency: Duration, from: f64) -> Self {
        Self {
            server,
            node,
            frequency: frequency.max(Duration::from_millis(10)),
            listening: None,
            notifying: HashSet::new(),
            read_to: from,
            seen: HashSet::new(),
            next_look: Instant::now(),
        }
    }

    /// Waits until another node has written something, and says what.
    ///
    /// # Errors
    /// When the database does not answer; the next call tries again.
    pub(super) async fn next(&mut self, connections: &Connections, catalog: &Catalog) -> Result<Vec<Hint>, StoreError> {
        loop {
            let Some(listening) = &mut self.listening else {
                self.listening = Some(listen(&self.server).await?);
                // What came before somebody listened.
                self.notifying.clear();
                self.next_look = Instant::now();
                continue;
            };
            tokio::select! {
                notice = listening.notices.recv() => match notice {
                    Some(notice) => {
                        let hints = self.noticed(&notice);
                        if !hints.is_empty() {
                            return Ok(hints);
                        }
                    }
                    None => {
                        warn!("the connection on which other nodes notify was lost");
                        self.listening = None;
                    }
                },
                () = tokio::time::sleep_until(self.next_look) => {
                    self.next_look = Instant::now() + self.frequency;
                    let hints = self.look(connections, catalog).await?;
                    if !hints.is_empty() {
                        return Ok(hints);
                    }
                }
            }
        }
    }

    /// Reads a notification: `{"node": …, "changes": [[entity, id], …]}`.
    fn noticed(&mut self, notice: &str) -> Vec<Hint> {
        let notice: Value = serde_json::from_str(notice).unwrap_or_default();
        let node = notice["node"].as_str().and_then(|id| Uuid::try_parse(id).ok());
        if node == Some(self.node) {
            return Vec::new();
        }
        self.notifying.extend(node);
        match serde_json::from_value::<Vec<(String, String)>>(notice["changes"].clone()) {
            Ok(keys) if !keys.is_empty() => keys.into_iter().map(|(entity, id)| Hint::Key(entity, id)).collect(),
            _ => vec![Hint::Everything],
        }
    }

    /// Reads the events since the last look.
    async fn look(&mut self, connections: &Connections, catalog: &Catalog) -> Result<Vec<Hint>, StoreError> {
        const SELECT: &str = "SELECT id, node_id, channel, data, extract(epoch FROM clock_timestamp())::float8 \
             FROM cluster_events WHERE channel = ANY($1) AND node_id <> $2 \
             AND greatest(at, nbf) > to_timestamp($3) AND coalesce(nbf, at) <= clock_timestamp() ORDER BY at";
        let client = connections.take().await?;
        let statement = connections.within(client.prepare_cached(SELECT)).await?;
        let channels = [CORE, CACHE, EVERYTHING].as_slice();
        let from = self.read_to - OVERLAP_SECONDS;
        let rows = connections.within(client.query(&statement, &[&channels, &self.node, &from])).await?;
        let mut seen = HashSet::new();
        let mut hints = Vec::new();
        for row in rows {
            let (id, node): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            self.read_to = row.try_get(4)?;
            seen.insert(id);
            if self.seen.contains(&id) || self.notifying.contains(&node) {
                continue;
            }
            let (channel, data): (&str, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
            let hint =
                if channel == EVERYTHING { Some(Hint::Everything) } else { meaning(catalog, data.unwrap_or("")) };
            hints.extend(hint.filter(|hint| !hints.contains(hint)));
        }
        self.seen = seen;
        Ok(hints)
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

/// Opens a connection that listens.
async fn listen(server: &Server) -> Result<Listening, StoreError> {
    let connect = server.config().connect(server.connector()).await;
    let (client, mut connection) = connect.map_err(|error| unreachable(&error))?;
    let (send, notices) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message
                && send.send(notification.payload().to_owned()).await.is_err()
            {
                return;
            }
        }
    });
    let listen = format!("LISTEN {NOTICES}");
    match tokio::time::timeout(server.timeout, client.batch_execute(&listen)).await {
        Ok(result) => result?,
        Err(_) => return Err(StoreError::Unreachable { reason: "timeout".to_owned() }),
    }
    Ok(Listening { _client: client, notices })
}
