//! What the contract of stores does not say: rows and events that Kong nodes write and read, nodes
//! that hear from each other, a server that goes away and comes back.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use gibbon_schema::Database;
use gibbon_testkit::Postgres;
use serde_json::Value;
use serde_json::json;

use super::Done;
use super::Migrations;
use super::PostgresStore;
use super::testing::migrated;
use super::testing::server;
use super::testing::settings;
use crate::Clock;
use crate::Store as _;
use crate::StoreError;
use crate::Write;
use crate::contract::catalog;
use crate::store::Changes;

mod feed;
mod wire;

const LIMIT: Duration = Duration::from_secs(30);
const SERVICE: &str = "4fab22c8-f93d-4063-94df-a5dc647a7477";
const ROUTE: &str = "0d3b3516-b608-4b95-8f06-56ea195c50c8";
const KONG_NODE: &str = "22e50038-64b8-47cf-8d68-51cae7c1f90d";

async fn node(database: &str) -> PostgresStore {
    PostgresStore::open(settings(database), catalog(Database::On), Clock::system()).await.unwrap()
}

fn service(name: &str) -> Write {
    let document = json!({"id": SERVICE, "name": name, "host": "h", "protocol": "http", "port": 80});
    Write::Upsert { entity: "services", document: document.as_object().cloned().unwrap() }
}

async fn heard(node: &PostgresStore) -> Changes {
    tokio::time::timeout(LIMIT, node.foreign_changes()).await.expect("nothing was heard").unwrap()
}

#[tokio::test]
async fn nodes_hear_from_each_other_at_once() {
    let database = migrated().await;
    let (here, there) = (node(&database).await, Arc::new(node(&database).await));
    let listener = Arc::clone(&there);
    let first = tokio::spawn(async move { heard(&listener).await });
    here.write(vec![service("one")]).await.unwrap();
    let Changes::Some(changes) = first.await.unwrap() else { panic!("one service has changed") };
    assert_eq!((changes[0].entity, changes[0].id.as_str()), ("services", SERVICE));
    // Now it listens: what is written is heard before anybody looks for events.
    here.write(vec![service("two")]).await.unwrap();
    let written = Instant::now();
    loop {
        // The first may be told twice, as an event and as a notification.
        let Changes::Some(changes) = heard(&there).await else { panic!("one service has changed") };
        if changes[0].after.as_ref().unwrap()["name"] == "two" {
            break;
        }
    }
    println!("heard {:?} after it was written", written.elapsed());
    // Nobody is told what he wrote himself.
    let own = tokio::time::timeout(Duration::from_millis(300), here.foreign_changes()).await;
    assert!(own.is_err(), "{own:?}");
}

#[tokio::test]
async fn events_of_kong_nodes_are_heard() {
    let database = migrated().await;
    let node = node(&database).await;
    node.write(vec![service("s")]).await.unwrap();
    let workspace = Postgres::shared().sql(&database, "SELECT id FROM workspaces").unwrap();
    for (data, want) in [
        (format!("services:{SERVICE}:::::{workspace}"), Some(SERVICE)),
        (format!("plugins:key-auth:{ROUTE}::::{workspace}"), None),
    ] {
        let event = format!(
            "INSERT INTO cluster_events VALUES (gen_random_uuid(), '{KONG_NODE}', CURRENT_TIMESTAMP(3), NULL, \
             CURRENT_TIMESTAMP + interval '1 hour', 'invalidations_kong_core_db_cache', '{data}')"
        );
        Postgres::shared().sql(&database, &event).unwrap();
        match (heard(&node).await, want) {
            (Changes::Some(changes), Some(id)) => assert_eq!(changes[0].id, id),
            // The plugin is not there any more, and the event does not say which it was.
            (Changes::All, None) => {}
            (other, want) => panic!("{data}: {other:?} instead of {want:?}"),
        }
    }
}

