//! Writes and reads as the Admin API makes them: update, output, shorthands, references, times.

#![allow(clippy::unwrap_used)]

use gibbon_schema::Bindings;
use gibbon_schema::Context;
use gibbon_schema::Document;
use gibbon_schema::Field;
use gibbon_schema::NoSubschemas;
use gibbon_schema::Nulls;
use gibbon_schema::OldNames;
use gibbon_schema::Operation;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::Role;
use gibbon_schema::Shorthand;
use gibbon_schema::TransformationInputs;
use gibbon_schema::Value;
use gibbon_schema::Violations;
use gibbon_schema::admit;
use gibbon_schema::check::at_least_one_of;
use gibbon_schema::check::custom_check;
use gibbon_schema::json;
use gibbon_schema::plugin_record;
use gibbon_schema::select;
use gibbon_schema::testing::TestWorld;
use gibbon_schema::typedefs;

fn document(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        other => panic!("{other} is no document"),
    }
}

fn admit_as(record: &Record, input: Value, operation: Operation<'_>, options: Options) -> Result<Value, Violations> {
    let world = TestWorld::default();
    admit(record, document(input), operation, &Context::new(options, &world)).map(Value::Object)
}

fn insert(record: &Record, input: Value) -> Result<Value, Value> {
    admit_as(record, input, Operation::Insert, Options::default()).map_err(|violations| violations.to_fields())
}

fn update(record: &Record, stored: Value, input: Value) -> Result<Value, Value> {
    let stored = document(stored);
    admit_as(record, input, Operation::Update { stored: &stored }, Options::default())
        .map_err(|violations| violations.to_fields())
}

fn show(record: &Record, stored: Value, nulls: Nulls) -> Value {
    select(record, document(stored), nulls, OldNames::Shown, &NoSubschemas).into()
}

fn limiter() -> Record {
    let config = Record::new([
        Field::number().gt(0).named("second"),
        Field::string().default("local").one_of(["local", "cluster"]).shared_database_only(["cluster"]).named("policy"),
        typedefs::redis().required().named("redis"),
    ])
    .shorthand(Shorthand::moved(Field::string().named("redis_host"), "redis.host"));
    Record::new([
        typedefs::uuid().named("id"),
        typedefs::auto_timestamp_s().named("created_at"),
        typedefs::auto_timestamp_ms().named("updated_at"),
        Field::string().auto().unique().named("key"),
        Field::record(config).required().named("config"),
        typedefs::tags().named("tags"),
    ])
    .ttl()
}

#[test]
fn an_insert_makes_ids_keys_times_and_defaults() {
    let made = insert(&limiter(), json!({ "config": { "redis_host": "r.test" }, "tags": ["a", "b", "a"] })).unwrap();
    assert_eq!(made["id"], "00000000-0000-4000-8000-000000000000");
    assert_eq!((&made["created_at"], &made["updated_at"]), (&json!(1_750_000_000), &json!(1_750_000_000.125)));
    assert_eq!(made["key"].as_str().unwrap().len(), 32);
    assert_eq!(made["tags"], json!(["a", "b"]));
    assert_eq!(
        made["config"],
        json!({ "second": null, "policy": "local", "redis": {
            "host": "r.test", "port": 6379, "timeout": 2000, "username": null, "password": null,
            "database": 0, "ssl": false, "ssl_verify": false, "server_name": null,
        } })
    );
}

#[test]
fn old_and_new_names_must_agree() {
    let both = json!({ "config": { "redis_host": "a", "redis": { "host": "b" } } });
    let message = "both deprecated and new field are used but their values mismatch: redis_host = a vs redis.host = b";
    assert_eq!(insert(&limiter(), both), Err(json!({ "redis_host": message })));
    let same = json!({ "config": { "redis_host": "a", "redis": { "host": "a", "port": 1 } } });
    assert_eq!(insert(&limiter(), same).unwrap()["config"]["redis"]["port"], 1);
}

#[test]
fn an_update_merges_records_and_keeps_the_rest() {
    let stored =
        insert(&limiter(), json!({ "config": { "second": 5, "redis": { "host": "a" } }, "tags": ["x"] })).unwrap();
    let changed =
        update(&limiter(), stored.clone(), json!({ "config": { "redis": { "port": 1.0 } }, "tags": null })).unwrap();
    assert_eq!(changed["config"]["redis"]["port"], json!(1));
    assert_eq!((&changed["config"]["redis"]["host"], &changed["config"]["second"]), (&json!("a"), &json!(5)));
    assert_eq!((&changed["tags"], &changed["key"], &changed["id"]), (&Value::Null, &stored["key"], &stored["id"]));
    assert_eq!(changed["config"]["redis"]["username"], Value::Null);
    assert_eq!(
        update(&limiter(), stored, json!({ "config": null, "nope": 1 })),
        Err(json!({ "config": "required field missing", "nope": "unknown field" }))
    );
}

#[test]
fn checks_say_when_they_fail_on_update() {
    let record =
        Record::new([Field::string().named("a"), Field::string().named("b"), Field::string().immutable().named("c")])
            .check(at_least_one_of(["a", "b"]))
            .check(custom_check(["a", "c"], |_, _| Ok(())));
    let stored = json!({ "a": "x", "b": null, "c": "y" });
    assert_eq!(
        update(&record, stored.clone(), json!({ "a": null })),
        Err(json!({ "@entity": ["when updating, at least one of these fields must be non-empty: 'a', 'b'"] }))
    );
    assert_eq!(
        update(&record, stored.clone(), json!({ "c": "z" })),
        Err(json!({ "c": "immutable field cannot be updated" }))
    );
    // What is stored as null is there, and empty.
    let without_c = json!({ "a": "x", "b": null, "c": null });
    assert!(update(&record, without_c, json!({ "b": "y" })).is_ok());
    assert_eq!(update(&record, stored, json!({ "b": "y" })).unwrap(), json!({ "a": "x", "b": "y", "c": "y" }));
}

