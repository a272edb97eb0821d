//! Endpoints made from definitions: writes in every form, keys, pages, nesting.

use serde_json::Value;
use serde_json::json;

use super::Fixture;

const ID: &str = "00000051-0000-4000-8000-000000000051";

#[tokio::test]
async fn creates_changes_and_deletes() {
    let api = Fixture::embedded();
    let made = api.call("POST", "/services", json!({ "name": "s", "url": "http://h.test/x" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.json()["host"], &made.json()["path"]), (&json!("h.test"), &json!("/x")));
    let again = api.call("POST", "/services", json!({ "name": "s", "host": "h.test" })).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!(5)));
    let changed = api.call("PATCH", "/services/s", json!({ "port": 8080 })).await;
    assert_eq!((changed.status, &changed.json()["port"]), (200, &json!(8080)));
    let put = api.call("PUT", "/services/s", json!({ "host": "i.test" })).await;
    assert_eq!((&put.json()["id"], &put.json()["port"]), (&made.json()["id"], &json!(80)));
    assert_eq!(api.call("PATCH", "/services/none", json!({})).await.json()["code"], json!(6));
    assert_eq!(api.call("DELETE", "/services/s", json!({})).await.status, 204);
    assert_eq!(api.call("DELETE", "/services/s", json!({})).await.status, 204);
    assert_eq!(api.get("/services/s").await.text, r#"{"message":"Not found"}"#);
    assert_eq!(api.get("/services/a%20b").await.json()["code"], json!(10));
}

#[tokio::test]
async fn types_forms_by_schema() {
    let api = Fixture::embedded();
    let made = api.form("POST", "/services", "name=s&host=h.test&port=81&enabled=false&tags[]=a&tags[]=b&path=").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["port"], json!(81));
    assert_eq!(made["enabled"], json!(false));
    assert_eq!(made["tags"], json!(["a", "b"]));
    assert_eq!(made["path"], Value::Null);
    let made = api.form("POST", "/plugins", "name=sample&config.limit=7&config.words=one&service.name=s").await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, config) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["config"].clone());
    assert_eq!(config, json!({ "limit": 7, "words": ["one"] }));
    // The stored name says how a change of `config` is typed.
    let changed = api.form("PATCH", &format!("/plugins/{id}"), "config.limit=8").await;
    assert_eq!(changed.json()["config"], json!({ "limit": 8, "words": ["one"] }), "{}", changed.text);
    let text = api.form("POST", "/services", "host=h.test&port=many").await.text;
    assert!(text.contains("port: expected an integer"), "{text}");
}

#[tokio::test]
async fn lists_in_pages() {
    let api = Fixture::embedded();
    for name in ["a", "b", "c"] {
        let body = json!({ "name": name, "host": "h.test", "tags": [name, "all"] });
        assert_eq!(api.call("POST", "/services", body).await.status, 201);
    }
    let mut path = "/services?size=2&tags=all".to_owned();
    let mut names = Vec::new();
    loop {
        let page = api.get(&path).await.json();
        names.extend(page["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => {
                assert!(page["offset"].is_string() && next.ends_with("&tags=all&size=2"), "{next}");
                path = next.to_owned();
            }
            None => break,
        }
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    for (query, code) in [
        ("size=0", 9),
        ("size=x", 9),
        ("size=1001", 9),
        ("offset=!", 7),
        ("tags=", 11),
        ("tags=a,b/c", 11),
        ("tags=a,b,c,d,e,f", 11),
    ] {
        assert_eq!(api.get(&format!("/services?{query}")).await.json()["code"], json!(code), "{query}");
    }
    assert_eq!(api.get("/services?tags=a/b").await.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nests_below_parents() {
    let api = Fixture::embedded();
    api.call("POST", "/services", json!({ "id": ID, "name": "s", "host": "h.test" })).await;
    api.call("POST", "/services", json!({ "name": "t", "host": "h.test" })).await;
    let made = api.call("POST", "/services/s/routes", json!({ "name": "r", "paths": ["/a"] })).await;
    assert_eq!((made.status, &made.json()["service"]["id"]), (201, &json!(ID)));
    assert_eq!(api.get("/services/s/routes").await.json()["data"][0]["name"], json!("r"));
    assert_eq!(api.get("/services/t/routes/r").await.status, 404);
    assert_eq!(api.get("/services/none/routes").await.status, 404);
    assert_eq!(api.get("/routes/r/service").await.json()["name"], json!("s"));
    assert_eq!(api.call("DELETE", "/routes/r/service", json!({})).await.status, 405);
    assert_eq!(api.call("DELETE", "/services/s", json!({})).await.json()["code"], json!(4));
    assert_eq!(api.call("DELETE", "/services/s/routes/r", json!({})).await.status, 204);
    api.call("POST", "/routes", json!({ "name": "alone", "paths": ["/b"] })).await;
    assert_eq!(api.get("/routes/alone/service").await.status, 404);
    let linked = api.call("PUT", "/routes/alone/service", json!({ "host": "n.test" })).await;
    assert_eq!(linked.status, 200, "{}", linked.text);
    assert_eq!(api.get("/routes/alone/service").await.json()["host"], json!("n.test"));
}