#[tokio::test]
async fn kong_nodes_are_told_in_their_words() {
    let database = migrated().await;
    let node = node(&database).await;
    let insert = |entity, document: Value| Write::Insert { entity, document: document.as_object().cloned().unwrap() };
    let key = |id: &str| json!({ "id": id });
    let [consumer, plugin, acl, credential, upstream, target] =
        [1, 2, 3, 4, 5, 6].map(|n| format!("00000000-0000-4000-8000-00000000000{n}"));
    let all = vec![
        service("s"),
        insert("routes", json!({"id": ROUTE, "service": key(SERVICE)})),
        insert("consumers", json!({"id": consumer, "username": "ann"})),
        insert(
            "plugins",
            json!({"id": plugin, "name": "key-auth", "route": key(ROUTE), "enabled": true, "config": {}}),
        ),
        insert("acls", json!({"id": acl, "consumer": key(&consumer), "group": "g1"})),
        insert("keyauth_credentials", json!({"id": credential, "consumer": key(&consumer), "key": "s3cret"})),
        insert("upstreams", json!({"id": upstream, "name": "up", "slots": 10})),
        insert("targets", json!({"id": target, "upstream": key(&upstream), "target": "a:80", "weight": 1})),
    ];
    node.write(all).await.unwrap();
    let select = "SELECT replace(channel || ' ' || data, (SELECT id::text FROM workspaces), 'WS') FROM cluster_events";
    let told = Postgres::shared().sql(&database, select).unwrap();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    told.retain(|event| !event.starts_with("gibbon:changes"));
    let mut want = vec![
        format!("invalidations_kong_core_db_cache services:{SERVICE}:::::WS"),
        format!("invalidations_kong_core_db_cache routes:{ROUTE}:::::WS"),
        "invalidations_kong_core_db_cache router:version".to_owned(),
        format!("invalidations consumers:{consumer}:::::WS"),
        "invalidations consumers:ann:::::WS".to_owned(),
        format!("invalidations_kong_core_db_cache plugins:key-auth:{ROUTE}::::WS"),
        "invalidations_kong_core_db_cache plugins_iterator:version".to_owned(),
        format!("invalidations acls:{consumer}:::::WS"),
        format!("invalidations acls:{consumer}:g1::::WS"),
        "invalidations keyauth_credentials:s3cret:::::WS".to_owned(),
        format!("invalidations_kong_core_db_cache upstreams:{upstream}:::::WS"),
        format!("balancer:upstreams create:WS:{upstream}:up"),
        format!("invalidations_kong_core_db_cache targets:{upstream}:a:80::::WS"),
        format!("balancer:targets create:{upstream}"),
    ];
    want.sort_unstable();
    assert_eq!(told, want);
}

