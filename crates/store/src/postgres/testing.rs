//! A real server for this crate's tests: every test has a database of its own.

use std::sync::Arc;
use std::time::Duration;

use gibbon_model::Catalog;
use gibbon_testkit::Postgres;
use gibbon_testkit::postgres::USER;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Migrations;
use super::PostgresStore;
use super::Server;
use super::Settings;
use crate::Clock;

/// Returns how to reach a database of the shared server.
pub(crate) fn server(database: &str) -> Server {
    Server {
        host: "127.0.0.1".to_owned(),
        port: Postgres::shared().port(),
        user: USER.to_owned(),
        password: None,
        database: database.to_owned(),
        schema: None,
        tls: None,
        timeout: Duration::from_secs(20),
        keepalive: None,
        pool_size: Some(4),
        waiting: Duration::from_secs(60),
    }
}

/// Makes a database with all tables, as a copy of one that is made once.
pub(crate) async fn migrated() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = Postgres::shared().database(None).unwrap();
            let server = server(&name);
            Migrations::connect(&server, server.timeout).await.unwrap().bootstrap().await.unwrap();
            let leave = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            Postgres::shared().sql("postgres", &leave).unwrap();
            name
        })
        .await;
    Postgres::shared().database(Some(template)).unwrap()
}

/// Returns how a node uses a database; events of others are looked for quickly.
pub(crate) fn settings(database: &str) -> Settings {
    Settings {
        server: server(database),
        replica: None,
        node: Uuid::new_v4(),
        update_frequency: Duration::from_millis(50),
        propagation: Duration::ZERO,
    }
}

/// Opens a store in a new database.
pub(crate) async fn open(catalog: Arc<Catalog>, clock: Clock) -> PostgresStore {
    PostgresStore::open(settings(&migrated().await), catalog, clock).await.unwrap()
}
