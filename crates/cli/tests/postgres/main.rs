//! Nodes on a real PostgreSQL server: prepared by a command, hearing from each other, and going on
//! while the server is away.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
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

mod lookups;
mod rows;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");
const LIMIT: Duration = Duration::from_secs(30);

/// Prepares a database of the server by the node's own command, and returns a node that is not started.
fn prepared(server: &Postgres, database: &str) -> anyhow::Result<Gateway> {
    let gateway = Setup::new(GIBBON).postgres(server, database).prepare()?;
    run(&gateway, &["migrations", "bootstrap"], 0)?;
    Ok(gateway)
}

fn run(gateway: &Gateway, words: &[&str], code: i32) -> anyhow::Result<String> {
    let output = gateway.command(words).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{words:?}: {:?} {said}", output.status);
    Ok(said)
}

#[test]
fn commands_prepare_a_database() -> anyhow::Result<()> {
    let server = Postgres::shared();
    let gateway = Setup::new(GIBBON).postgres(server, &server.database(None)?).prepare()?;
    let list = run(&gateway, &["migrations", "list"], 3)?;
    ensure!(list.starts_with("Database needs bootstrapping or is older than Kong 1.0.\n"), "{list}");
    run(&gateway, &["migrations", "up"], 1)?;
    run(&gateway, &["start"], 1)?;
    let made = run(&gateway, &["migrations", "bootstrap"], 0)?;
    ensure!(made == "Bootstrapping database...\nDatabase is up-to-date\n", "{made}");
    for (words, want) in [
        (["migrations", "bootstrap"], "Database already bootstrapped\n"),
        (["migrations", "up"], "Database is already up-to-date\n"),
        (["migrations", "finish"], "No pending migrations to finish\n"),
    ] {
        let said = run(&gateway, &words, 0)?;
        ensure!(said == want, "{words:?}: {said}");
    }
    run(&gateway, &["migrations", "list"], 0)?;
    let said = run(&gateway, &["migrations", "reset"], 1)?;
    ensure!(said.contains("not a tty"), "{said}");
    run(&gateway, &["migrations", "reset", "--yes"], 0)?;
    run(&gateway, &["migrations", "reset", "--yes"], 1)?;
    Ok(())
}

/// Returns an authority, and a certificate that it signed for 127.0.0.1, with its key; all as PEM.
fn certificates() -> anyhow::Result<(String, String, String)> {
    let authority_key = rcgen::KeyPair::generate()?;
    let mut authority = rcgen::CertificateParams::new(Vec::new())?;
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let key = rcgen::KeyPair::generate()?;
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    Ok((authority_pem, certificate.pem(), key.serialize_pem()))
}

#[test]
fn the_server_is_spoken_to_over_tls() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (authority, certificate, key) = certificates()?;
    let write = |name: &str, text: &str| -> anyhow::Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (right, wrong) = (write("right.pem", &authority)?, write("wrong.pem", &certificates()?.0)?);
    let server = Postgres::start_tls(&certificate, &key)?;
    let database = server.database(None)?;
    let setup = |server: &Postgres, trusted: &str| {
        let setup = Setup::new(GIBBON).postgres(server, &database).property("pg_ssl", "on");
        setup.property("pg_ssl_verify", "on").property("lua_ssl_trusted_certificate", trusted)
    };
    let said = run(&setup(&server, &wrong).prepare()?, &["migrations", "bootstrap"], 1)?;
    ensure!(said.contains("certificate"), "{said}");
    let mut gateway = setup(&server, &right).prepare()?;
    run(&gateway, &["migrations", "bootstrap"], 0)?;
    gateway.start()?;
    gateway.create("/consumers", &json!({"username": "ann"}))?;
    // Those in the pool, and the one that listens.
    let count = "SELECT count(*) FILTER (WHERE ssl) > 1, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'gibbon'";
    let encrypted = eventually(LIMIT, || server.sql("postgres", count).ok().filter(|said| said == "t|t"));
    ensure!(encrypted.is_some(), "{:?}", server.sql("postgres", count));
    // A server without TLS is not spoken to at all.
    let plain = Postgres::shared();
    let database = plain.database(None)?;
    let gateway = Setup::new(GIBBON).postgres(plain, &database).property("pg_ssl", "on").prepare()?;
    let said = run(&gateway, &["migrations", "list"], 1)?;
    ensure!(said.contains("TLS"), "{said}");
    Ok(())
}

