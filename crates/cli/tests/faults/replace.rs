//! The node ends, or another takes its place, while requests are in flight.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Answer;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::Ledger;
use gibbon_testkit::Port;
use gibbon_testkit::Upstream;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use gibbon_testkit::upstream::Reaction;
use serde_json::Value;
use serde_json::json;

use crate::background::Background;
use crate::background::signal;
use crate::setting;
use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

/// `gibbon restart` again and again, with other numbers of workers, while requests and Admin writes go on.
pub(crate) fn restart(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(4, 20);
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let port = Port::claim()?;
    let listen = format!("127.0.0.1:{} reuseport", port.number());
    let node = Background::start(Setup::new(GIBBON).embedded().property("proxy_listen", &listen))?;
    setting::serve(&node.gateway, upstream.port())?;
    let mut row =
        Row::new(format!("`gibbon restart` {count} times, 1 to 3 workers, while 8 clients ask and one writes"));
    eventually(Duration::from_secs(5), || Connection::open(port.number()).ok()).context("the proxy does not listen")?;
    let load = Load::start(&Plan::get(port.number(), "/r"));
    let enough = AtomicBool::new(false);
    let (restarted, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&node.gateway, &enough));
        let restarted = (0..count).try_for_each(|round| {
            node.set("nginx_worker_processes", &(1 + round % 3).to_string())?;
            let before = node.pid()?;
            node.gateway.run(&["restart"])?;
            ensure!(node.pid()? != before, "the process is the same");
            load.wait_for(200)?;
            node.wait_for_end(before).map(drop)
        });
        enough.store(true, Ordering::Relaxed);
        (restarted, writer.join())
    });
    let tally = load.stop();
    restarted.with_context(|| node.log())?;
    let (acknowledged, refused) = written.map_err(|_| anyhow::anyhow!("the writer panicked"))?;
    row.none_fails(&tally);
    row.holds(ledger.repeated().is_empty(), || "a request was sent on twice".to_owned());
    row.holds(refused.is_empty(), || format!("writes failed: {}", refused.join(", ")));
    row.writes(acknowledged, acknowledged.saturating_sub(consumers(&node.gateway)?));
    Ok(row)
}

/// Creates consumers until it is told to stop; returns how many were acknowledged, and why others were not.
fn write(gateway: &Gateway, enough: &AtomicBool) -> (u64, Vec<String>) {
    let (mut acknowledged, mut refused) = (0, Vec::new());
    for number in 0.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        match gateway.create("/consumers", &json!({"username": format!("c{number}")})) {
            Ok(_) => acknowledged += 1,
            Err(error) => refused.push(format!("{error:#}")),
        }
    }
    (acknowledged, refused)
}

/// How many consumers there are.
pub(crate) fn consumers(gateway: &Gateway) -> anyhow::Result<u64> {
    let (mut count, mut next) = (0, "/consumers?size=1000".to_owned());
    loop {
        let page = gateway.call("GET", &next, None)?.json()?;
        count += page["data"].as_array().map_or(0, Vec::len) as u64;
        match &page["next"] {
            Value::String(path) => next.clone_from(path),
            _ => return Ok(count),
        }
    }
}

/// A configuration that only `POST /config` gave lives on in the process that takes over.
pub(crate) fn restart_dbless(_: Scale) -> anyhow::Result<Row> {
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let node = Background::start(Setup::new(GIBBON))?;
    let answer = node.gateway.call("POST", "/config", Some(&setting::document(upstream.port(), "kept")))?;
    ensure!(answer.status == 201, "POST /config: {} {}", answer.status, answer.text());
    let mut row = Row::new("`gibbon restart` of a DB-less node that got its configuration by POST /config");
    let load = Load::start(&Plan::get(node.gateway.proxy(), "/r"));
    load.wait_for(100)?;
    let restarted = node.gateway.run(&["restart"]).and_then(|()| load.wait_for(100));
    row.none_fails(&load.stop());
    restarted.with_context(|| node.log())?;
    Ok(row)
}

/// `gibbon restart` with a configuration that does not work: the node goes on.
pub(crate) fn failed_restart(_: Scale) -> anyhow::Result<Row> {
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let document = setting::document(upstream.port(), "t").to_string();
    let node = Background::start(Setup::new(GIBBON).declarative(&document))?;
    let mut row = Row::new("`gibbon restart` with a port that is taken, then with a value that is wrong");
    let load = Load::start(&Plan::get(node.gateway.proxy(), "/r"));
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    for (name, value) in [("status_listen", taken.local_addr()?.to_string()), ("log_level", "loud".to_owned())] {
        node.set(name, &value)?;
        let before = node.pid()?;
        let failed = node.gateway.run(&["restart"]);
        row.holds(failed.is_err(), || format!("{name} = {value} is taken"));
        row.holds(node.pid()? == before, || "the node is another".to_owned());
        load.wait_for(100)?;
        node.set(name, if name == "log_level" { "notice" } else { "off" })?;
    }
    row.none_fails(&load.stop());
    node.gateway.run(&["restart"])?;
    Ok(row)
}

