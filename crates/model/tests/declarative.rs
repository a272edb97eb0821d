//! Declarative files: ids as Kong makes them, errors where Kong puts them, shapes it accepts.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::EntityDef;
use gibbon_model::OnDelete;
use gibbon_model::PluginKind;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::EMPTY_HASH;
use gibbon_model::declarative::Format;
use gibbon_model::declarative::Join;
use gibbon_model::declarative::Parsed;
use gibbon_model::declarative::Refused;
use gibbon_model::entities;
use gibbon_model::plugin::HTTP;
use gibbon_model::plugin::Scopes;
use gibbon_schema::Field;
use gibbon_schema::Foreign;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::testing::TestWorld;
use gibbon_schema::typedefs;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

#[derive(Record)]
#[allow(dead_code)]
struct Key {
    #[field(base = typedefs::uuid, nullable)]
    id: Uuid,
    #[field(reference = "consumers", on_delete = OnDelete::Cascade)]
    consumer: Foreign,
    #[field(required = false, unique, auto)]
    key: String,
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

fn declarative() -> Declarative {
    let keys = EntityDef {
        cache_key: &["key"],
        endpoint_key: Some("key"),
        ttl: true,
        ..EntityDef::of::<Key>("keyauth_credentials")
    };
    let acls = EntityDef { cache_key: &["consumer", "group"], ..EntityDef::of::<Acl>("acls") };
    let number = || Field::integer().named("second").gt(0);
    let plugins = [
        PluginKind::new("cors", 2000, Scopes::NO_CONSUMER, HTTP, Record::default()),
        PluginKind::new("key-auth", 1250, Scopes::NO_CONSUMER, HTTP, Record::default()),
        PluginKind::new("request-termination", 2, Scopes::ANY, HTTP, Record::default()),
        PluginKind::new("rate-limiting", 910, Scopes::ANY, HTTP, Record::new([number()])),
    ];
    let entities = entities::core().chain([keys, acls]);
    Declarative::new(Arc::new(Catalog::new(entities, plugins, Options::default())))
}

fn parse(file: Value) -> Result<Parsed, Refused> {
    declarative().parse(&file.to_string(), Format::Any, &TestWorld::default())
}

fn documents(parsed: &Parsed, entity: &str) -> Vec<Document> {
    parsed.unpacked().filter(|(name, _)| *name == entity).map(|(_, document)| document).collect()
}

/// JSON is read a document at a time, YAML as a whole.
#[test]
fn the_forms_of_a_file_say_the_same() {
    let id = "b268827a-8f7f-551f-8769-e6bceb2f3ec6";
    let file = json!({
        "_format_version": "3.0",
        "_comment": "none",
        "routes": [
            {"name": "by-name", "paths": ["/a"], "service": "s", "plugins": [{"name": "cors"}]},
            {"name": "by-id", "paths": ["/b"], "service": id},
            {"name": "name-before-id", "paths": ["/c"], "service": "00000000-0000-4000-8000-000000000001"},
        ],
        "plugins": [{"name": "rate-limiting", "config": {"second": 5}, "route": "nested", "consumer": "ann"}],
        "consumers": [{"username": "ann", "keyauth_credentials": [{"key": "k", "ttl": 60}]}],
        "services": [
            {"name": "s", "host": "h.test", "routes": [{"name": "nested", "paths": ["/d"]}]},
            {"name": "one", "id": "00000000-0000-4000-8000-000000000001", "host": "h.test"},
            {"name": "00000000-0000-4000-8000-000000000001", "host": "h.test"},
        ],
    });
    let read = |format| declarative().parse(&file.to_string(), format, &TestWorld::default()).unwrap();
    let (json, yaml) = (read(Format::Json), read(Format::Yaml));
    // Ids that nothing names for good are counted up, in the order of reading.
    assert_eq!(json, yaml);
    let routes = documents(&json, "routes");
    let service_of = |name: &str| &routes.iter().find(|route| route["name"] == name).unwrap()["service"]["id"];
    assert_eq!((service_of("by-name"), service_of("by-id")), (&json!(id), &json!(id)));
    assert_ne!(service_of("name-before-id"), "00000000-0000-4000-8000-000000000001");
    for wrong in [
        json!({"_format_version": "3.0", "services": [{"name": "s", "host": "h.test"}, {"name": "s", "host": "h.test"}]}),
        json!({"_format_version": "3.0", "routes": [{"name": "r", "paths": ["/a"], "service": "nobody"}]}),
        json!({"_format_version": "3.0", "services": [{"name": "s"}], "surprise": 1}),
    ] {
        let read = |format| declarative().parse(&wrong.to_string(), format, &TestWorld::default()).unwrap_err();
        assert_eq!(read(Format::Json), read(Format::Yaml));
    }
}

/// Many documents are read in two parts, which must not lose sight of each other.
#[test]
fn the_parts_of_a_large_file_know_each_other() {
    let service = |n: u32| json!({"name": format!("s{n}"), "host": "h.test", "routes": [{"name": format!("r{n}"), "paths": ["/"]}]});
    let route = |n: u32| json!({"name": format!("q{n}"), "paths": ["/"], "service": format!("s{}", (n * 7) % 500)});
    let mut file = json!({
        "_format_version": "3.0",
        "services": (0..500).map(service).collect::<Vec<_>>(),
        "routes": (0..500).map(route).collect::<Vec<_>>(),
    });
    let read = |file: &Value, format| {
        let join: Join = |one, other| {
            std::thread::scope(|scope| {
                scope.spawn(other);
                one();
            });
        };
        declarative().parse_joined(Some(join), &file.to_string(), format, &TestWorld::default())
    };
    let parsed = read(&file, Format::Json).unwrap();
    assert_eq!(parsed, read(&file, Format::Yaml).unwrap());
    assert_eq!(documents(&parsed, "routes").len(), 1000);
    file["services"][499]["name"] = "s0".into();
    let refused = read(&file, Format::Json).unwrap_err();
    assert_eq!(refused, read(&file, Format::Yaml).unwrap_err());
    assert!(refused.errors.to_text().contains("'services' entity with name set to 's0' already declared"));
}

#[test]
fn ids_never_change() {
    let parsed = parse(json!({
        "_format_version": "3.0",
        "services": [
            {"name": "s", "host": "h.test", "routes": [{"name": "r", "paths": ["/a"]}], "plugins": [{"name": "cors"}]},
            {"name": "q", "host": "h.test",
             "routes": [{"name": "rr", "paths": ["/b"], "plugins": [{"name": "cors"}]}]},
        ],
        "consumers": [{
            "username": "ann",
            "acls": [{"group": "g"}],
            "keyauth_credentials": [{"key": "k", "ttl": 60}],
            "plugins": [{"name": "request-termination"}],
        }],
        "plugins": [{"name": "key-auth"}],
        "upstreams": [{"name": "u", "targets": [{"target": "a.test:80"}]}],
    }))
    .unwrap();
    for (entity, id) in [
        ("services", "b268827a-8f7f-551f-8769-e6bceb2f3ec6"),
        ("routes", "da7ba03a-f1be-52d4-8a7e-c8f32640689a"),
        ("consumers", "acf09174-745e-5b26-aaec-4763c149acd7"),
        ("upstreams", "597a2b96-28b9-56b9-8745-bb55e59539cc"),
        ("targets", "3c43abea-ea55-5349-af2b-521f7e4f61ca"),
        ("acls", "1fd37a46-4cac-5f21-ab9c-9c029f796c16"),
        ("plugins", "6b4f38d1-e026-540b-a5ea-8634739dd2a7"),
        ("plugins", "3869fa1a-fb43-541b-b3da-0089d5765b2f"),
        ("plugins", "67f817fd-bcc5-5595-aa4e-d8588106519d"),
        ("plugins", "70679dfe-87d9-576e-be1d-f22149ac893d"),
    ] {
        let found = documents(&parsed, entity);
        assert!(found.iter().any(|document| document["id"] == id), "{entity} {id} in {found:?}");
    }
    let routes = documents(&parsed, "routes");
    let route = routes.iter().find(|route| route["name"] == "r").unwrap();
    assert_eq!(route["service"], json!({"id": "b268827a-8f7f-551f-8769-e6bceb2f3ec6"}));
    assert_eq!(documents(&parsed, "keyauth_credentials")[0]["ttl"], 60);
    let order: Vec<_> = parsed.documents.iter().map(|(name, _)| *name).collect();
    let at = |name| order.iter().position(|other| *other == name).unwrap();
    assert!(at("services") < at("routes") && at("routes") < at("plugins"), "{order:?}");
}

#[test]
fn refuses_as_kong_does() {
    let service = |more: Value| {
        let mut service = json!({"name": "s", "host": "h.test"});
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"services": [service]})
    };
    for (file, want) in [
        (json!({"nope": [{"a": 1}]}), json!({"nope": "unknown field"})),
        (json!({"services": "text"}), json!({"services": "expected an array"})),
        (json!({"plugins": [{}]}), json!({"plugins": [{"name": "required field missing"}]})),
        (
            json!({"plugins": [{"name": "nope"}]}),
            json!({"plugins": [{"name": "plugin 'nope' not enabled; add it to the 'plugins' configuration property"}]}),
        ),
        (
            json!({"plugins": [{"name": "key-auth", "config": {"x": 1}}]}),
            json!({"plugins": [{"config": {"x": "unknown field"}}]}),
        ),
        (
            json!({"plugins": [{"name": "key-auth", "consumer": "ann"}], "consumers": [{"username": "ann"}]}),
            json!({"plugins": [{"consumer": "value must be null"}]}),
        ),
        (
            service(json!({"plugins": [{"name": "request-termination", "consumer": "none"}]})),
            json!({"services": [{"plugins": [{"consumer": "value must be null"}]}]}),
        ),
        (
            json!({"routes": [{"name": "r", "paths": ["/a"], "service": "none"}]}),
            json!({"routes": {"r": ["invalid reference 'service: none' (no such entry in 'services')"]}}),
        ),
        (
            service(json!({"routes": [
                {"name": "r", "paths": ["/a"], "service": {"id": "00000051-0000-4000-8000-000000000051"}},
            ]})),
            json!({"routes": {"r": [
                "invalid reference 'service: {\"id\":\"00000051-0000-4000-8000-000000000051\"}' \
                 (no such entry in 'services')",
            ]}}),
        ),
        (
            json!({"services": [{"name": "s", "host": "h.test"}, {"name": "s", "host": "h.test"}]}),
            json!({"services": [
                null, "uniqueness violation: 'services' entity with name set to 's' already declared",
            ]}),
        ),
        (
            json!({"consumers": [{"username": "ann", "custom_id": "c"}, {"username": "bob", "custom_id": "c"}]}),
            json!({"consumers": {
                "bob": "uniqueness violation: 'consumers' entity with custom_id set to 'c' already declared",
            }}),
        ),
        (
            json!({"consumers": [{"username": "ann", "keyauth_credentials": [{"key": "k"}, {"key": "k"}]}]}),
            json!({"consumers": [{"keyauth_credentials": [
                null, "uniqueness violation: 'keyauth_credentials' entity with key set to 'k' already declared",
            ]}]}),
        ),
    ] {
        let mut file = file;
        file["_format_version"] = "3.0".into();
        let refused = parse(file.clone()).unwrap_err();
        assert_eq!(refused.errors.to_value(), want, "{file}");
    }
}

