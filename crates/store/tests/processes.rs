//! Two handles on one database file, as a node and a command beside it have them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::entities;
use gibbon_schema::Options;
use gibbon_store::Changes;
use gibbon_store::Clock;
use gibbon_store::EmbeddedStore;
use gibbon_store::Store;
use gibbon_store::Write;
use serde_json::json;

fn open(path: &Path) -> EmbeddedStore {
    let catalog = Catalog::new(entities::core(), [], Options::default());
    EmbeddedStore::open(path, Arc::new(catalog), Clock::system()).unwrap()
}

fn service(number: u32) -> Document {
    let fields = json!({"id": format!("00000000-0000-4000-8000-{number:012}"), "name": number.to_string()});
    fields.as_object().unwrap().clone()
}

fn insert(number: u32) -> Write {
    Write::Insert { entity: "services", document: service(number) }
}

#[tokio::test]
async fn a_write_of_another_process_is_seen_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gibbon.db");
    let (node, command) = (open(&path), open(&path));
    node.write(vec![insert(1)]).await.unwrap();
    command.write(vec![insert(2)]).await.unwrap();
    node.write(vec![insert(3)]).await.unwrap();
    let start = Instant::now();
    let changes = node.foreign_changes().await.unwrap();
    // 100 ms are promised; a busy machine gets some more before this is a failure.
    assert!(start.elapsed() < Duration::from_secs(2));
    let Changes::Some(changes) = changes else { panic!("{changes:?}") };
    assert_eq!(changes.len(), 1, "own writes are not told: {changes:?}");
    assert_eq!(changes[0].after.as_deref(), Some(&service(2)));

    let delete = Write::Delete { entity: "services", id: changes[0].id.clone() };
    command.write(vec![delete]).await.unwrap();
    let Changes::Some(changes) = node.foreign_changes().await.unwrap() else { panic!() };
    assert_eq!((changes.len(), changes[0].after.as_deref()), (1, None));

    command.replace(vec![("services", vec![service(9)])]).await.unwrap();
    assert_eq!(node.foreign_changes().await.unwrap(), Changes::All);
}

#[tokio::test]
async fn an_import_is_one_transaction_and_quick() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gibbon.db"));
    let start = Instant::now();
    store.write((0..20_000).map(insert).collect()).await.unwrap();
    println!("20,000 services in {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(store.list("services").await.unwrap().len(), 20_000);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_ours_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gibbon.db");
    open(&path).write(vec![insert(1)]).await.unwrap();
    assert_eq!(open(&path).list("services").await.unwrap(), [service(1)]);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let catalog = Arc::new(Catalog::new(entities::core(), [], Options::default()));
    assert!(EmbeddedStore::open(&path, catalog, Clock::system()).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gibbon.db");
    open(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}
