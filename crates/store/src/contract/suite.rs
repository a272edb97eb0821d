//! The tests of the contract, each given an empty store.

use std::sync::Arc;

use gibbon_model::declarative::Packed;
use serde_json::json;

use super::Bench;
use super::assert_holds;
use super::document;
use super::fails;
use super::id;
use super::ids;
use super::insert;
use super::key;
use super::plugin;
use super::upstream;
use crate::Backend;
use crate::Page;
use crate::PageQuery;
use crate::Progress;
use crate::StoreError;
use crate::TagFilter;
use crate::TagMatch;
use crate::Write;
use crate::store::Operation;

pub(super) async fn keeps_documents(bench: Bench) {
    let store = &bench.store;
    let fields = json!({
        "name": "s", "host": "h.test", "path": null, "tags": ["a", "ü, \"{}\""], "retries": 7, "tls_verify": true,
        "created_at": 1_750_000_000,
    });
    let written = store.write(vec![insert("services", 1, fields.clone())]).await.unwrap();
    assert_eq!(written.changes[0].operation(), Operation::Create);
    let kept = store.get("services", &id(1)).await.unwrap().unwrap();
    let mut want = document(fields);
    want.insert("id".to_owned(), id(1).into());
    assert_holds(&kept, &want);
    for (entity, number, fields) in [
        ("routes", 11, json!({"service": key(1), "headers": {"x": ["1"]}, "sources": [{"ip": "::1", "port": null}]})),
        ("plugins", 12, plugin("p", json!({"config": {"n": 1.5, "r": {"b": [true, null]}, "s": ""}}))),
        ("targets", 14, json!({"upstream": key(13), "target": "t:1", "weight": 1, "created_at": 1_750_000_000.125})),
    ] {
        store.write(vec![Write::Upsert { entity: "upstreams", document: upstream(13, "u") }]).await.unwrap();
        store.write(vec![insert(entity, number, fields.clone())]).await.unwrap();
        assert_holds(&store.get(entity, &id(number)).await.unwrap().unwrap(), &document(fields));
        store.write(vec![Write::Delete { entity, id: id(number) }]).await.unwrap();
    }

    want.insert("host".to_owned(), "x.test".into());
    let update = Write::Update { entity: "services", document: want.clone() };
    let written = store.write(vec![update]).await.unwrap();
    assert_eq!(written.changes[0].operation(), Operation::Update);
    assert_eq!(written.changes[0].before.as_deref().unwrap()["host"], "h.test");
    assert_holds(&store.get("services", &id(1)).await.unwrap().unwrap(), &want);

    let written = store.write(vec![Write::Delete { entity: "services", id: id(1) }]).await.unwrap();
    assert_eq!(written.changes[0].operation(), Operation::Delete);
    assert_eq!(store.get("services", &id(1)).await.unwrap(), None);
    let again = store.write(vec![Write::Delete { entity: "services", id: id(1) }]).await.unwrap();
    assert!(again.changes.is_empty());

    let missing = Write::Update { entity: "services", document: want };
    assert!(matches!(fails(&bench, missing).await, StoreError::Missing { .. }));
    let unknown = Write::Delete { entity: "nothing", id: id(1) };
    assert!(matches!(fails(&bench, unknown).await, StoreError::UnknownEntity(_)));
}

pub(super) async fn finds_by_unique_values(bench: Bench) {
    let store = &bench.store;
    store
        .write(vec![
            insert("consumers", 1, json!({"username": "ann", "custom_id": "1"})),
            insert("consumers", 2, json!({"username": "bob", "custom_id": null})),
            insert("acls", 3, json!({"consumer": key(1), "group": "g"})),
            insert("keyauth_credentials", 4, json!({"consumer": key(1), "key": "k"})),
            Write::Insert { entity: "upstreams", document: upstream(5, "u") },
            insert("targets", 6, json!({"upstream": key(5), "target": "a.test:80", "weight": 1})),
        ])
        .await
        .unwrap();
    for (entity, field, value, want) in [
        ("consumers", "username", "ann", Some(id(1))),
        ("consumers", "custom_id", "1", Some(id(1))),
        ("consumers", "username", "1", None),
        ("consumers", "id", &id(2), Some(id(2))),
        ("keyauth_credentials", "key", "k", Some(id(4))),
        ("targets", "target", "a.test:80", Some(id(6))),
    ] {
        let found = store.find(entity, field, &value.into()).await.unwrap();
        assert_eq!(found.map(|found| found["id"].clone()), want.map(Into::into), "{entity} {field} {value}");
    }
    assert_eq!(store.find("consumers", "custom_id", &json!(null)).await.unwrap(), None);
    for (entity, fields, want) in [
        ("acls", json!({"consumer": key(1), "group": "g"}), Some(id(3))),
        ("acls", json!({"consumer": key(2), "group": "g"}), None),
        ("keyauth_credentials", json!({"key": "k"}), Some(id(4))),
    ] {
        let found = store.find_by_cache_key(entity, &document(fields.clone())).await.unwrap();
        assert_eq!(found.map(|found| found["id"].clone()), want.map(Into::into), "{entity} {fields}");
    }
}

