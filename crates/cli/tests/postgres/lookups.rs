//! Nodes that have too many consumers to hold them all: the cache is so small that nearly everything is looked up.

use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use gibbon_testkit::Gateway;
use gibbon_testkit::Postgres;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::upstream::Reaction;
use serde_json::json;

use super::GIBBON;
use super::LIMIT;
use super::prepared;

/// Room for eight documents, or answers.
const CACHE: &str = "8k";
const PEOPLE: usize = 6;

/// Returns an upstream that says who calls.
fn whoami() -> anyhow::Result<Upstream> {
    Upstream::start(|request| {
        let name = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-consumer-username"));
        Reaction::ok(name.map_or("", |(_, name)| name))
    })
}

/// Makes a route for everybody with a key, one for a group, and consumers with keys.
fn populate(gateway: &Gateway, upstream: &Upstream) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}", upstream.port());
    let service = gateway.create("/services", &json!({ "url": url }))?["id"].clone();
    for path in ["/all", "/group"] {
        gateway.create("/routes", &json!({"name": &path[1..], "paths": [path], "service": {"id": service}}))?;
    }
    gateway.create("/plugins", &json!({"name": "key-auth"}))?;
    gateway.create("/routes/group/plugins", &json!({"name": "acl", "config": {"allow": ["g"]}}))?;
    for person in 0..PEOPLE {
        gateway.create("/consumers", &json!({"username": format!("c{person}")}))?;
        gateway.create(&format!("/consumers/c{person}/key-auth"), &json!({"key": format!("k{person}")}))?;
    }
    Ok(())
}

fn ask(gateway: &Gateway, path: &str, key: &str) -> anyhow::Result<(u16, String)> {
    let answer = client::send(gateway.proxy(), &Request::new("GET", path).header("apikey", key))?;
    Ok((answer.status, if answer.status == 200 { answer.text() } else { String::new() }))
}

fn expect(gateway: &Gateway, path: &str, key: &str, want: (u16, &str)) -> anyhow::Result<()> {
    let said = ask(gateway, path, key)?;
    ensure!(said == (want.0, want.1.to_owned()), "{path} {key}: {said:?} instead of {want:?}:\n{}", gateway.log());
    Ok(())
}

/// Waits until a node that was not written through has heard.
fn heard(gateway: &Gateway, path: &str, key: &str, want: (u16, &str)) -> anyhow::Result<()> {
    let want = (want.0, want.1.to_owned());
    let same = eventually(LIMIT, || ask(gateway, path, key).ok().filter(|said| *said == want));
    same.with_context(|| format!("{path} {key} is never {want:?}")).map(|_| ())
}

#[test]
fn consumers_are_looked_up() -> anyhow::Result<()> {
    let upstream = whoami()?;
    let server = Postgres::shared();
    let database = server.database(None)?;
    drop(prepared(server, &database)?);
    let setup = || Setup::new(GIBBON).postgres(server, &database).property("mem_cache_size", CACHE);
    // One becomes too small while it runs, the other finds too many when it starts.
    let here = setup().property("log_level", "info").start()?;
    populate(&here, &upstream)?;
    ensure!(here.log().contains("are looked up from now on"), "{}", here.log());
    let there = setup().start()?;
    for _ in 0..2 {
        for person in 0..PEOPLE {
            for node in [&here, &there] {
                expect(node, "/all", &format!("k{person}"), (200, &format!("c{person}")))?;
                expect(node, "/group", &format!("k{person}"), (403, ""))?;
            }
        }
    }
    // What was not there comes, and what was there goes: on the node that answers, before it answers.
    let write = |method: &str, path: &str, body: Option<serde_json::Value>, status: u16| -> anyhow::Result<()> {
        let answer = here.call(method, path, body.as_ref())?;
        ensure!(answer.status == status, "{method} {path}: {} {}", answer.status, answer.text());
        Ok(())
    };
    for node in [&here, &there] {
        expect(node, "/all", "new", (401, ""))?;
    }
    write("POST", "/consumers/c0/key-auth", Some(json!({"key": "new"})), 201)?;
    expect(&here, "/all", "new", (200, "c0"))?;
    heard(&there, "/all", "new", (200, "c0"))?;
    expect(&here, "/group", "k0", (403, ""))?;
    write("POST", "/consumers/c0/acls", Some(json!({"group": "g"})), 201)?;
    expect(&here, "/group", "k0", (200, "c0"))?;
    heard(&there, "/group", "k0", (200, "c0"))?;
    write("PATCH", "/consumers/c0", Some(json!({"username": "renamed"})), 200)?;
    expect(&here, "/all", "k0", (200, "renamed"))?;
    heard(&there, "/all", "k0", (200, "renamed"))?;
    write("DELETE", "/consumers/renamed/key-auth/k0", None, 204)?;
    expect(&here, "/all", "k0", (401, ""))?;
    heard(&there, "/all", "k0", (401, ""))?;
    expect(&here, "/all", "new", (200, "renamed"))?;
    write("DELETE", "/consumers/renamed", None, 204)?;
    expect(&here, "/all", "new", (401, ""))?;
    heard(&there, "/all", "new", (401, ""))?;
    // A key that ends.
    write("POST", "/consumers/c1/key-auth", Some(json!({"key": "brief", "ttl": 2})), 201)?;
    expect(&here, "/all", "brief", (200, "c1"))?;
    heard(&here, "/all", "brief", (401, ""))
}

#[test]
fn what_was_looked_up_counts_while_the_database_is_away() -> anyhow::Result<()> {
    let upstream = whoami()?;
    let mut server = Postgres::start()?;
    let database = server.database(None)?;
    drop(prepared(&server, &database)?);
    let setup = Setup::new(GIBBON).postgres(&server, &database).property("mem_cache_size", CACHE);
    let gateway =
        setup.property("db_cache_ttl", "1").property("db_cache_warmup_entities", "keyauth_credentials").start()?;
    populate(&gateway, &upstream)?;
    expect(&gateway, "/all", "k0", (200, "c0"))?;
    // Answers are gathered for a moment before they are kept; a second look finds them kept.
    std::thread::sleep(Duration::from_millis(100));
    server.kill()?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        expect(&gateway, "/all", "k0", (200, "c0"))?;
    }
    expect(&gateway, "/all", "k1", (500, ""))?;
    server.restart()?;
    heard(&gateway, "/all", "k1", (200, "c1"))
}
