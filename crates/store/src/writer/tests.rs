//! The writer over a memory store: what clients send, what they get, what they are told.

use std::sync::Arc;
use std::sync::Mutex;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::ready;
use gibbon_model::Document;
use gibbon_model::declarative::Format;
use gibbon_schema::Database;
use gibbon_schema::World as _;
use gibbon_schema::testing::TestWorld;
use serde_json::Value;
use serde_json::json;

use super::Key;
use super::WriteError;
use super::Writer;
use crate::Clock;
use crate::MemoryStore;
use crate::News;
use crate::PageQuery;
use crate::PublishError;
use crate::Publisher;
use crate::contract::catalog;

/// Remembers what was published.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Publisher for Heard {
    fn publish<'a>(&'a self, news: News<'a>) -> BoxFuture<'a, Result<(), PublishError>> {
        let mut heard = self.0.lock().unwrap();
        match news {
            News::All => heard.push("all".to_owned()),
            News::Changes(changes) => {
                heard.extend(changes.iter().map(|change| format!("{:?} {}", change.operation(), change.entity)));
            }
        }
        ready(Ok(())).boxed()
    }
}

fn writer(database: Database) -> (Writer, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let store = MemoryStore::new(catalog(database), Clock::new(|| TestWorld::default().now()));
    (Writer::new(Arc::new(store), Arc::new(TestWorld::default()), heard.clone()), heard)
}

fn document(fields: Value) -> Document {
    fields.as_object().unwrap().clone()
}

async fn create(writer: &Writer, entity: &str, fields: Value) -> Document {
    writer.create(entity, document(fields)).await.unwrap_or_else(|error| panic!("{entity}: {:?}", error.body()))
}

async fn refuse(writer: &Writer, entity: &str, fields: Value) -> Value {
    Value::Object(writer.create(entity, document(fields)).await.unwrap_err().body())
}

const SERVICE: &str = "00000051-0000-4000-8000-000000000051";

#[tokio::test]
async fn a_document_is_filled_stored_published_and_shown() {
    let (writer, heard) = writer(Database::On);
    let shown = create(&writer, "services", json!({"name": "s", "url": "http://h.test/x"})).await;
    assert_eq!((&shown["host"], &shown["path"], &shown["retries"]), (&json!("h.test"), &json!("/x"), &json!(5)));
    assert_eq!(shown["client_certificate"], Value::Null);
    assert_eq!(*heard.0.lock().unwrap(), ["Create services"]);
    let key = writer.key("services", "s").unwrap();
    assert_eq!(writer.get("services", key).await.unwrap(), Some(shown.clone()));
    let id = shown["id"].as_str().unwrap();
    assert_eq!(writer.get("services", writer.key("services", id).unwrap()).await.unwrap(), Some(shown.clone()));

    let patch = document(json!({"retries": 1, "path": null}));
    let patched = writer.update("services", key, patch).await.unwrap();
    assert_eq!((&patched["retries"], &patched["path"], &patched["host"]), (&json!(1), &Value::Null, &json!("h.test")));
    let put = writer.upsert("services", key, document(json!({"host": "z.test"}))).await.unwrap();
    assert_eq!((&put["id"], &put["name"], &put["retries"]), (&shown["id"], &json!("s"), &json!(5)));
    writer.delete("services", key).await.unwrap();
    writer.delete("services", key).await.unwrap();
    assert_eq!(writer.get("services", key).await.unwrap(), None);
    let error = writer.update("services", key, Document::new()).await.unwrap_err();
    assert_eq!(error.message.as_deref(), Some("could not find the entity with '{name=\"s\"}'"));
}