const SLOW: Duration = Duration::from_millis(1500);
const IN_FLIGHT: usize = 8;

/// A node whose upstream takes its time, and connections with a request in flight.
fn slow() -> anyhow::Result<(Background, Ledger, Vec<Connection>)> {
    let ledger = Ledger::new();
    let own = ledger.clone();
    let upstream = Upstream::start(move |received| Reaction::After(SLOW, Box::new(own.answer(received))))?;
    let document = setting::document(upstream.port(), "t").to_string();
    let node = Background::start(Setup::new(GIBBON).declarative(&document))?;
    let request = Request::new("GET", "/r?id=7").bytes(node.gateway.proxy());
    let mut connections = Vec::new();
    for _ in 0..IN_FLIGHT {
        let mut connection = Connection::open(node.gateway.proxy())?;
        connection.send(&request)?;
        connections.push(connection);
    }
    eventually(Duration::from_secs(10), || (ledger.count(7) as usize == IN_FLIGHT).then_some(()))
        .context("the requests do not arrive")?;
    Ok((node, ledger, connections))
}

/// Requests in flight are answered, the connections told to close, new ones refused.
pub(crate) fn quit(_: Scale) -> anyhow::Result<Row> {
    let (node, _, connections) = slow()?;
    let port = node.gateway.proxy();
    // Connected before the end, asks within it.
    let mut late = Connection::open(port)?;
    let mut row = Row::new(format!("`gibbon quit` with {IN_FLIGHT} requests of {} ms in flight", SLOW.as_millis()));
    let (pid, begun) = (node.pid()?, Instant::now());
    let mut quitting = node.ending(&["quit"]).spawn()?;
    let refused = eventually(Duration::from_secs(5), || Connection::open(port).is_err().then(|| begun.elapsed()));
    row.holds(refused.is_some_and(|after| after < SLOW), || format!("new connections were refused after {refused:?}"));
    late.send(&Request::new("GET", "/r?id=8").bytes(port))?;
    let mut answers: Vec<anyhow::Result<Answer>> =
        connections.into_iter().map(|mut connection| connection.answer("GET")).collect();
    answers.push(late.answer("GET"));
    let good = |answer: &&anyhow::Result<Answer>| {
        answer.as_ref().is_ok_and(|answer| answer.status == 200 && answer.header("connection") == Some("close"))
    };
    let failed = answers.len() - answers.iter().filter(good).count();
    row.requests(answers.len() as u64, failed as u64);
    row.holds(failed == 0, || format!("{answers:?}"));
    node.wait_for_end(pid)?;
    row.recovered(begun.elapsed());
    row.holds(quitting.wait()?.success(), || "quit fails".to_owned());
    Ok(row)
}

/// Under load of kept connections, no request that was sent is lost: it is answered, or the connection was closed before.
pub(crate) fn quit_under_load(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(3, 10);
    let mut row =
        Row::new(format!("`gibbon quit` {count} times under the load of 8 clients that keep their connections"));
    for _ in 0..count {
        let ledger = Ledger::new();
        let upstream = ledger.upstream()?;
        let document = setting::document(upstream.port(), "t").to_string();
        let node = Background::start(Setup::new(GIBBON).declarative(&document))?;
        let load = Load::start(&Plan { kept: 8, fresh: 0, ..Plan::get(node.gateway.proxy(), "/r") });
        load.wait_for(200)?;
        let pid = node.pid()?;
        let quit = node.ending(&["quit"]).status()?;
        node.wait_for_end(pid)?;
        let mut tally = load.stop();
        ensure!(quit.success(), "quit: {quit}");
        // That nobody listens any more is what quitting is for.
        tally.refused = 0;
        row.requests(tally.sent, tally.failed());
        row.holds(tally.failed() == 0, || tally.complaint());
    }
    Ok(row)
}

/// Requests in flight are cut, at once, and what was answered stands in the access log.
pub(crate) fn stop(_: Scale) -> anyhow::Result<Row> {
    let (node, _, connections) = slow()?;
    let mut row = Row::new(format!("`gibbon stop` with {IN_FLIGHT} requests in flight, which are cut"));
    let (pid, begun) = (node.pid()?, Instant::now());
    signal(pid, "TERM")?;
    node.wait_for_end(pid)?;
    let took = begun.elapsed();
    row.requests(IN_FLIGHT as u64, 0);
    row.recovered(took);
    row.holds(took < SLOW, || format!("it took {took:?}"));
    for mut connection in connections {
        let answer = connection.answer("GET");
        row.holds(answer.is_err(), || "a request was answered after the end".to_owned());
    }
    Ok(row)
}