#[tokio::test]
async fn rows_of_kong_change_by_the_edit_only() {
    let database = migrated().await;
    // As Kong 3.10 writes them; `expression` and `cert_alt` are not Gibbon's here, or hold what only Kong knows.
    let rows = format!(
        "INSERT INTO services (id, created_at, updated_at, name, retries, protocol, host, port, connect_timeout, \
           write_timeout, read_timeout, tags, ws_id, enabled) SELECT '{SERVICE}', to_timestamp(1795216007), \
           to_timestamp(1795216007), 'svc', 5, 'http', '127.0.0.1', 9090, 60000, 60000, 60000, '{{a,\"b c\"}}', id, true FROM workspaces; \
         INSERT INTO routes (id, created_at, updated_at, name, service_id, protocols, paths, sources, headers, regex_priority, \
           strip_path, preserve_host, https_redirect_status_code, path_handling, ws_id, request_buffering, \
           response_buffering, expression) SELECT '{ROUTE}', to_timestamp(1795216007), to_timestamp(1795216015), 'ra', \
           '{SERVICE}', '{{http,https}}', '{{/ra}}', ARRAY['{{\"ip\": \"10.0.0.0/8\", \"port\": null}}']::jsonb[], \
           '{{\"x-v\": [\"1\", \"2\"]}}', 0, true, false, 426, 'v0', id, true, true, 'only Kong''s' FROM workspaces;"
    );
    let row = |table: &str| {
        let text = Postgres::shared().sql(&database, &format!("SELECT row_to_json(t) FROM {table} t")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    Postgres::shared().sql(&database, &rows).unwrap();
    let node = node(&database).await;
    for (entity, id) in [("services", SERVICE), ("routes", ROUTE)] {
        let before = row(entity);
        let mut document = node.get(entity, id).await.unwrap().unwrap();
        assert_eq!(document["created_at"], 1_795_216_007);
        node.write(vec![Write::Update { entity, document: document.clone() }]).await.unwrap();
        assert_eq!(row(entity), before, "nothing was edited");
        document.insert("name".to_owned(), "new".into());
        node.write(vec![Write::Update { entity, document: document.clone() }]).await.unwrap();
        let mut want = before;
        want["name"] = "new".into();
        assert_eq!(row(entity), want);
        assert_eq!(node.get(entity, id).await.unwrap().unwrap(), document);
    }
}

#[tokio::test]
async fn tables_are_made_once_and_go_at_once() {
    let database = Postgres::shared().database(None).unwrap();
    let server = server(&database);
    let early = PostgresStore::open(settings(&database), catalog(Database::On), Clock::system()).await;
    assert!(matches!(early, Err(StoreError::NeedsBootstrap)));
    let migrations = Migrations::connect(&server, LIMIT).await.unwrap();
    assert!(migrations.state().await.unwrap().needs_bootstrap);
    assert_eq!(migrations.reset().await.unwrap(), Done::Before);
    for want in [Done::Now, Done::Before] {
        assert_eq!(migrations.bootstrap().await.unwrap(), want);
    }
    let state = migrations.state().await.unwrap();
    assert!(state.pending.is_empty() && state.new.is_empty() && !state.needs_bootstrap);
    assert_eq!(state.executed.len(), 18);
    Postgres::shared()
        .sql(&database, "UPDATE schema_meta SET executed = '{000_base_acl}' WHERE subsystem = 'acl'")
        .unwrap();
    assert_eq!(migrations.state().await.unwrap().new[0].migrations.len(), 3);
    assert_eq!(migrations.reset().await.unwrap(), Done::Now);
    let left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(Postgres::shared().sql(&database, left).unwrap(), "0");
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Postgres::start().unwrap();
    let database = server.database(None).unwrap();
    let mut settings = settings(&database);
    settings.server.port = server.port();
    settings.server.timeout = Duration::from_secs(5);
    let migrations = Migrations::connect(&settings.server, LIMIT).await.unwrap();
    migrations.bootstrap().await.unwrap();
    let node = PostgresStore::open(settings, catalog(Database::On), Clock::system()).await.unwrap();
    node.write(vec![service("s")]).await.unwrap();
    server.kill().unwrap();
    for _ in 0..2 {
        let error = node.get("services", SERVICE).await.unwrap_err();
        assert!(error.to_string().contains("PostgreSQL"), "{error}");
        node.write(vec![service("t")]).await.unwrap_err();
    }
    server.restart().unwrap();
    assert_eq!(node.get("services", SERVICE).await.unwrap().unwrap()["name"], "s");
    node.write(vec![service("u")]).await.unwrap();
}

/// Facts about a database that Kong made; elsewhere there is nothing to compare with.
#[tokio::test]
async fn tables_are_as_kong_makes_them() {
    let Some(facts) = gibbon_schema::testing::fact("postgres.json") else { return };
    let database = migrated().await;
    let rows = |sql: String| {
        let sql = format!("SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t");
        let text = Postgres::shared().sql(&database, &sql).unwrap();
        let mut rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        rows.sort_by_key(Value::to_string);
        rows
    };
    let table = |name: &str, part: &str| match part {
        "columns" => rows(format!(
            "SELECT column_name, data_type, udt_name, is_nullable, column_default FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = '{name}'"
        )),
        "constraints" => rows(format!(
            "SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint \
             WHERE conrelid = '{name}'::regclass"
        )),
        "indexes" => rows(format!(
            "SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public' AND tablename = '{name}'"
        )),
        _ => rows(format!(
            "SELECT trigger_name, event_manipulation AS ev, action_timing, action_statement \
             FROM information_schema.triggers WHERE event_object_table = '{name}'"
        )),
    };
    for (name, want) in facts["tables"].as_object().unwrap() {
        for part in ["columns", "constraints", "indexes", "triggers"] {
            let mut want = want[part].as_array().unwrap().clone();
            want.sort_by_key(Value::to_string);
            assert_eq!(table(name, part), want, "{part} of {name}");
        }
    }
    let meta = "SELECT key, subsystem, last_executed, executed FROM schema_meta ORDER BY subsystem";
    let meta = rows(meta.to_owned());
    for want in facts["schema_meta"].as_array().unwrap() {
        let same =
            |own: &&Value| ["subsystem", "last_executed", "executed"].iter().all(|name| own[*name] == want[*name]);
        assert!(meta.iter().any(|own| same(&own)), "{want}");
    }
}
