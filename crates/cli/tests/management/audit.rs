//! The audit line: each write is told, with who, what and what came of it; no read is, and no secret.

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::gateway::Setup;
use serde_json::json;

use crate::GIBBON;

/// A key that must not be found in any log.
const SECRET: &str = "open-sesame-4711";

#[test]
fn tells_writes_and_no_secrets() -> anyhow::Result<()> {
    // Also where the log has room for errors only.
    let setup = Setup::new(GIBBON).embedded().property("audit_log", "on").property("log_level", "error");
    let gateway = setup.start()?;
    let service = gateway.create("/services", &json!({ "name": "demo", "host": "demo.test" }))?;
    gateway.create("/consumers", &json!({ "username": "ann" }))?;
    gateway.create("/consumers/ann/key-auth", &json!({ "key": SECRET }))?;
    let patch =
        Request::new("PATCH", "/services/demo").header("User-Agent", "decK/1.5\"x").json(&json!({ "port": 8080 }));
    ensure!(client::send(gateway.admin(), &patch)?.status == 200);
    gateway.call("PATCH", "/services/demo?apikey=open-sesame-4711", Some(&json!({ "port": SECRET })))?;
    gateway.call("GET", "/services/demo", None)?;
    gateway.call("DELETE", &format!("/consumers/ann/key-auth/{SECRET}"), None)?;
    gateway.call("DELETE", "/services/demo", None)?;
    let log = gateway.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("audit, client: 127.0.0.1:")).collect();
    let told: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once(", method: ")?.1)).collect();
    let id = service["id"].as_str().context("an id")?;
    let want = [
        format!("POST, path: /services, status: 201, id: {id}, agent: \"-\""),
        "POST, path: /consumers, status: 201".to_owned(),
        "POST, path: /consumers/ann/key-auth, status: 201".to_owned(),
        format!("PATCH, path: /services/demo, status: 200, id: {id}, agent: \"decK/1.5\\\"x\""),
        "PATCH, path: /services/demo, status: 400, id: -, agent: \"-\"".to_owned(),
        "DELETE, path: /consumers/ann/key-auth/***, status: 204".to_owned(),
        "DELETE, path: /services/demo, status: 204, id: -, agent: \"-\"".to_owned(),
    ];
    ensure!(told.len() == want.len() && told.iter().zip(&want).all(|(got, want)| got.starts_with(want)), "{log}");
    ensure!(!log.contains(SECRET), "{log}");
    Ok(())
}

#[test]
fn tells_a_new_configuration() -> anyhow::Result<()> {
    let gateway = Setup::new(GIBBON).property("audit_log", "on").start()?;
    gateway.call("POST", "/config", Some(&json!({ "_format_version": "3.0" })))?;
    gateway.call("POST", "/config", Some(&json!({ "services": SECRET })))?;
    let log = gateway.log();
    ensure!(log.contains("method: POST, path: /config, status: 201, id: -"), "{log}");
    ensure!(log.contains("method: POST, path: /config, status: 400, id: -"), "{log}");
    ensure!(!log.contains(SECRET), "{log}");
    Ok(())
}

#[test]
fn is_silent_unless_it_is_asked_for() -> anyhow::Result<()> {
    let gateway = crate::on_embedded()?;
    gateway.create("/consumers", &json!({ "username": "ann" }))?;
    ensure!(!gateway.log().contains("audit"), "{}", gateway.log());
    Ok(())
}
