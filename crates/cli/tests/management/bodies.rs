//! Bodies that nobody should send: as large as may be, nested beyond sense, malformed. Each gets a 4xx with a text that
//! says why, changes nothing, and leaves the node answering.

use anyhow::ensure;
use gibbon_testkit::Answer;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::client::Request;
use serde_json::Value;
use serde_json::json;

use crate::client::Deck;

/// The size of a large body: within `nginx_admin_client_max_body_size`, so that all of it is read.
const LARGE: usize = 10_000_000;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";
const YAML: &str = "text/yaml";

/// An endpoint of every kind: own and nested, plugins and credentials, keyed in special ways, `/schemas`.
const ENDPOINTS: &[(&str, &str)] = &[
    ("POST", "/services"),
    ("PUT", "/services/demo"),
    ("PATCH", "/services/demo"),
    ("POST", "/services/demo/routes"),
    ("PUT", "/services/demo/routes/new"),
    ("PATCH", "/routes/demo/service"),
    ("POST", "/plugins"),
    ("POST", "/routes/demo/plugins"),
    ("POST", "/certificates"),
    ("PUT", "/certificates/demo.test"),
    ("POST", "/consumers/ann/key-auth"),
    ("PUT", "/consumers/ann/acls/group"),
    ("POST", "/upstreams/pool.test/targets"),
    ("PATCH", "/upstreams/pool.test/targets/10.0.0.1:80"),
    ("POST", "/schemas/services/validate"),
    ("POST", "/schemas/plugins/validate"),
];

/// A body: what it is, its type, its bytes.
struct Bad {
    what: &'static str,
    kind: &'static str,
    bytes: Vec<u8>,
}

fn bad(what: &'static str, kind: &'static str, bytes: impl Into<Vec<u8>>) -> Bad {
    Bad { what, kind, bytes: bytes.into() }
}