#[test]
fn accepts_what_kong_accepts() {
    for file in [
        json!({}),
        json!({"_comment": "x", "_ignore": [{"any": 1}, 2]}),
        json!({"services": [{"name": "s", "url": "http://h.test/x", "_comment": "c", "_ignore": []}]}),
        json!({"services": [{"name": "s", "host": "h.test", "routes": [{"name": "r", "paths": ["/a"], "service": "s"}]}]}),
        json!({"services": [{"name": "s", "host": "h.test", "routes": [{"name": "r", "paths": ["/a"], "service": null}]}]}),
        json!({"services": [{"name": "s", "host": "h.test"}], "routes": [{"paths": ["/a"], "service": "s"}]}),
        json!({"services": null}),
    ] {
        let mut file = file;
        file["_format_version"] = "3.0".into();
        let parsed = parse(file.clone());
        assert!(parsed.is_ok(), "{file}: {parsed:?}");
    }
}

#[test]
fn errors_print_as_a_tree() {
    let text = "_format_version: \"3.0\"\nservices:\n- name: s\n  host: h.test\n  routes:\n  - {name: r, paths: [x]}\n- name: t\n";
    let refused = declarative().parse(text, Format::Yaml, &TestWorld::default()).unwrap_err();
    let want = "in 'services':\n  - in entry 1 of 'services':\n    in 'routes':\n      - in entry 1 of 'routes':\n        \
                in 'paths':\n          - in entry 1 of 'paths': should start with: / (fixed path) or ~/ (regex path)\n  \
                - in entry 2 of 'services':\n    in 'host': required field missing";
    assert_eq!(refused.errors.to_text(), want);
}