#[test]
fn exports_are_read_from_the_replica() -> anyhow::Result<()> {
    let server = Postgres::shared();
    let database = server.database(None)?;
    let prepared = prepared(server, &database)?;
    // Who may only read stands for a server that can only be read.
    let reader = format!("reader_{database}");
    server.sql(
        &database,
        &format!("CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"),
    )?;
    server.sql(&database, "INSERT INTO consumers (id, username, ws_id) SELECT id, 'ann', id FROM workspaces")?;
    drop(prepared);
    let setup = Setup::new(GIBBON).postgres(server, &database).property("pg_ro_host", "127.0.0.1");
    let gateway = setup.property("pg_ro_user", &reader).property("pg_ro_pool_size", "1").prepare()?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    run(&gateway, &["config", "db_export", &path("first.yml")], 0)?;
    ensure!(std::fs::read_to_string(path("first.yml"))?.contains("ann"));
    server.sql(&database, &format!("REVOKE SELECT ON consumers FROM {reader}"))?;
    run(&gateway, &["config", "db_export", &path("second.yml")], 1)?;
    Ok(())
}

#[test]
fn a_write_is_live_on_another_node_at_once() -> anyhow::Result<()> {
    let upstream = Upstream::start(|_| Reaction::ok("hello"))?;
    let server = Postgres::shared();
    let database = server.database(None)?;
    let mut writing = prepared(server, &database)?;
    writing.start()?;
    let serving = Setup::new(GIBBON).postgres(server, &database).start()?;
    let mut delays = Vec::new();
    for round in 0..5 {
        let path = format!("/r{round}");
        let url = format!("http://127.0.0.1:{}", upstream.port());
        let service = writing.create("/services", &json!({"name": format!("s{round}"), "url": url}))?;
        writing.create("/routes", &json!({"paths": [path], "service": {"id": service["id"]}}))?;
        let begun = Instant::now();
        let request = Request::new("GET", &path);
        eventually(LIMIT, || client::send(serving.proxy(), &request).ok().filter(|answer| answer.status == 200))
            .with_context(|| format!("round {round} was never served:\n{}", serving.log()))?;
        delays.push(begun.elapsed());
    }
    delays.sort();
    println!("another node serves a route {delays:?} after the Admin API's answer");
    // The quickest: others may have been delayed by whatever else this machine does.
    ensure!(delays[0] < Duration::from_millis(100), "{delays:?}");
    Ok(())
}

#[test]
fn a_server_that_dies_under_load_costs_nothing() -> anyhow::Result<()> {
    let upstream = Upstream::start(|_| Reaction::ok("hello"))?;
    let mut server = Postgres::start()?;
    let database = server.database(None)?;
    let mut gateway = prepared(&server, &database)?;
    gateway.start()?;
    let url = format!("http://127.0.0.1:{}", upstream.port());
    let service = gateway.create("/services", &json!({"name": "s", "url": url}))?;
    gateway.create("/routes", &json!({"paths": ["/r"], "service": {"id": service["id"]}}))?;
    let (enough, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut acknowledged = Vec::new();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                let answer = client::send(gateway.proxy(), &Request::new("GET", "/r"))?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
                served.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let wrote = write_on(&gateway, &mut server, &mut acknowledged);
        enough.store(true, Ordering::Relaxed);
        caller.join().map_err(|_| anyhow::anyhow!("the caller panicked"))??;
        wrote
    })?;
    ensure!(served.load(Ordering::Relaxed) > 0, "nothing was proxied");
    for name in &acknowledged {
        let answer = gateway.call("GET", &format!("/consumers/{name}"), None)?;
        ensure!(answer.status == 200, "{name} was acknowledged and is lost");
    }
    println!("{} requests proxied, {} writes acknowledged", served.load(Ordering::Relaxed), acknowledged.len());
    Ok(())
}

/// Creates consumers while the server is killed and comes back; notes which were acknowledged.
fn write_on(gateway: &Gateway, server: &mut Postgres, acknowledged: &mut Vec<String>) -> anyhow::Result<()> {
    let create = |name: &str| gateway.call("POST", "/consumers", Some(&json!({ "username": name })));
    for round in 0..20 {
        let name = format!("before{round}");
        ensure!(create(&name)?.status == 201);
        acknowledged.push(name);
    }
    server.kill()?;
    let refused = create("lost")?;
    ensure!(refused.status == 500, "{} {}", refused.status, refused.text());
    ensure!(gateway.call("GET", "/consumers", None)?.status == 500);
    server.restart()?;
    let back = eventually(LIMIT, || create("after").ok().filter(|answer| answer.status == 201));
    back.with_context(|| format!("the node did not recover:\n{}", gateway.log()))?;
    acknowledged.push("after".to_owned());
    Ok(())
}
