//! The special endpoints, over a database.

use serde_json::json;

use super::Fixture;

#[tokio::test]
async fn says_what_the_node_is() {
    let api = Fixture::embedded();
    let root = api.get("/").await.json();
    assert_eq!(root["version"], json!("3.10.0"));
    assert_eq!(root["gibbon_version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(root["plugins"]["available_on_server"]["sample"]["priority"], json!(7));
    assert_eq!(root["configuration"]["log_level"], json!("notice"));
    let endpoints = api.get("/endpoints").await.json();
    let endpoints: Vec<&str> =
        endpoints["data"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(endpoints[..2], ["/", "/ca_certificates"]);
    assert!(endpoints.contains(&"/upstreams/{upstreams}/targets/{targets}"));
    assert_eq!(api.get("/plugins/enabled").await.text, r#"{"enabled_plugins":["sample"]}"#);
}

#[tokio::test]
async fn describes_and_validates() {
    let api = Fixture::embedded();
    assert_eq!(api.get("/schemas/none").await.text, r#"{"message":"No entity named 'none'"}"#);
    assert!(api.get("/schemas/services").await.json()["fields"].is_array());
    assert!(api.get("/schemas/plugins/sample").await.json()["fields"].is_array());
    assert!(api.get("/plugins/schema/sample").await.json()["fields"][0]["limit"].is_object());
    let valid = api.call("POST", "/schemas/services/validate", json!({ "host": "h.test" })).await;
    assert_eq!((valid.status, valid.json()["message"].as_str()), (200, Some("schema validation successful")));
    // No types are inferred here.
    let text = api.form("POST", "/schemas/services/validate", "host=h.test&port=80").await.text;
    assert!(text.contains("port: expected an integer"), "{text}");
    let wrong =
        api.call("POST", "/schemas/plugins/validate", json!({ "name": "sample", "config": { "limit": 11 } })).await;
    assert_eq!((wrong.status, &wrong.json()["code"]), (400, &json!(2)));
}

#[tokio::test]
async fn shows_the_targets_in_use() {
    let api = Fixture::embedded();
    api.call("POST", "/upstreams", json!({ "name": "u" })).await;
    for (target, created_at) in [("a.test:80", 1000), ("b.test", 2000)] {
        let body = json!({ "target": target, "created_at": created_at });
        assert_eq!(api.call("POST", "/upstreams/u/targets", body).await.status, 201);
    }
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|row| row["target"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&api.get("/upstreams/u/targets").await.json()), ["b.test:8000", "a.test:80"]);
    let page = api.get("/upstreams/u/targets?size=1").await.json();
    assert_eq!(page["next"], json!("/upstreams/u/targets?offset=1"));
    assert_eq!(names(&api.get("/upstreams/u/targets?offset=1").await.json()), ["a.test:80"]);
    assert_eq!(api.get("/upstreams/u/targets/all").await.json()["data"].as_array().unwrap().len(), 2);
    let changed = api.call("PATCH", "/upstreams/u/targets/a.test:80", json!({ "weight": 5 })).await;
    assert_eq!((changed.status, &changed.json()["weight"]), (200, &json!(5)));
    assert_eq!(api.call("DELETE", "/upstreams/u/targets/a.test:80", json!({})).await.status, 204);
    assert_eq!(api.get("/upstreams/u/targets/a.test:80").await.status, 404);
    assert_eq!(api.get("/targets").await.status, 404);
    let none = api.call("PUT", "/upstreams/u/targets/b.test:8000/unhealthy", json!({})).await;
    assert_eq!(none.json()["message"], json!("no healthchecker found for u"));
}

#[tokio::test]
async fn finds_consumers_by_custom_id() {
    let api = Fixture::embedded();
    api.call("POST", "/consumers", json!({ "username": "ann", "custom_id": "c1" })).await;
    assert_eq!(api.get("/consumers?custom_id=c1").await.json()["data"][0]["username"], json!("ann"));
    assert_eq!(api.get("/consumers?custom_id=c2").await.text, r#"{"data":[],"next":null}"#);
    assert_eq!(api.get("/consumers?custom_id=").await.status, 400);
    assert_eq!(api.get("/consumers?custom_id=a&custom_id=b").await.status, 400);
}

#[tokio::test]
async fn lists_tags_and_refuses_to_write_them() {
    let api = Fixture::embedded();
    api.call("POST", "/consumers", json!({ "username": "ann", "tags": ["x", "a b"] })).await;
    assert_eq!(api.get("/tags").await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/tags/a%20b").await.json()["data"][0]["entity_name"], json!("consumers"));
    assert_eq!(api.call("POST", "/tags", json!({ "tag": "x" })).await.json()["code"], json!(2));
}

#[tokio::test]
async fn changes_the_log_level() {
    let api = Fixture::embedded();
    assert_eq!(api.get("/debug/node/log-level").await.json()["message"], json!("log level: notice"));
    for (path, status, message) in [
        ("notice", 200, "log level is already notice"),
        ("loud", 400, "unknown log level: loud"),
        ("info?timeout=-1", 400, "timeout must be greater than or equal to 0"),
        ("info", 200, "log level changed"),
    ] {
        let answer = api.call("PUT", &format!("/debug/node/log-level/{path}"), json!({})).await;
        assert_eq!((answer.status, answer.json()["message"].as_str()), (status, Some(message)), "{path}");
    }
}

#[tokio::test]
async fn drains_once_and_for_all() {
    let api = Fixture::embedded();
    assert_eq!(api.status("GET", "/status/ready", None).await.status, 200);
    assert_eq!(api.status("POST", "/status/ready", Some(json!({}))).await.status, 400);
    assert_eq!(api.status("POST", "/status/ready", Some(json!({ "status": "draining" }))).await.status, 204);
    let ready = api.status("GET", "/status/ready", None).await;
    assert_eq!((ready.status, ready.text.as_str()), (503, r#"{"message":"draining"}"#));
    assert_eq!(api.status("GET", "/services", None).await.status, 404);
    assert_eq!(api.status("GET", "/status", None).await.json()["database"]["reachable"], json!(true));
}
