//! The derive: what Rust types become, and reading admitted documents back into them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use gibbon_schema::Context;
use gibbon_schema::Document;
use gibbon_schema::Foreign;
use gibbon_schema::OneOf;
use gibbon_schema::Operation;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::Typed;
use gibbon_schema::Value;
use gibbon_schema::World;
use gibbon_schema::admit;
use gibbon_schema::describe;
use gibbon_schema::from_document;
use gibbon_schema::json;
use gibbon_schema::typedefs;
use serde::Deserialize;
use uuid::Uuid;

/// A world that stands still.
struct Still;

impl World for Still {
    fn now(&self) -> f64 {
        1_700_000_000.5
    }

    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(10);
    }
}

#[derive(Debug, Deserialize, OneOf, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Policy {
    Local,
    VeryFar,
}

/// Nested.
#[derive(Debug, Deserialize, Record)]
struct Inner {
    #[field(default = 1.5)]
    weight: f64,
    name: Option<String>,
}

fn even(value: &Value) -> Result<(), String> {
    if value.as_i64().is_some_and(|number| number % 2 == 0) { Ok(()) } else { Err("must be even".to_owned()) }
}

#[derive(Debug, Deserialize, Record)]
#[record(
    check = at_least_one_of(["minute", "hour"]),
    check = conditional("policy", is().eq("very-far"), "inner.name", is().required()),
)]
struct Config {
    /// Names
    /// of keys.
    #[field(default = ["apikey"], elements(custom = typedefs::text::header_name))]
    key_names: Vec<String>,
    #[field(base = typedefs::port, default = 80)]
    port: u16,
    #[field(custom = even, gt = -3)]
    minute: Option<i64>,
    hour: Option<i64>,
    #[field(default = "local")]
    policy: Policy,
    inner: Inner,
    #[field(default = { "a": ["b"] }, keys(base = typedefs::header_name), values(len_min = 1))]
    map: BTreeMap<String, Vec<String>>,
    #[field(default = [], elements(len_min = 0))]
    set: Set<String>,
    #[field(reference = "services")]
    service: Option<Foreign>,
    r#type: Option<bool>,
}

fn admit_json(input: Value) -> Result<Document, Value> {
    let cx = Context::new(Options::default(), &Still);
    let Value::Object(input) = input else { panic!("not an object") };
    admit(&Config::record(), input, Operation::Insert, &cx).map_err(|violations| violations.to_fields())
}

#[test]
fn fills_and_reads_back() {
    let admitted = admit_json(json!({ "minute": 4.0, "set": ["a", "b", "a"], "type": true })).unwrap();
    let config: Config = from_document(admitted).unwrap();
    assert_eq!(config.key_names, ["apikey"]);
    assert_eq!((config.port, config.minute, config.hour), (80, Some(4), None));
    assert_eq!((config.policy, config.inner.weight), (Policy::Local, 1.5));
    assert_eq!(config.set.0, ["a", "b"]);
    assert_eq!(config.map["a"], ["b"]);
    assert!(config.service.is_none() && config.inner.name.is_none());
    assert_eq!(config.r#type, Some(true));
}

#[test]
fn says_what_is_wrong() {
    for (input, want) in [
        (json!({}), json!({ "@entity": ["at least one of these fields must be non-empty: 'minute', 'hour'"] })),
        (json!({ "minute": 3 }), json!({ "minute": "must be even" })),
        (json!({ "minute": -4 }), json!({ "minute": "value must be greater than -3" })),
        (json!({ "hour": 1, "port": null }), json!({ "port": "required field missing" })),
        (
            json!({ "hour": 1, "policy": "very-far" }),
            json!({
                "inner": { "name": "required field missing" },
                "@entity": ["failed conditional validation given value of field 'policy'"],
            }),
        ),
        (json!({ "hour": 1, "policy": "x" }), json!({ "policy": "expected one of: local, very-far" })),
        (
            json!({ "hour": 1, "key_names": ["a", "b c"] }),
            json!({ "key_names": [null, "bad header name 'b c', allowed characters are A-Z, a-z, 0-9, '_', and '-'"] }),
        ),
        (json!({ "hour": 1, "map": { "a": [] } }), json!({ "map": "length must be at least 1" })),
        (json!({ "hour": 1, "service": {} }), json!({ "service": { "id": "missing primary key" } })),
        (json!({ "hour": 1, "nope": 1 }), json!({ "nope": "unknown field" })),
    ] {
        assert_eq!(admit_json(input.clone()), Err(want), "{input}");
    }
}

#[test]
fn describes() {
    let description = describe(&Config::record(), Options::default());
    assert_eq!(
        description["fields"][0],
        json!({ "key_names": {
            "type": "array", "elements": { "type": "string" }, "description": "Names of keys.",
            "required": true, "default": ["apikey"],
        } })
    );
    assert_eq!(description["fields"][1]["port"]["between"], json!([0, 65535]));
    assert_eq!(description["fields"][2]["minute"]["gt"], json!(-3));
    assert_eq!(description["fields"][4]["policy"]["one_of"], json!(["local", "very-far"]));
    assert_eq!(description["fields"][8]["service"], json!({ "type": "foreign", "reference": "services" }));
    assert_eq!(description["entity_checks"][0], json!({ "at_least_one_of": ["minute", "hour"] }));
}
