//! Changes to a node that is serving: reload, and writes by a command beside it.
//!
//! What a reload reads again is tested where it is read.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::upstream::Reaction;
use serde_json::json;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");
const CLIENTS: usize = 8;
const RELOADS: usize = 10;

#[test]
fn reload_under_load_fails_no_request() -> anyhow::Result<()> {
    let upstream = Upstream::start(|_| Reaction::ok("hello"))?;
    let gateway = Setup::new(GIBBON).declarative(&document("r", upstream.port())).start()?;
    let enough = AtomicBool::new(false);
    let count = AtomicUsize::new(0);
    let (enough, count) = (&enough, &count);
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| call_without_end(gateway.proxy(), enough, count))).collect();
        let reloaded = reload_under(&gateway, count);
        enough.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        reloaded
    })
}

/// Reloads again and again, each time when the clients have had answers since the last.
fn reload_under(gateway: &Gateway, count: &AtomicUsize) -> anyhow::Result<()> {
    for _ in 0..RELOADS {
        let before = count.load(Ordering::Relaxed);
        run(gateway, &["reload"])?;
        eventually(Duration::from_secs(10), || (count.load(Ordering::Relaxed) > before + 200).then_some(()))
            .with_context(|| format!("no answers after a reload:\n{}", gateway.log()))?;
    }
    Ok(())
}

/// Calls on one connection, and opens another only when an answer said that this one closes.
fn call_without_end(port: u16, enough: &AtomicBool, count: &AtomicUsize) -> anyhow::Result<()> {
    let request = Request::new("GET", "/r");
    let mut connection = Connection::open(port)?;
    while !enough.load(Ordering::Relaxed) {
        let answer = connection.exchange(&request).context("a request failed")?;
        ensure!(answer.status == 200 && answer.body == b"hello", "{} {}", answer.status, answer.text());
        if answer.header("connection") == Some("close") {
            connection = Connection::open(port)?;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[test]
fn a_write_beside_the_node_is_live_within_100_ms() -> anyhow::Result<()> {
    let upstream = Upstream::start(|_| Reaction::ok("hello"))?;
    let gateway = Setup::new(GIBBON).embedded().start()?;
    let mut delays = Vec::new();
    for round in 0..5 {
        let file = gateway.folder().join("change.yaml");
        std::fs::write(&file, document(&format!("r{round}"), upstream.port()))?;
        let request = Request::new("GET", &format!("/r{round}"));
        ensure!(client::send(gateway.proxy(), &request)?.status == 404, "the route is there before it is written");
        run(&gateway, &["config", "db_import", &file.display().to_string()])?;
        let written = Instant::now();
        let is_live = || client::send(gateway.proxy(), &request).is_ok_and(|answer| answer.status == 200);
        eventually(Duration::from_secs(5), || is_live().then_some(()))
            .with_context(|| format!("the write is not live:\n{}", gateway.log()))?;
        delays.push(written.elapsed());
    }
    delays.sort();
    // The median, since other tests share the machine.
    ensure!(delays[delays.len() / 2] <= Duration::from_millis(100), "live after {delays:?}");
    Ok(())
}

fn document(name: &str, port: u16) -> String {
    json!({
        "_format_version": "3.0",
        "services": [{
            "name": name,
            "url": format!("http://127.0.0.1:{port}"),
            "routes": [{"name": name, "paths": [format!("/{name}")]}],
        }],
    })
    .to_string()
}

fn run(gateway: &Gateway, words: &[&str]) -> anyhow::Result<()> {
    let done = gateway.command(words).output()?;
    ensure!(
        done.status.success(),
        "{words:?}: {}\n{}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
