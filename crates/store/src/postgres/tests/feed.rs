//! Hearing from other nodes when notifications do not arrive, or the connection they come on is dead.

use std::time::Duration;

use gibbon_schema::Database;
use gibbon_testkit::Postgres;
use tokio::time::Instant;

use super::super::PostgresStore;
use super::super::testing::migrated;
use super::super::testing::settings;
use super::LIMIT;
use super::SERVICE;
use super::heard;
use super::node;
use super::service;
use super::wire::Wire;
use crate::Clock;
use crate::Store as _;
use crate::contract::catalog;
use crate::store::Changes;

fn name(changes: &Changes) -> Option<&str> {
    let Changes::Some(changes) = changes else { panic!("one service has changed") };
    changes[0].after.as_ref()?["name"].as_str()
}

#[tokio::test]
async fn a_dead_connection_loses_no_change() {
    let database = migrated().await;
    let writing = node(&database).await;
    let wire = Wire::to(Postgres::shared().port()).await;
    let mut settings = settings(&database);
    settings.server.port = wire.port;
    settings.server.timeout = Duration::from_secs(2);
    settings.update_frequency = Duration::from_millis(200);
    let listening = PostgresStore::open(settings, catalog(Database::On), Clock::system()).await.unwrap();
    writing.write(vec![service("one")]).await.unwrap();
    assert_eq!(name(&heard(&listening).await), Some("one"));
    for wanted in ["two", "three"] {
        // Connections that listen, and those that wait in the pool.
        wire.cut();
        writing.write(vec![service(wanted)]).await.unwrap();
        let end = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < end, "{wanted} was not heard");
            match tokio::time::timeout(LIMIT, listening.foreign_changes()).await.expect("nothing was heard") {
                Ok(changes) => {
                    assert_eq!(name(&changes), Some(wanted));
                    break;
                }
                // It says that it does not know; it does not go on as if it knew.
                Err(error) => assert!(error.to_string().contains("timeout"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_lost_notification_delays_only() {
    let database = migrated().await;
    let (writing, listening) = (node(&database).await, node(&database).await);
    writing.write(vec![service("one")]).await.unwrap();
    assert_eq!(name(&heard(&listening).await), Some("one"));
    let sql = |sql: String| Postgres::shared().sql(&database, &sql).unwrap();
    // As a node writes behind a pooler that passes no notifications on.
    sql(format!(
        "UPDATE services SET name = 'two' WHERE id = '{SERVICE}'; \
         INSERT INTO cluster_events (id, node_id, at, expire_at, channel, data) SELECT gen_random_uuid(), node_id, \
         CURRENT_TIMESTAMP, CURRENT_TIMESTAMP + interval '1 hour', channel, data FROM cluster_events WHERE channel = 'gibbon:changes'"
    ));
    assert_eq!(name(&heard(&listening).await), Some("two"));
    // Once is enough: rows in Kong's words say nothing new.
    let again = tokio::time::timeout(Duration::from_millis(300), listening.foreign_changes()).await;
    assert!(again.is_err(), "{again:?}");
}