#[tokio::test]
async fn refusals_are_told_as_kong_tells_them() {
    let (writer, _) = writer(Database::On);
    create(&writer, "services", json!({"id": SERVICE, "name": "s", "host": "h.test"})).await;
    for (entity, fields, want) in [
        (
            "services",
            json!({"name": "t"}),
            json!({"code": 2, "name": "schema violation", "message": "schema violation (host: required field missing)",
                   "fields": {"host": "required field missing"}}),
        ),
        (
            "services",
            json!({"name": "s", "host": "h.test"}),
            json!({"code": 5, "name": "unique constraint violation",
                   "message": "UNIQUE violation detected on '{name=\"s\"}'", "fields": {"name": "s"}}),
        ),
        (
            "services",
            json!({"id": SERVICE, "host": "h.test"}),
            json!({"code": 3, "name": "primary key violation",
                   "message": format!("primary key violation on key '{{id=\"{SERVICE}\"}}'"), "fields": {"id": SERVICE}}),
        ),
        (
            "routes",
            json!({"paths": ["/a"], "service": {"id": "00000000-0000-4000-8000-000000000000"}}),
            json!({"code": 4, "name": "foreign key violation",
                   "message": "the foreign key '{id=\"00000000-0000-4000-8000-000000000000\"}' does not reference an \
                               existing 'services' entity.",
                   "fields": {"service": {"id": "00000000-0000-4000-8000-000000000000"}}}),
        ),
        (
            "routes",
            json!({"paths": ["/a"], "service": {"name": "x"}}),
            json!({"code": 13, "name": "foreign keys unresolved",
                   "message": "foreign key unresolved (service.name: the foreign key cannot be resolved with \
                               '{name=\"x\"}' for an existing 'services' entity)",
                   "fields": {"service": {"name": "the foreign key cannot be resolved with '{name=\"x\"}' for an \
                                                   existing 'services' entity"}}}),
        ),
    ] {
        assert_eq!(refuse(&writer, entity, fields.clone()).await, want, "{entity} {fields}");
    }
    let route = create(&writer, "routes", json!({"paths": ["/a"], "service": {"name": "s"}})).await;
    assert_eq!(route["service"], json!({"id": SERVICE}));
    let error = writer.delete("services", Key::Id(SERVICE)).await.unwrap_err();
    assert_eq!(
        Value::Object(error.body()),
        json!({"code": 4, "name": "foreign key violation", "fields": {"@referenced_by": "routes"},
               "message": "an existing 'routes' entity references this 'services' entity"}),
    );
    let error = writer.key("certificates", "x").unwrap_err();
    assert_eq!(error.message.as_deref(), Some("invalid primary key: '{id=\"expected a valid UUID\"}'"));
}

#[tokio::test]
async fn plugins_are_one_a_scope_and_share_a_protocol() {
    let (writer, _) = writer(Database::On);
    create(&writer, "services", json!({"id": SERVICE, "host": "h.test"})).await;
    let scoped = json!({"name": "key-auth", "service": {"id": SERVICE}});
    create(&writer, "plugins", scoped.clone()).await;
    let twice = refuse(&writer, "plugins", scoped).await;
    assert_eq!(
        twice["fields"],
        json!({"name": "key-auth", "route": null, "service": {"id": SERVICE}, "consumer": null}),
    );
    assert_eq!(twice["code"], 5);
    let route = json!({"protocols": ["tcp"], "sources": [{"port": 1}], "service": {"id": SERVICE}});
    let route = create(&writer, "routes", route).await;
    let other = json!({"name": "key-auth", "route": {"id": route["id"]}, "protocols": ["http"]});
    assert_eq!(
        refuse(&writer, "plugins", other).await["fields"]["protocols"],
        "must match the associated route's protocols"
    );
}

