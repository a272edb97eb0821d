//! What every store must do, as one suite of tests run for each backend. It knows no backend.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::EntityDef;
use gibbon_model::OnDelete;
use gibbon_model::entities;
use gibbon_schema::Database;
use gibbon_schema::Foreign;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::typedefs;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use crate::Clock;
use crate::EmbeddedStore;
use crate::MemoryStore;
use crate::Store;
use crate::StoreError;
use crate::Write;

mod agreement;
mod suite;

#[derive(Record)]
#[allow(dead_code)]
struct Key {
    #[field(base = typedefs::uuid, nullable)]
    id: Uuid,
    #[field(base = typedefs::auto_timestamp_s)]
    created_at: Option<i64>,
    #[field(reference = "consumers", on_delete = OnDelete::Cascade)]
    consumer: Foreign,
    #[field(required = false, unique, auto)]
    key: String,
    #[field(base = typedefs::tags)]
    tags: Option<gibbon_schema::Set<String>>,
}

#[derive(Record)]
#[allow(dead_code)]
struct Acl {
    #[field(base = typedefs::uuid, nullable)]
    id: Uuid,
    #[field(reference = "consumers", on_delete = OnDelete::Cascade)]
    consumer: Foreign,
    group: String,
}

const KEYS: EntityDef = EntityDef {
    cache_key: &["key"],
    endpoint_key: Some("key"),
    ttl: true,
    ..EntityDef::of::<Key>("keyauth_credentials")
};

const ACLS: EntityDef = EntityDef { cache_key: &["consumer", "group"], ..EntityDef::of::<Acl>("acls") };

/// Returns the core entities, credentials that expire, and groups with a composite key.
pub(crate) fn catalog(database: Database) -> Arc<Catalog> {
    let options = Options { database, ..Options::default() };
    let kinds = [gibbon_model::PluginKind::new(
        "key-auth",
        1250,
        gibbon_model::plugin::Scopes::NO_CONSUMER,
        gibbon_model::plugin::HTTP,
        Record::default(),
    )];
    Arc::new(Catalog::new(entities::core().chain([KEYS, ACLS]), kinds, options))
}

/// A clock that stands until it is moved.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::new(move || hands.now())
    }

    fn now(&self) -> f64 {
        // Later than any machine's clock: a database takes out by itself what it thinks has expired.
        4_000_000_000.0 + f64::from(u32::try_from(self.0.load(Ordering::Relaxed)).unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// A store under test, with its clock and whatever must live as long.
struct Bench {
    store: Arc<dyn Store>,
    hands: Hands,
    _folder: Option<tempfile::TempDir>,
}

/// Returns a store in an empty database of its own, on a real server.
async fn postgres() -> Bench {
    let hands = Hands::default();
    let store = crate::postgres::testing::open(catalog(Database::On), hands.clock()).await;
    Bench { store: Arc::new(store), hands, _folder: None }
}

fn memory() -> Bench {
    let hands = Hands::default();
    let store = MemoryStore::new(catalog(Database::On), hands.clock());
    Bench { store: Arc::new(store), hands, _folder: None }
}

fn embedded() -> Bench {
    let hands = Hands::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gibbon.db");
    let store = EmbeddedStore::open(&path, catalog(Database::On), hands.clock()).unwrap();
    Bench { store: Arc::new(store), hands, _folder: Some(folder) }
}

/// Returns an id that is told by a number.
fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn document(fields: Value) -> Document {
    match fields {
        Value::Object(fields) => fields,
        other => panic!("{other} is no document"),
    }
}

fn insert(entity: &'static str, number: u32, fields: Value) -> Write {
    let mut document = document(fields);
    document.insert("id".to_owned(), id(number).into());
    Write::Insert { entity, document }
}

/// Returns an upstream with what its table must have.
fn upstream(number: u32, name: &str) -> Document {
    document(json!({"id": id(number), "name": name, "slots": 10}))
}

/// Returns a plugin with what its table must have.
fn plugin(name: &str, more: Value) -> Value {
    let mut fields = document(json!({"name": name, "enabled": true, "config": {}, "protocols": ["http"]}));
    fields.extend(document(more));
    fields.into()
}

/// Checks that a document has these fields; a store with columns also has the others, without a value.
#[track_caller]
fn assert_holds(kept: &Document, want: &Document) {
    for (field, value) in want {
        assert_eq!(kept.get(field).unwrap_or(&Value::Null), value, "{field}");
    }
}

fn key(number: u32) -> Value {
    json!({ "id": id(number) })
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document["id"].as_str().unwrap()).collect()
}

async fn fails(bench: &Bench, write: Write) -> StoreError {
    let before = bench.store.revision().await.unwrap();
    let error = bench.store.write(vec![write]).await.unwrap_err();
    assert_eq!(bench.store.revision().await.unwrap(), before, "a refused write leaves no trace");
    error
}

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name(super::memory()).await;
            })+
        }
        mod on_embedded {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name(super::embedded()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name(super::postgres().await).await;
            })+
        }
    };
}

contract!(
    keeps_documents,
    finds_by_unique_values,
    refuses_what_is_taken,
    refuses_dangling_references,
    restricts_and_cascades,
    applies_all_or_nothing,
    pages_in_order_of_ids,
    filters_by_parent_and_tags,
    lists_tags,
    forgets_what_expired,
    replaces_everything,
    takes_and_gives_packed_documents,
    refuses_foreign_offsets,
);