#[test]
fn errors_flatten_by_entity() {
    let declarative = declarative();
    let text = json!({
        "_format_version": "3.0",
        "services": [
            {"name": "good", "host": "h.test"},
            {"name": "bad", "host": 5, "port": "x", "tags": ["t1"], "routes": [
                {"name": "r", "paths": ["nope"], "strip_path": "x",
                 "plugins": [{"name": "rate-limiting", "config": {"second": 0}}]},
            ]},
        ],
    })
    .to_string();
    let refused = declarative.parse(&text, Format::Any, &TestWorld::default()).unwrap_err();
    let flat = refused.errors.flatten(&refused.input, declarative.catalog());
    assert_eq!(flat.fields, json!({}));
    let of = |kind: &str| flat.errors.iter().find(|error| error["entity_type"] == kind).cloned().unwrap();
    assert_eq!(
        of("plugin"),
        json!({
            "entity_name": "rate-limiting",
            "entity_type": "plugin",
            "entity": {"name": "rate-limiting", "config": {"second": 0}},
            "errors": [{"type": "field", "field": "config.second", "message": "value must be greater than 0"}],
        }),
    );
    assert_eq!(of("service")["entity"], json!({"name": "bad", "host": 5, "port": "x", "tags": ["t1"]}));
    assert_eq!(of("service")["entity_tags"], json!(["t1"]));
    assert_eq!(of("route")["entity"], json!({"name": "r", "paths": ["nope"], "strip_path": "x"}));
    let first = &of("route")["errors"];
    assert!(first.to_string().contains("\"paths.1\""), "{first}");
}

#[test]
fn texts_are_read_as_json_or_yaml() {
    let declarative = declarative();
    let message = |text: &str, format| {
        let refused = declarative.parse(text, format, &TestWorld::default()).unwrap_err();
        refused.errors.to_value()["error"].as_str().unwrap_or_default().to_owned()
    };
    let failed = "failed parsing declarative configuration: ";
    assert_eq!(message("just text", Format::Any), format!("{failed}expected an object"));
    assert_eq!(message("", Format::Yaml), format!("{failed}expected an object"));
    assert_eq!(message("a: [", Format::Any), format!("{failed}1:4: did not find expected node content"));
    assert_eq!(message("- a", Format::Yaml), format!("{failed}expected an object"));
    assert!(message("{\"a\":", Format::Json).starts_with(failed));
    let empty = declarative.parse("_format_version: '3.0'", Format::Any, &TestWorld::default()).unwrap();
    assert_eq!(empty.hash, EMPTY_HASH);
    assert!(Format::of_file("a.txt").is_err());
}
