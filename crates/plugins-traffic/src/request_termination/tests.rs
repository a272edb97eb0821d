//! Fixed answers, echoes and triggers.
#![allow(clippy::unwrap_used)]

use gibbon_schema::{Value, json};
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Reply, ReplyBody, Scope};

use super::RequestTermination;

fn answer(config: Value, mut exchange: Exchange) -> Option<Reply> {
    let (env, _) = testing::env(&[]);
    let mut whole = json!({ "status_code": 503, "echo": false });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let filter = RequestTermination::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).unwrap();
    exchange.access(&filter).err().map(|reply| *reply)
}

#[test]
fn answers_as_configured() {
    for (config, want) in [
        (json!({}), Reply::message(503, "Service unavailable")),
        (json!({ "status_code": 404 }), Reply::message(404, "Not found")),
        (json!({ "status_code": 418 }), Reply::empty(418)),
        (json!({ "status_code": 403, "message": "so" }), Reply::message(403, "so")),
        (
            json!({ "status_code": 200, "body": "<p>", "content_type": "text/html" }),
            Reply::bytes(200, "text/html", "<p>"),
        ),
    ] {
        assert_eq!(answer(config.clone(), Exchange::get("/x")), Some(want), "{config}");
    }
}

#[test]
fn waits_for_its_trigger() {
    let config = json!({ "trigger": "stop", "status_code": 418 });
    for (exchange, stops) in [
        (Exchange::get("/x"), false),
        (Exchange::get("/x?stop"), true),
        (Exchange::get("/x?Stop=1"), false),
        (Exchange::get("/x").header("Stop", ""), true),
    ] {
        assert_eq!(answer(config.clone(), exchange).is_some(), stops);
    }
}

#[test]
fn shows_the_request() {
    let exchange = Exchange::new("POST", "/x?a=1&b&a=2")
        .header("X-A", "1")
        .header("x-a", "2")
        .body("application/json", r#"{"k":1}"#);
    let reply = answer(json!({ "echo": true, "status_code": 200, "message": "m" }), exchange).unwrap();
    let ReplyBody::Json(shown) = reply.body else { panic!("an echo is JSON") };
    let request = &shown["request"];
    assert_eq!(request["query"], json!({ "a": ["1", "2"], "b": true }));
    assert_eq!(request["headers"]["x-a"], json!(["1", "2"]));
    assert_eq!(request["body"], json!({ "k": 1 }));
    assert_eq!(request["raw_body"], json!(r#"{"k":1}"#));
    assert_eq!((&request["method"], &request["path"], &shown["message"]), (&json!("POST"), &json!("/x"), &json!("m")));
    assert_eq!(shown.get("matched_route"), None);
}

#[test]
fn refuses_members_that_do_not_go_together() {
    for (config, want) in [
        (json!({ "message": "a", "body": "b" }), Err("message cannot be used with content_type or body")),
        (json!({ "content_type": "a" }), Err("content_type requires a body")),
        (json!({ "echo": true, "body": "a" }), Err("echo cannot be used with content_type and body")),
        (json!({ "echo": true, "message": "a", "body": null }), Ok(())),
    ] {
        assert_eq!(super::check(&config), want.map_err(str::to_owned), "{config}");
    }
}