fn repeated(before: &str, part: &str, after: &str, size: usize) -> Vec<u8> {
    let mut bytes = before.as_bytes().to_vec();
    while bytes.len() + part.len() + after.len() <= size {
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(after.as_bytes());
    bytes
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n")
}

/// Large ones, of unknown fields, so that reading succeeds and validation does not.
fn large() -> Vec<Bad> {
    let multipart = part("unknown", &"x".repeat(LARGE - part("unknown", "").len()));
    let bodies = vec![
        bad("large JSON", JSON, repeated("{\"unknown\":\"", "x", "\"}", LARGE)),
        bad("large form", FORM, repeated("unknown=", "x", "", LARGE)),
        bad("large multipart", MULTIPART, multipart),
        bad("JSON, very deep lists", JSON, repeated("", "[", "", LARGE)),
        bad("JSON, very deep objects", JSON, repeated("", "{\"a\":", "", LARGE)),
        bad("form, very deep names", FORM, repeated("a", ".a", "=1", LARGE)),
        bad("form, very deep brackets", FORM, repeated("config", "[a]", "=1", LARGE)),
        bad("form, open brackets", FORM, repeated("config", "[", "=1", LARGE)),
        bad("form, brackets escaped twice", FORM, repeated("config", "%255Ba%255D", "=1", LARGE)),
    ];
    assert!(bodies.iter().all(|body| body.bytes.len() <= LARGE && body.bytes.len() > LARGE - 16));
    bodies
}

/// Small ones, for every endpoint.
fn small() -> Vec<Bad> {
    let deep = |levels: usize| format!("{{\"unknown\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    vec![
        bad("cut JSON", JSON, "{\"name\":"),
        bad("JSON and more", JSON, "{} {}"),
        bad("no UTF-8", JSON, b"{\"name\":\"\xff\xfe\"}".to_vec()),
        bad("half a pair", JSON, "{\"name\":\"\\ud800\"}"),
        bad("too large a number", JSON, "{\"port\":1e999}"),
        bad("no name", JSON, "{:1}"),
        bad("deep JSON that is closed", JSON, deep(20_000)),
        bad("JSON as deep as is read", JSON, deep(120)),
        bad("deep form", FORM, repeated("a", ".a", "=1", 1000)),
        bad("deep lists in a form", FORM, repeated("a", "[]", "=1", 1000)),
        bad("many names", FORM, (0..1001).map(|n| format!("a{n}=1&")).collect::<String>()),
        bad("deep multipart", MULTIPART, part(&"a.".repeat(1000), "1")),
        bad("unknown multipart", MULTIPART, part("unknown", "1")),
        bad("a type nobody reads", "text/plain", "name=x"),
        bad("a type in capitals", "APPLICATION/JSON", "{}"),
    ]
}

fn send(gateway: &Gateway, method: &str, path: &str, body: &Bad) -> anyhow::Result<Answer> {
    let request = Request::new(method, path).header("Content-Type", body.kind).header("Connection", "close");
    Connection::open(gateway.admin())?.exchange(&Request { body: body.bytes.clone(), ..request })
}

/// Asks for a clear no.
fn refused(answer: &Answer, what: &str) -> anyhow::Result<()> {
    ensure!((400..500).contains(&answer.status), "{what}: {} {:.300}", answer.status, answer.text());
    let json = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let says_why = if json { answer.json()?["message"].is_string() } else { answer.text().contains("<title>") };
    ensure!(says_why, "{what}: says nothing: {:.300}", answer.text());
    Ok(())
}

fn fill(gateway: &Gateway) -> anyhow::Result<()> {
    for (path, body) in [
        ("/services", json!({ "name": "demo", "host": "demo.test" })),
        ("/services/demo/routes", json!({ "name": "demo", "paths": ["/demo"] })),
        ("/consumers", json!({ "username": "ann" })),
        ("/upstreams", json!({ "name": "pool.test" })),
        ("/upstreams/pool.test/targets", json!({ "target": "10.0.0.1:80" })),
    ] {
        gateway.create(path, &body)?;
    }
    Ok(())
}

#[test]
fn change_nothing_on_an_embedded_database() -> anyhow::Result<()> {
    change_nothing(&crate::on_embedded()?)
}

#[test]
fn change_nothing_on_a_postgres_database() -> anyhow::Result<()> {
    change_nothing(&crate::on_postgres()?)
}

fn change_nothing(gateway: &Gateway) -> anyhow::Result<()> {
    fill(gateway)?;
    let deck = Deck::connect(gateway.admin())?;
    let before = deck.dump()?;
    for body in small() {
        for (method, path) in ENDPOINTS {
            refused(&send(gateway, method, path, &body)?, &format!("{method} {path}: {}", body.what))?;
        }
    }
    for (at, body) in large().iter().enumerate() {
        let (method, path) = ENDPOINTS[at % ENDPOINTS.len()];
        refused(&send(gateway, method, path, body)?, &format!("{method} {path}: {}", body.what))?;
    }
    let query = gateway.call("POST", &format!("/services?a{}=1", ".a".repeat(2000)), Some(&json!({})))?;
    refused(&query, "a deep query")?;
    let too_large = bad("more than is read", JSON, repeated("{\"unknown\":\"", "x", "\"}", 11_000_000));
    let told = Request::new("POST", "/services").header("Content-Type", JSON).header("Content-Length", "11000000");
    ensure!(Connection::open(gateway.admin())?.exchange(&told)?.status == 413, "{}", too_large.what);
    ensure!(deck.dump()? == before, "something was changed");
    Ok(())
}

#[test]
fn change_nothing_in_memory() -> anyhow::Result<()> {
    let gateway = crate::in_memory()?;
    let good = json!({ "_format_version": "3.0", "services": [{ "name": "demo", "host": "demo.test" }] });
    ensure!(gateway.call("POST", "/config", Some(&good))?.status == 201);
    let held = |gateway: &Gateway| anyhow::Ok(gateway.call("GET", "/config", None)?.json()?["config"].clone());
    let before: Value = held(&gateway)?;
    let bomb =
        (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect::<String>();
    let yaml = [
        bad("large YAML", YAML, repeated("_format_version: \"3.0\"\nunknown: ", "x", "", LARGE)),
        bad("very deep flow lists", YAML, repeated("", "[", "", LARGE)),
        bad("very deep flow maps", YAML, repeated("", "{a: ", "", LARGE)),
        bad("very deep lists", YAML, repeated("", "- ", "", LARGE)),
        bad("steps to the right", YAML, (0..2000).map(|n| " ".repeat(n) + "a:\n").collect::<String>()),
        bad("aliases of aliases", YAML, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned() + &bomb),
        bad("itself", YAML, "a: &a [*a]"),
        bad("bytes", YAML, b"\x00\x01\xff".to_vec()),
        bad("a tag of a language", YAML, "!!python/object:x {}"),
        bad("nothing but a remark", YAML, repeated("", "#", "", LARGE)),
    ];
    for body in yaml.iter().chain(&large()).chain(&small()) {
        refused(&send(&gateway, "POST", "/config", body)?, &format!("POST /config: {}", body.what))?;
    }
    ensure!(held(&gateway)? == before, "the configuration is another");
    Ok(())
}