pub(super) async fn refuses_what_is_taken(bench: Bench) {
    let service = |number, name: &str| insert("services", number, json!({"name": name, "host": "h"}));
    bench
        .store
        .write(vec![
            service(1, "s"),
            service(2, "t"),
            insert("consumers", 3, json!({"username": "ann"})),
            insert("acls", 4, json!({"consumer": key(3), "group": "g"})),
        ])
        .await
        .unwrap();
    assert!(
        matches!(fails(&bench, service(1, "x")).await, StoreError::PrimaryKeyTaken { id: taken, .. } if taken == id(1))
    );
    match fails(&bench, service(5, "s")).await {
        StoreError::UniqueTaken { fields, .. } => assert_eq!(fields, document(json!({"name": "s"}))),
        other => panic!("{other}"),
    }
    match fails(&bench, insert("acls", 6, json!({"consumer": key(3), "group": "g"}))).await {
        StoreError::UniqueTaken { fields, .. } => {
            assert_eq!(fields, document(json!({"consumer": key(3), "group": "g"})));
        }
        other => panic!("{other}"),
    }
    let rename = document(json!({"id": id(2), "name": "s", "host": "h"}));
    let rename = Write::Update { entity: "services", document: rename };
    assert!(matches!(fails(&bench, rename).await, StoreError::UniqueTaken { .. }));
    // A document does not stand in its own way, and null is never taken.
    let same = Write::Upsert { entity: "services", document: document(json!({"id": id(1), "name": "s", "host": "x"})) };
    bench.store.write(vec![same]).await.unwrap();
    let nameless = |number| insert("services", number, json!({"name": null, "host": "h"}));
    bench.store.write(vec![nameless(7), nameless(8)]).await.unwrap();
}

pub(super) async fn refuses_dangling_references(bench: Bench) {
    match fails(&bench, insert("routes", 1, json!({"service": key(9), "paths": ["/"]}))).await {
        StoreError::ForeignMissing { field: "service", target: "services", key: missing, .. } => {
            assert_eq!(missing, document(key(9)));
        }
        other => panic!("{other}"),
    }
    bench.store.write(vec![insert("routes", 1, json!({"service": null}))]).await.unwrap();
}

pub(super) async fn restricts_and_cascades(bench: Bench) {
    let store = &bench.store;
    store
        .write(vec![
            insert("services", 1, json!({"name": "s"})),
            insert("routes", 2, json!({"service": key(1)})),
            insert("plugins", 3, plugin("p", json!({"route": key(2)}))),
            insert("plugins", 4, plugin("q", json!({"service": key(1)}))),
            insert("consumers", 5, json!({"username": "ann"})),
            insert("keyauth_credentials", 6, json!({"key": "k", "consumer": key(5)})),
        ])
        .await
        .unwrap();
    let delete = |entity, number| Write::Delete { entity, id: id(number) };
    match fails(&bench, delete("services", 1)).await {
        StoreError::Referenced { entity: "services", by: "routes" } => {}
        other => panic!("{other}"),
    }
    assert!(store.get("plugins", &id(4)).await.unwrap().is_some(), "a refused cascade deletes nothing");
    let written = store.write(vec![delete("routes", 2)]).await.unwrap();
    let gone: Vec<_> = written.changes.iter().map(|change| (change.entity, change.id.clone())).collect();
    assert_eq!(gone, [("plugins", id(3)), ("routes", id(2))]);
    store.write(vec![delete("services", 1), delete("consumers", 5)]).await.unwrap();
    for entity in ["services", "plugins", "routes", "consumers", "keyauth_credentials"] {
        assert!(store.list(entity).await.unwrap().is_empty(), "{entity}");
    }
    // What is gone is gone from the indexes too.
    store.write(vec![insert("consumers", 7, json!({"username": "ann"}))]).await.unwrap();
}

pub(super) async fn applies_all_or_nothing(bench: Bench) {
    let service = |number, name: &str| insert("services", number, json!({"name": name}));
    bench.store.write(vec![service(1, "s")]).await.unwrap();
    let changed = Write::Update { entity: "services", document: document(json!({"id": id(1), "name": "x"})) };
    let deleted = Write::Delete { entity: "services", id: id(1) };
    let all = vec![changed, service(2, "s"), deleted, service(3, "s")];
    assert!(matches!(bench.store.write(all).await, Err(StoreError::UniqueTaken { .. })));
    let names: Vec<_> = bench.store.list("services").await.unwrap();
    assert_eq!(names.len(), 1);
    assert_holds(&names[0], &document(json!({"name": "s", "id": id(1)})));
    let found = bench.store.find("services", "name", &"s".into()).await.unwrap().unwrap();
    assert_eq!(found["id"], id(1));
    assert_eq!(bench.store.find("services", "name", &"x".into()).await.unwrap(), None);
}

