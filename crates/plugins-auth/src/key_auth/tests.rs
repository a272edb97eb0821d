//! What a request must show, and what follows: over exchanges without sockets, with warm and cold caches.
#![allow(clippy::unwrap_used)]

use gibbon_model::entities::Consumer;
use gibbon_schema::json;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Filter, Plugin, Query, ReplyBody, Scope};
use uuid::Uuid;

use super::{KeyAuth, KeyCredential};

const ANN: Uuid = Uuid::from_u128(0xa1);
const KEY: Uuid = Uuid::from_u128(0xc1);

fn filter(config: &str) -> impl Filter {
    let (env, _) = testing::env(&[]);
    let config: serde_json::Value = serde_json::from_str(config).unwrap();
    let mut whole = json!({
        "key_names": ["apikey"], "hide_credentials": false, "key_in_header": true, "key_in_query": true,
        "key_in_body": false, "run_on_preflight": true,
    });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    KeyAuth::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).ok().unwrap()
}

fn known(exchange: Exchange) -> Exchange {
    let ann: Consumer = serde_json::from_value(json!({ "id": ANN, "username": "ann", "custom_id": null })).unwrap();
    let key: KeyCredential =
        serde_json::from_value(json!({ "id": KEY, "consumer": { "id": ANN }, "key": "s3cret" })).unwrap();
    exchange.consumer(ann).entity("s3cret", ANN, key)
}

fn message(reply: &gibbon_sdk::Reply) -> &str {
    match &reply.body {
        ReplyBody::Error(Some(message)) => message,
        other => panic!("no error body: {other:?}"),
    }
}

#[test]
fn finds_the_key_in_each_place() {
    for (config, exchange, want) in [
        ("{}", Exchange::get("/x").header("ApiKey", "s3cret"), Ok(())),
        ("{}", Exchange::get("/x?apikey=s3cret"), Ok(())),
        ("{}", Exchange::get("/x?apikey=%733cret"), Ok(())),
        ("{}", Exchange::get("/x"), Err("No API key found in request")),
        ("{}", Exchange::get("/x?apikey="), Err("No API key found in request")),
        ("{}", Exchange::get("/x").header("apikey", "other"), Err("Unauthorized")),
        ("{}", Exchange::get("/x?apikey=a&apikey=b"), Err("Duplicate API key found")),
        (
            "{}",
            Exchange::get("/x").header("apikey", "s3cret").header("apikey", "s3cret"),
            Err("Duplicate API key found"),
        ),
        (
            r#"{"key_in_header":false}"#,
            Exchange::get("/x").header("apikey", "s3cret"),
            Err("No API key found in request"),
        ),
        (r#"{"key_in_query":false}"#, Exchange::get("/x?apikey=s3cret"), Err("No API key found in request")),
        (
            r#"{"key_in_body":true}"#,
            Exchange::get("/x").body("application/x-www-form-urlencoded", "apikey=s3cret"),
            Ok(()),
        ),
        (r#"{"key_in_body":true}"#, Exchange::get("/x").body("application/json", r#"{"apikey":"s3cret"}"#), Ok(())),
        (
            "{}",
            Exchange::get("/x").body("application/json", r#"{"apikey":"s3cret"}"#),
            Err("No API key found in request"),
        ),
        (r#"{"key_names":["a","b"]}"#, Exchange::get("/x?b=s3cret"), Ok(())),
    ] {
        let target = exchange.request.head.target.path_and_query().to_vec();
        let mut exchange = known(exchange);
        let got = exchange.access(&filter(config));
        match want {
            Ok(()) => {
                assert_eq!(got, Ok(()), "{config} {target:?}");
                assert_eq!(exchange.sent("X-Consumer-Username"), Some("ann"));
                assert_eq!(exchange.sent("X-Credential-Identifier"), Some(&*KEY.to_string()));
            }
            Err(text) => {
                let reply = got.unwrap_err();
                assert_eq!((reply.status, message(&reply)), (401, text), "{config} {target:?}");
                assert_eq!(reply.headers[0].1, b"Key");
            }
        }
    }
}

#[test]
fn answers_the_same_when_look_ups_come_later() {
    let mut right = known(Exchange::get("/x").header("apikey", "s3cret")).with_cold_cache();
    assert_eq!(right.access(&filter("{}")), Ok(()));
    assert_eq!(right.sent("X-Consumer-ID"), Some(&*ANN.to_string()));
    let mut wrong = known(Exchange::get("/x").header("apikey", "zz")).with_cold_cache();
    assert_eq!(wrong.access(&filter("{}")).unwrap_err().status, 401);
    let mut guest = known(Exchange::get("/x")).with_cold_cache();
    assert_eq!(guest.access(&filter(r#"{"anonymous":"ann"}"#)), Ok(()));
    assert_eq!(guest.sent("X-Anonymous-Consumer"), Some("true"));
}

#[test]
fn takes_the_key_out_of_what_the_upstream_gets() {
    let hiding = filter(r#"{"hide_credentials":true,"key_in_body":true}"#);
    let mut exchange = known(
        Exchange::get("/x?z=1&apikey=s3cret&flag").body("application/x-www-form-urlencoded", "apikey=s3cret&a=b"),
    );
    assert_eq!(exchange.access(&hiding), Ok(()));
    assert_eq!(exchange.upstream.query, Query::Changed(Some(b"z=1&flag=".to_vec())));
    assert_eq!(exchange.upstream.body.as_deref(), Some(b"a=b".as_slice()));
    let mut exchange = known(Exchange::get("/x?a=1").header("apikey", "s3cret"));
    assert_eq!(exchange.access(&hiding), Ok(()));
    assert_eq!(exchange.sent("apikey"), None);
    assert_eq!(exchange.upstream.query, Query::AsReceived);
}

#[test]
fn lets_an_anonymous_consumer_stand_in() {
    let anonymous = filter(r#"{"anonymous":"ann"}"#);
    let mut exchange = known(Exchange::get("/x").header("X-Consumer-Custom-ID", "forged"));
    assert_eq!(exchange.access(&anonymous), Ok(()));
    assert_eq!(exchange.sent("X-Anonymous-Consumer"), Some("true"));
    assert_eq!(exchange.sent("X-Consumer-Custom-ID"), None);
    let missing = filter(r#"{"anonymous":"ghost"}"#);
    let reply = known(Exchange::get("/x")).access(&missing).unwrap_err();
    assert_eq!((reply.status, message(&reply)), (500, "anonymous consumer ghost is configured but doesn't exist"));
}

#[test]
fn leaves_preflights_alone_on_request() {
    let lenient = filter(r#"{"run_on_preflight":false}"#);
    assert_eq!(Exchange::new("OPTIONS", "/x").access(&lenient), Ok(()));
    assert!(Exchange::new("OPTIONS", "/x").access(&filter("{}")).is_err());
    assert!(Exchange::get("/x").access(&lenient).is_err());
}

#[test]
fn names_its_realm() {
    let reply = Exchange::get("/x").access(&filter(r#"{"realm":"here"}"#)).unwrap_err();
    assert_eq!(reply.headers[0].1, b"Key realm=\"here\"");
}
