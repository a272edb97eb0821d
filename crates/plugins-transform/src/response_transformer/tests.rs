//! Edits of headers and of JSON bodies, in their order.
#![allow(clippy::unwrap_used)]

use gibbon_schema::{Value, json};
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Scope};

use super::{ResponseTransformer, ResponseTransformerFilter};

fn filter(config: &Value) -> ResponseTransformerFilter {
    filter_on(config, &[])
}

fn filter_on(config: &Value, properties: &[(&str, &str)]) -> ResponseTransformerFilter {
    let mut whole = json!({ "remove": { "json": [], "headers": [] }, "rename": { "json": [], "headers": [] } });
    for edit in ["replace", "add", "append"] {
        whole[edit] = json!({ "json": [], "json_types": [], "headers": [] });
    }
    for (edit, lists) in config.as_object().unwrap() {
        whole[edit].as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
    }
    let (env, _) = testing::env(properties);
    ResponseTransformer::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).unwrap()
}

#[test]
fn edits_headers() {
    for (config, want) in [
        (json!({ "remove": { "headers": ["x-a", "X-None"] } }), json!([["X-B", "2"]])),
        (json!({ "rename": { "headers": ["x-a:X-C", "x-none:X-D"] } }), json!([["X-B", "2"], ["X-C", "1"]])),
        (json!({ "rename": { "headers": ["x-a:X-B"] } }), json!([["X-B", "1"]])),
        (json!({ "replace": { "headers": ["X-A:new", "X-C:new"] } }), json!([["X-A", "new"], ["X-B", "2"]])),
        (json!({ "add": { "headers": ["x-a:new", "X-C:a:b"] } }), json!([["X-A", "1"], ["X-B", "2"], ["X-C", "a:b"]])),
        (json!({ "append": { "headers": ["X-A:new"] } }), json!([["X-A", "1"], ["X-B", "2"], ["X-A", "new"]])),
        (
            json!({ "remove": { "headers": ["X-A"] }, "rename": { "headers": ["X-A:X-C"] } }),
            json!([["X-B", "2"], ["X-C", "1"]]),
        ),
    ] {
        let mut exchange = Exchange::get("/x");
        exchange.answer(200, &[("X-A", "1"), ("X-B", "2")]);
        exchange.header_phase(&filter(&config)).unwrap();
        let text = |bytes: &[u8]| Value::from(std::str::from_utf8(bytes).unwrap());
        let got: Vec<Value> =
            exchange.response.head.headers.iter().map(|(name, value)| json!([text(name), text(value)])).collect();
        assert_eq!(Value::Array(got), want, "{config}");
    }
}

#[test]
fn edits_json_bodies() {
    for (config, want) in [
        (json!({ "remove": { "json": ["a", "none"] } }), r#"{"b":false,"c":["x"]}"#),
        (json!({ "rename": { "json": ["a:d", "none:e"] } }), r#"{"b":false,"c":["x"],"d":"1"}"#),
        (
            json!({ "replace": { "json": ["a:2", "none:e"], "json_types": ["number"] } }),
            r#"{"a":2,"b":false,"c":["x"]}"#,
        ),
        (
            json!({ "add": { "json": ["a:2", "b:true", "d:/x"], "json_types": ["number", "boolean"] } }),
            r#"{"a":"1","b":true,"c":["x"],"d":"/x"}"#,
        ),
        (
            json!({ "append": { "json": ["a:2", "b:3", "c:4", "d:5"] } }),
            r#"{"a":["1","2"],"b":["3"],"c":["x","4"],"d":["5"]}"#,
        ),
    ] {
        let mut exchange = Exchange::get("/x");
        exchange.answer(200, &[("Content-Type", "application/json; charset=utf-8"), ("Content-Length", "30")]);
        let filter = filter(&config);
        exchange.header_phase(&filter).unwrap();
        assert_eq!(exchange.received("Content-Length"), None);
        let body = exchange.body_phase(&filter, &[r#"{"a":"1","b":fal"#, r#"se,"c":["x"]}"#]);
        assert_eq!(String::from_utf8(body).unwrap(), want, "{config}");
    }
}

#[test]
fn leaves_other_bodies_alone() {
    let removing = filter(&json!({ "remove": { "json": ["a"] } }));
    for (content_type, body) in
        [("text/plain", r#"{"a":1}"#), ("application/json", "[1]"), ("application/json", r#"{"a":"#)]
    {
        let mut exchange = Exchange::get("/x");
        exchange.answer(200, &[("Content-Type", content_type), ("Content-Length", "7")]);
        exchange.header_phase(&removing).unwrap();
        assert_eq!(exchange.body_phase(&removing, &[body]), body.as_bytes(), "{content_type} {body}");
    }
    let mut exchange = Exchange::get("/x");
    exchange.answer(200, &[("Content-Type", "text/html, application/problem+json")]);
    exchange.header_phase(&removing).unwrap();
    assert_eq!(exchange.body_phase(&removing, &[r#"{"a":1}"#]), b"{}");
}

#[test]
fn bodies_that_are_too_large_do_not_pass() {
    let removing = filter_on(&json!({ "remove": { "json": ["a"] } }), &[("limit_response_buffer", "7")]);
    for (body, want) in [(&[r#"{"a""#, ":1}"][..], &b"{}"[..]), (&[r#"{"a":1"#, "1}"], b"")] {
        let mut exchange = Exchange::get("/x");
        exchange.answer(200, &[("Content-Type", "application/json")]);
        exchange.header_phase(&removing).unwrap();
        assert_eq!(exchange.body_phase(&removing, body), want, "{body:?}");
    }
}
