//! A node without a database: whole configurations in and out, entities read only.

use serde_json::json;

use super::Fixture;

const TEXT: &str = "_format_version: \"3.0\"\nservices:\n- name: s\n  host: h.test\n";

#[tokio::test]
async fn replaces_the_configuration() {
    let api = Fixture::dbless();
    let ready = api.status("GET", "/status/ready", None).await;
    assert_eq!(ready.json()["message"], json!("no configuration available (empty configuration present)"));
    let loaded = api.call("POST", "/config", json!({ "config": TEXT })).await;
    assert_eq!(loaded.status, 201, "{}", loaded.text);
    assert_eq!(loaded.json()["services"].as_object().unwrap().len(), 1);
    assert_eq!(api.get("/services/s").await.json()["host"], json!("h.test"));
    assert_eq!(api.status("GET", "/status/ready", None).await.status, 200);
    let hash = api.get("/status").await.json()["configuration_hash"].clone();
    assert_eq!(hash.as_str().unwrap().len(), 32);
    let same = api.call("POST", "/config?check_hash=1", json!({ "config": TEXT })).await;
    assert_eq!(same.status, 304);
    let shown = api.get("/config").await.json();
    assert!(shown["config"].as_str().unwrap().contains("name: s\n"), "{shown}");
    let form = format!("config={}", TEXT.replace('\n', "%0A"));
    assert_eq!(api.form("POST", "/config", &form).await.status, 201);
}

#[tokio::test]
async fn refuses_configurations() {
    let api = Fixture::dbless();
    let wrong = json!({ "_format_version": "3.0", "services": [{ "name": "s", "host": 5 }] });
    let answer = api.call("POST", "/config", wrong.clone()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(14)));
    assert_eq!(answer.json()["fields"]["services"][0]["host"], json!("expected a string"));
    let flat = api.call("POST", "/config?flatten_errors=1", wrong).await.json();
    assert_eq!(flat["fields"], json!({}));
    assert_eq!(flat["flattened_errors"][0]["errors"][0]["field"], json!("host"));
    assert_eq!(api.call("POST", "/config", json!({})).await.json()["code"], json!(14));
}

#[tokio::test]
async fn writes_nothing_else() {
    let api = Fixture::dbless();
    let refused = api.call("POST", "/services", json!({ "host": "h.test" })).await;
    let message = "cannot create 'services' entities when not using a database";
    assert_eq!((refused.status, refused.json()["message"].as_str()), (405, Some(message)));
    assert_eq!(api.call("POST", "/services", json!({})).await.status, 400);
    assert_eq!(api.call("DELETE", "/services/none", json!({})).await.status, 204);
    let level = api.call("PUT", "/debug/node/log-level/info", json!({})).await;
    assert_eq!(level.status, 405);
    let other = Fixture::embedded().get("/config").await;
    assert_eq!(other.status, 400);
}