#[test]
fn fields_transformed_together_are_given_together() {
    let mut record = Record::new([Field::string().named("password"), Field::string().named("salt")]);
    record.transformation_inputs =
        vec![TransformationInputs { input: vec!["password".to_owned()], needs: vec!["salt".to_owned()] }];
    let wrong = json!({ "@entity": ["all or none of these fields must be set: 'password', 'salt'"] });
    assert_eq!(insert(&record, json!({ "password": "p" })), Err(wrong.clone()));
    let stored = json!({ "password": "hashed", "salt": "s" });
    assert_eq!(update(&record, stored.clone(), json!({ "password": "p" })), Err(wrong));
    assert!(update(&record, stored, json!({ "password": "p", "salt": "s" })).is_ok());
}

#[test]
fn output_shows_old_names_nulls_and_defaults() {
    let stored = json!({
        "id": "i", "created_at": 1.5, "updated_at": 2, "key": "", "tags": {}, "gone": 1, "ttl": 7,
        "config": { "second": null, "redis": { "host": "h", "port": 1 } },
    });
    let shown = show(&limiter(), stored.clone(), Nulls::Shown);
    assert_eq!((&shown["created_at"], &shown["key"], &shown["tags"]), (&json!(1), &Value::Null, &json!([])));
    assert_eq!((&shown["ttl"], shown.get("gone")), (&json!(7), None));
    assert_eq!(shown["config"]["redis_host"], "h");
    assert_eq!((&shown["config"]["policy"], &shown["config"]["redis"]["timeout"]), (&json!("local"), &json!(2000)));
    let hidden = show(&limiter(), stored, Nulls::Hidden);
    assert_eq!((hidden.get("key"), hidden["config"].get("second")), (None, None));
}

#[test]
fn references_to_vaults_pass_unread() {
    let record = Record::new([
        typedefs::certificate().referenceable().named("cert"),
        typedefs::certificate().named("plain"),
        Field::string().named("other"),
    ])
    .check(custom_check(["cert", "other"], |_, _| Err("ran".to_owned())));
    let reference = "{vault://env/cert}";
    assert!(insert(&record, json!({ "cert": reference, "other": "x" })).is_ok());
    let wrong = insert(&record, json!({ "plain": reference })).unwrap_err();
    assert!(wrong["plain"].as_str().unwrap().starts_with("invalid certificate: "), "{wrong}");
}

#[test]
fn choices_depend_on_a_shared_database() {
    let input = json!({ "config": { "policy": "cluster" } });
    let control_plane = Options { role: Role::ControlPlane, ..Options::default() };
    assert!(admit_as(&limiter(), input.clone(), Operation::Upsert, Options::default()).is_ok());
    let wrong = admit_as(&limiter(), input, Operation::Upsert, control_plane).unwrap_err();
    assert_eq!(wrong.summary(), "schema violation (config.policy: expected one of: local)");
}

#[test]
fn data_planes_ignore_unknown_nulls() {
    let data_plane = Options { role: Role::DataPlane, ..Options::default() };
    let input = json!({ "from_the_future": null });
    assert!(admit_as(&limiter(), input.clone(), Operation::Insert, data_plane).is_ok());
    assert!(insert(&limiter(), input).is_err());
}

#[test]
fn a_plugin_lays_its_schema_over_the_abstract_one() {
    let config = Record::new([Field::number().named("second")]).plugin_check(at_least_one_of(["config.second"]));
    let limit: &'static Record =
        Box::leak(Box::new(plugin_record(config, typedefs::protocols_http(), Bindings::NO_CONSUMER)));
    let plugins = Record::new([
        Field::string().required().named("name"),
        Field::foreign("consumers").default(Value::Null).named("consumer"),
        Field::record(Record::default()).is_abstract().named("config"),
        typedefs::protocols().named("protocols"),
    ])
    .subschema("plugins", "name", Some("plugin '%s' not enabled; add it to the 'plugins' configuration property"));
    let world = TestWorld::default();
    let find = |name: &str| (name == "limit").then_some(limit);
    let cx = Context::new(Options::default(), &world).with_subschemas(&find);
    let run = |input: Value| {
        admit(&plugins, document(input), Operation::Insert, &cx).map(Value::Object).map_err(|wrong| wrong.to_fields())
    };
    let made = run(json!({ "name": "limit", "config": { "second": 1 } })).unwrap();
    assert_eq!(made["protocols"], json!(["grpc", "grpcs", "http", "https"]));
    for (input, want) in [
        (json!({}), json!({ "name": "required field missing" })),
        (
            json!({ "name": "other", "config": 1 }),
            json!({ "name": "plugin 'other' not enabled; add it to the 'plugins' configuration property" }),
        ),
        (
            json!({ "name": "limit" }),
            json!({ "@entity": ["at least one of these fields must be non-empty: 'config.second'"] }),
        ),
        (
            json!({ "name": "limit", "config": { "second": 1 }, "consumer": { "id": "x" }, "protocols": ["tcp"] }),
            json!({ "consumer": "value must be null", "protocols": ["expected one of: grpc, grpcs, http, https"] }),
        ),
    ] {
        assert_eq!(run(input.clone()), Err(want), "{input}");
    }
}
