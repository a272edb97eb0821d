//! What other nodes are told of a write: rows in `cluster_events` that Kong nodes understand, one more for Gibbon
//! nodes, and a notification that wakes these. All are part of the write's transaction.
//!
//! Kong nodes are told the keys under which they cache documents, and that the router or the list of
//! plugins is old. Source: Kong 3.10, recorded.

use deadpool_postgres::Transaction;
use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use super::layout::Layout;
use crate::error::StoreError;
use crate::rows::index_value;
use crate::store::Change;
use crate::store::Operation;

/// Kong's cache of its own entities.
pub(super) const CORE: &str = "invalidations_kong_core_db_cache";
/// Kong's cache of consumers and of plugins' entities.
pub(super) const CACHE: &str = "invalidations";
/// What Gibbon nodes say to each other: `[[entity, id], …]`, or that anything may have changed.
pub(super) const OWN: &str = "gibbon:changes";
/// What is said there if anything may have changed.
const EVERYTHING: &str = "*";
/// Wakes Gibbon nodes.
pub(super) const NOTICES: &str = "gibbon_changes";

/// Entities that Kong keeps in [`CORE`].
const CORE_ENTITIES: [&str; 11] = [
    "certificates",
    "services",
    "routes",
    "snis",
    "upstreams",
    "targets",
    "plugins",
    "ca_certificates",
    "vaults",
    "key_sets",
    "keys",
];
/// Changes of one write that are told one by one.
const DETAILED: usize = 1000;
/// Seconds after which nobody needs an event any more, as in Kong.
const LIFETIME: f64 = 3600.0;

/// Who tells, and when others shall act on it.
#[derive(Clone, Copy)]
pub(super) struct Teller {
    pub(super) node: Uuid,
    /// Seconds until replicas have the write (`db_update_propagation`).
    pub(super) propagation: f64,
}

/// What is told.
pub(super) enum News<'a> {
    Changes(&'a [Change]),
    Everything,
}

impl Teller {
    /// Writes down what changed, and returns the time of the event in milliseconds, which is the revision.
    pub(super) async fn tell(
        self,
        transaction: &Transaction<'_>,
        layout: &Layout,
        catalog: &Catalog,
        news: News<'_>,
    ) -> Result<u64, StoreError> {
        let events = match news {
            News::Changes(changes) if changes.len() <= DETAILED => {
                let keys: Vec<_> = changes.iter().map(|change| (change.entity, &change.id)).collect();
                let mut events = vec![(OWN, json!(keys).to_string())];
                for change in changes {
                    if let Some(entity) = catalog.entity(change.entity) {
                        of_change(layout, entity, change, &mut events);
                    }
                }
                events
            }
            _ => {
                let all = [(OWN, EVERYTHING), (CORE, "router:version"), (CORE, "plugins_iterator:version")];
                all.map(|(channel, data)| (channel, data.to_owned())).to_vec()
            }
        };
        let ids: Vec<Uuid> = events.iter().map(|_| Uuid::new_v4()).collect();
        let channels: Vec<&str> = events.iter().map(|(channel, _)| *channel).collect();
        let texts: Vec<&str> = events.iter().map(|(_, data)| data.as_str()).collect();
        let later = (self.propagation > 0.0).then_some(self.propagation);
        // Kong nodes read what is not newer than their clock in milliseconds says.
        let insert = "WITH told AS (INSERT INTO cluster_events (id, node_id, at, nbf, expire_at, channel, data) \
             SELECT id, $2, moment, moment + $5 * interval '1 second', moment + $6 * interval '1 second', channel, data \
             FROM unnest($1::uuid[], $3::text[], $4::text[]) AS event (id, channel, data), \
             date_trunc('milliseconds', clock_timestamp()) AS moment RETURNING at) \
             SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM told";
        let insert = transaction.prepare_cached(insert).await?;
        let row = transaction.query_one(&insert, &[&ids, &self.node, &channels, &texts, &later, &LIFETIME]).await?;
        let notify = transaction.prepare_cached("SELECT pg_notify($1, $2)").await?;
        transaction.execute(&notify, &[&NOTICES, &self.node.to_string()]).await?;
        Ok(row.try_get::<_, Option<i64>>(0)?.unwrap_or_default().unsigned_abs())
    }
}

/// Returns the revision: the time of the last event in milliseconds.
pub(super) const REVISION: &str = "SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM cluster_events";

fn of_change(layout: &Layout, entity: &Entity, change: &Change, events: &mut Vec<(&'static str, String)>) {
    let mut push = |channel: &'static str, data: String| {
        let event = (channel, data);
        if !events.contains(&event) {
            events.push(event);
        }
    };
    let channel = if CORE_ENTITIES.contains(&entity.name) { CORE } else { CACHE };
    let documents = || change.after.iter().chain(&change.before).map(|document| &**document);
    if entity.name == "acls" {
        // The groups of a consumer are cached together.
        for document in documents() {
            push(CACHE, layout.named(entity, index_value(document.get("consumer"))));
        }
    }
    for document in documents() {
        push(channel, layout.cache_key(entity, document));
    }
    let Some(document) = documents().next() else { return };
    let operation = match change.operation() {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    };
    match entity.name {
        "routes" => push(CORE, "router:version".to_owned()),
        // No route leads to a service that has just come, or that goes.
        "services" if change.operation() == Operation::Update => push(CORE, "router:version".to_owned()),
        "plugins" => push(CORE, "plugins_iterator:version".to_owned()),
        "filter_chains" => push(CORE, "filter_chains:version".to_owned()),
        "consumers" => {
            for name in documents().filter_map(|document| text(document, "username")) {
                push(CACHE, layout.named(entity, [name]));
            }
        }
        "snis" => {
            for name in documents().filter_map(|document| text(document, "name")) {
                for name in wild_names(&name) {
                    push(CORE, format!("snis:{name}"));
                }
            }
        }
        "upstreams" => {
            let name = text(document, "name").unwrap_or_default();
            push("balancer:upstreams", format!("{operation}:{}:{}:{name}", layout.workspace, change.id));
        }
        "targets" => {
            let upstream = index_value(document.get("upstream")).unwrap_or_default();
            push("balancer:targets", format!("{operation}:{upstream}"));
        }
        _ => {}
    }
}

fn text(document: &Document, field: &str) -> Option<String> {
    document.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns a server name and the names with `*` under which Kong looks for it: `a.b.test`, `*.b.test`, `a.b.*`.
fn wild_names(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    if !name.contains('*') {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        if !first.is_empty() && rest.contains('.') {
            names.push(format!("*.{rest}"));
        }
        if let Some((start, _)) = name.rsplit_once('.') {
            names.push(format!("{start}.*"));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::wild_names;

    #[test]
    fn finds_names_with_stars() {
        for (name, want) in [
            ("a.test", vec!["a.test", "a.*"]),
            ("*.b.test", vec!["*.b.test"]),
            ("a.b.test", vec!["a.b.test", "*.b.test", "a.b.*"]),
            ("localhost", vec!["localhost"]),
        ] {
            assert_eq!(wild_names(name), want);
        }
    }
}