#[tokio::test]
async fn targets_get_their_port_and_are_one_an_upstream() {
    let (writer, _) = writer(Database::On);
    let upstream = create(&writer, "upstreams", json!({"name": "u"})).await;
    let target = json!({"target": "a.test", "upstream": {"id": upstream["id"]}});
    assert_eq!(create(&writer, "targets", target.clone()).await["target"], "a.test:8000");
    assert_eq!(refuse(&writer, "targets", target).await["code"], 5);
    let bad = json!({"target": "a b", "upstream": {"id": upstream["id"]}});
    assert_eq!(
        refuse(&writer, "targets", bad).await["fields"]["target"],
        "Invalid target; not a valid hostname or ip address",
    );
    let id = upstream["id"].as_str().unwrap();
    assert_eq!(writer.children("targets", "upstream", id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn lifetimes_are_counted_from_the_write() {
    let (writer, _) = writer(Database::On);
    let consumer = create(&writer, "consumers", json!({"username": "ann"})).await;
    let key = |ttl: Value| json!({"consumer": {"id": consumer["id"]}, "key": ttl.to_string(), "ttl": ttl});
    assert_eq!(create(&writer, "keyauth_credentials", key(json!(60))).await["ttl"], 60);
    let endless = create(&writer, "keyauth_credentials", key(json!(0))).await;
    assert!(endless.get("ttl").is_none_or(Value::is_null));
    let refused = refuse(&writer, "keyauth_credentials", key(json!(-1))).await;
    assert_eq!(
        (&refused["code"], &refused["options"]["ttl"]),
        (&json!(11), &json!("must be an integer between 0 and 100000000"))
    );
}

#[tokio::test]
async fn without_a_database_only_whole_configurations_are_written() {
    let (writer, heard) = writer(Database::Off);
    let message = |error: WriteError| (error.code.number(), error.message.unwrap());
    let service = document(json!({"name": "s", "host": "h.test"}));
    let error = writer.create("services", service.clone()).await.unwrap_err();
    assert_eq!(message(error), (12, "cannot create 'services' entities when not using a database".to_owned()));
    let invalid = writer.create("services", Document::new()).await.unwrap_err();
    assert_eq!(invalid.code.number(), 2, "what is wrong with it is said first");
    let key = Key::Field { name: "name", value: "s" };
    let error = writer.upsert("services", key, service).await.unwrap_err();
    let want = "cannot create or update 'services' entities by 'name' when not using a database";
    assert_eq!(message(error), (12, want.to_owned()));

    let text = "_format_version: '3.0'\nservices:\n- {name: s, host: h.test}\nupstreams:\n- {name: u, targets: [{target: a}]}\n\
                consumers:\n- {username: ann, keyauth_credentials: [{key: k, ttl: 60}]}\n";
    let parsed = writer.declarative().parse(text, Format::Any, &**writer.world()).unwrap();
    writer.replace_all(parsed.clone()).await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), ["all"]);
    assert_eq!(writer.configuration_hash(), parsed.hash);
    assert_eq!(writer.get("services", key).await.unwrap().unwrap()["host"], "h.test");
    let error = writer.delete("services", key).await.unwrap_err();
    assert_eq!(message(error).1, "cannot remove 'services' entities by 'name' when not using a database");
    writer.delete("services", Key::Field { name: "name", value: "none" }).await.unwrap();
    let targets = writer.page("targets", PageQuery::default()).await.unwrap();
    assert_eq!(targets.rows[0]["target"], "a:8000");
}

#[tokio::test]
async fn what_is_exported_is_imported_again() {
    let (writer, _) = writer(Database::On);
    let service =
        create(&writer, "services", json!({"name": "s", "url": "https://h.test/x", "tags": ["yes", "3.0"]})).await;
    create(&writer, "routes", json!({"name": "r", "paths": ["~/a.*"], "service": {"id": service["id"]}})).await;
    let consumer = create(&writer, "consumers", json!({"username": "ann"})).await;
    create(&writer, "keyauth_credentials", json!({"consumer": {"id": consumer["id"]}, "key": "k", "ttl": 60})).await;
    let text = writer.export().await.unwrap();

    let (other, heard) = self::writer(Database::On);
    let parsed = other.declarative().parse(&text, Format::Yaml, &**other.world()).unwrap_or_else(|refused| {
        panic!("{}\n{text}", refused.errors.to_text());
    });
    let progress = Arc::default();
    other.import(parsed.clone(), &progress).await.unwrap();
    other.import(parsed, &progress).await.unwrap();
    assert_eq!(progress.now(), (8, 4), "each import counted its documents");
    assert_eq!(other.export().await.unwrap(), text);
    assert_eq!(*heard.0.lock().unwrap(), ["all", "all"]);
}

#[tokio::test]
async fn certificates_bring_their_names() {
    let (writer, _) = writer(Database::On);
    let make = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let own = make("a.test");
    let pair = |snis: Value| json!({"cert": own.cert.pem(), "key": own.signing_key.serialize_pem(), "snis": snis});
    let first = create(&writer, "certificates", pair(json!(["b.test", "a.test"]))).await;
    assert_eq!(first["snis"], json!(["a.test", "b.test"]));
    let taken = refuse(&writer, "certificates", pair(json!(["a.test"]))).await;
    let id = first["id"].as_str().unwrap();
    assert_eq!(taken["fields"]["snis"], format!("a.test already associated with existing certificate '{id}'"));
    let twice = refuse(&writer, "certificates", pair(json!(["c.test", "c.test"]))).await;
    assert_eq!(twice["fields"]["snis"], "c.test is duplicated");
    let wrong = json!({"cert": own.cert.pem(), "key": make("x").signing_key.serialize_pem()});
    assert_eq!(
        refuse(&writer, "certificates", wrong).await["fields"],
        json!({"@entity": ["certificate does not match key"]})
    );

    let patch = document(json!({"snis": ["b.test", "d.test"]}));
    let patched = writer.update("certificates", Key::Id(id), patch).await.unwrap();
    assert_eq!(patched["snis"], json!(["b.test", "d.test"]));
    let kept = writer.update("certificates", Key::Id(id), document(json!({"tags": ["t"]}))).await.unwrap();
    assert_eq!(kept["snis"], json!(["b.test", "d.test"]));
    writer.delete("certificates", Key::Id(id)).await.unwrap();
    assert!(writer.page("snis", PageQuery::default()).await.unwrap().rows.is_empty());
}