pub(super) async fn pages_in_order_of_ids(bench: Bench) {
    let writes = [5, 3, 1, 4, 2].map(|number| insert("services", number, json!({"name": number.to_string()})));
    bench.store.write(writes.to_vec()).await.unwrap();
    let mut offset: Option<String> = None;
    let mut pages = Vec::new();
    loop {
        let query = PageQuery { size: 2, offset: offset.as_deref(), ..PageQuery::default() };
        let page = bench.store.page("services", query).await.unwrap();
        pages.push(ids(&page.rows).iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        match page.next {
            Some(next) => offset = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, [vec![id(1), id(2)], vec![id(3), id(4)], vec![id(5)]]);
    let full = bench.store.page("services", PageQuery { size: 5, ..PageQuery::default() }).await.unwrap();
    assert_eq!((full.rows.len(), full.next), (5, None), "a full last page has no next");
}

pub(super) async fn filters_by_parent_and_tags(bench: Bench) {
    let store = &bench.store;
    let route =
        |number, service: u32, tags: &[&str]| insert("routes", number, json!({"service": key(service), "tags": tags}));
    store
        .write(vec![
            insert("services", 1, json!({})),
            insert("services", 2, json!({"tags": null})),
            route(3, 1, &["a", "b"]),
            route(4, 2, &["a"]),
            route(5, 1, &["c"]),
        ])
        .await
        .unwrap();
    let of_service = PageQuery { parent: Some(("service", &id(1))), ..PageQuery::default() };
    assert_eq!(ids(&store.page("routes", of_service).await.unwrap().rows), [id(3), id(5)]);
    for (tags, matching, want) in [
        (&["a"][..], TagMatch::All, vec![id(3), id(4)]),
        (&["a", "b"], TagMatch::All, vec![id(3)]),
        (&["b", "c"], TagMatch::Any, vec![id(3), id(5)]),
        (&["d"], TagMatch::Any, vec![]),
    ] {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let filter = Some(TagFilter { tags: &tags, matching });
        let page = store.page("routes", PageQuery { tags: filter, size: 10, ..PageQuery::default() }).await.unwrap();
        assert_eq!(ids(&page.rows), want, "{tags:?} {matching:?}");
        // Rows that do not match do not shorten a page.
        let first = store.page("routes", PageQuery { tags: filter, size: 1, ..PageQuery::default() }).await.unwrap();
        assert_eq!(first.rows.len(), want.len().min(1));
        assert_eq!(first.next.is_some(), want.len() > 1);
    }
}

pub(super) async fn lists_tags(bench: Bench) {
    let store = &bench.store;
    store
        .write(vec![
            insert("services", 2, json!({"tags": ["a", "b"]})),
            insert("consumers", 1, json!({"username": "ann", "tags": ["a"]})),
        ])
        .await
        .unwrap();
    let rows = |rows: &[crate::TagRow]| -> Vec<_> {
        rows.iter().map(|row| (row.tag.clone(), row.entity_name, row.entity_id.clone())).collect()
    };
    let (all, next) = store.tags(None, 2, None).await.unwrap();
    assert_eq!(rows(&all), [("a".to_owned(), "consumers", id(1)), ("a".to_owned(), "services", id(2))]);
    let (rest, end) = store.tags(None, 2, next.as_deref()).await.unwrap();
    assert_eq!(rows(&rest), [("b".to_owned(), "services", id(2))]);
    assert_eq!(end, None);
    let (of_b, _) = store.tags(Some("b"), 10, None).await.unwrap();
    assert_eq!(of_b.len(), 1);
}

pub(super) async fn forgets_what_expired(bench: Bench) {
    let store = &bench.store;
    let end = bench.hands.now() + 10.0;
    let credential =
        |number| insert("keyauth_credentials", number, json!({"consumer": key(1), "key": "k", "ttl": end}));
    store.write(vec![insert("consumers", 1, json!({"username": "ann"})), credential(2)]).await.unwrap();
    bench.hands.advance(9);
    assert!(store.get("keyauth_credentials", &id(2)).await.unwrap().is_some());
    assert!(store.expire().await.unwrap().changes.is_empty());
    bench.hands.advance(1);
    assert_eq!(store.get("keyauth_credentials", &id(2)).await.unwrap(), None);
    assert_eq!(store.find("keyauth_credentials", "key", &"k".into()).await.unwrap(), None);
    assert!(store.list("keyauth_credentials").await.unwrap().is_empty());
    assert!(store.page("keyauth_credentials", PageQuery::default()).await.unwrap().rows.is_empty());
    // Its key is free again before anyone has swept.
    let fresh = json!({"consumer": key(1), "key": "k"});
    store.write(vec![insert("keyauth_credentials", 3, fresh)]).await.unwrap();
    let brief = json!({"consumer": key(1), "key": "l", "ttl": bench.hands.now() + 1.0});
    store.write(vec![insert("keyauth_credentials", 4, brief)]).await.unwrap();
    bench.hands.advance(5);
    let swept = store.expire().await.unwrap().changes;
    assert_eq!(swept.iter().map(|change| change.id.clone()).collect::<Vec<_>>(), [id(4)]);
}

pub(super) async fn replaces_everything(bench: Bench) {
    let store = &bench.store;
    store
        .write(vec![
            insert("services", 1, json!({"name": "s"})),
            insert("routes", 2, json!({"service": key(1), "name": "r"})),
        ])
        .await
        .unwrap();
    let service = document(json!({"id": id(3), "name": "s"}));
    let written = store.replace(vec![("services", vec![service.clone()])]).await.unwrap();
    assert!(written.revision > 1);
    let [only] = &store.list("services").await.unwrap()[..] else { panic!("one service was put in the place of all") };
    assert_holds(only, &service);
    assert!(store.list("routes").await.unwrap().is_empty());
    let dangling = document(json!({"id": id(4), "service": key(9)}));
    store.replace(vec![("routes", vec![dangling])]).await.unwrap_err();
    assert_eq!(ids(&store.list("services").await.unwrap()), [id(3)], "a refused replacement changes nothing");
}

pub(super) async fn takes_and_gives_packed_documents(bench: Bench) {
    let store = &bench.store;
    let pack = |value| Packed::of(&document(value));
    let services: Vec<_> = (1..=5).map(|n| pack(json!({"id": id(n), "name": format!("s{n}")}))).collect();
    let routes = vec![pack(json!({"id": id(6), "name": "r", "service": key(1)}))];
    store.replace_packed(vec![("services", services.clone()), ("routes", routes)]).await.unwrap();
    let (first, next) = store.packed("services", 3, None).await.unwrap();
    let (rest, end) = store.packed("services", 3, next.as_deref()).await.unwrap();
    let unpacked: Vec<_> = first.iter().chain(&rest).map(|packed| packed.unpack().unwrap()).collect();
    assert_eq!((first.len(), rest.len(), end), (3, 2, None));
    assert_eq!(unpacked, store.list("services").await.unwrap());
    assert_eq!(store.find("routes", "name", &"r".into()).await.unwrap().unwrap()["service"], key(1));

    // What is there is replaced, what is in the way of it is refused with all that came before.
    let progress = Arc::new(Progress::default());
    let delete = vec![Write::Delete { entity: "routes", id: id(6) }];
    let again = vec![pack(json!({"id": id(1), "name": "new"})), pack(json!({"id": id(7), "name": "s1"}))];
    store.import_packed(delete, vec![("services", again)], Arc::clone(&progress)).await.unwrap();
    assert_eq!(progress.now().0, 3);
    assert!(store.list("routes").await.unwrap().is_empty());
    let name = async |name: &str| store.find("services", "name", &name.into()).await.unwrap();
    assert_eq!(name("new").await.unwrap()["id"], id(1));
    assert_eq!(name("s1").await.unwrap()["id"], id(7));
    let taken = vec![pack(json!({"id": id(8), "name": "fine"})), pack(json!({"id": id(9), "name": "s2"}))];
    store.import_packed(Vec::new(), vec![("services", taken)], progress).await.unwrap_err();
    let dangling = vec![pack(json!({"id": id(10), "service": key(99)}))];
    store.replace_packed(vec![("routes", dangling)]).await.unwrap_err();
    assert_eq!((name("fine").await, store.list("services").await.unwrap().len()), (None, 6));
}

pub(super) async fn refuses_foreign_offsets(bench: Bench) {
    for (offset, is_base64) in [("!", false), ("x", false), ("eA", true), ("bm90IGpzb24", true)] {
        let query = PageQuery { offset: Some(offset), ..PageQuery::default() };
        let page = bench.store.page("services", query).await;
        // Kong's memory takes any text for a place, and finds nothing behind it.
        if is_base64 && bench.store.backend() == Backend::Memory {
            assert_eq!(page.unwrap(), Page::default(), "{offset}");
        } else {
            let error = page.unwrap_err();
            assert!(matches!(error, StoreError::InvalidOffset { .. }), "{offset}: {error}");
        }
    }
}
