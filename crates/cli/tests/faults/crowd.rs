//! Clients that come all at once, and clients that go away.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Connection;
use gibbon_testkit::Ledger;
use gibbon_testkit::Port;
use gibbon_testkit::Upstream;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Echo;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::load::next_id;
use gibbon_testkit::upstream::Reaction;
use rustix::process::Resource;
use serde_json::json;

use crate::background::signal;
use crate::setting;
use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

/// Thousands of connections are open, then each has a request in flight, half of them at an upstream.
pub(crate) fn at_once(scale: Scale) -> anyhow::Result<Row> {
    // Both sides of it are descriptors of processes that this one starts, or its own.
    let most = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) as usize;
    let count = scale.pick(1_000, 10_000).min(most * 6 / 10);
    let echo = Echo::start(Path::new(GIBBON))?;
    let mut document = setting::document(echo.port(), "t");
    document["routes"] = json!([{
        "name": "own",
        "paths": ["/own"],
        "plugins": [{"name": "request-termination", "config": {"status_code": 200, "message": "own"}}],
    }]);
    // Kong's queue; one that is too short drops those that come.
    let port = Port::claim()?;
    let listen = format!("127.0.0.1:{} backlog=16384", port.number());
    let _gateway = Setup::new(GIBBON).declarative(&document.to_string()).property("proxy_listen", &listen).start()?;
    let mut row = Row::new(format!(
        "{count} connections at once, idle, then with a request each, half of them to an upstream; twice"
    ));
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        connections.push(Connection::open(port.number()).with_context(|| format!("connection {number}"))?);
    }
    for _ in 0..2 {
        let begun = Instant::now();
        let mut asked = Vec::with_capacity(count);
        for connection in &mut connections {
            let id = next_id();
            let path = if id.is_multiple_of(2) { "/r" } else { "/own" };
            connection.send(&Request::new("GET", &format!("{path}?id={id}")).bytes(port.number()))?;
            asked.push((id, path));
        }
        let mut failed = 0;
        for (connection, (id, path)) in connections.iter_mut().zip(asked) {
            let answer = connection.answer("GET");
            // The echo says what it was asked.
            let is_own = |text: String| path == "/own" || text.contains(&format!("id={id}\""));
            failed += u64::from(!answer.is_ok_and(|answer| answer.status == 200 && is_own(answer.text())));
        }
        row.requests(count as u64, failed);
        row.recovered(begun.elapsed());
        row.holds(failed == 0, || format!("{failed} were not answered"));
    }
    Ok(row)
}

/// Clients go away while their request waits, while it is uploaded, and while the answer comes.
pub(crate) fn goes_away(_: Scale) -> anyhow::Result<Row> {
    const EACH: usize = 20;
    let own = Ledger::new();
    let upstream = Upstream::start(move |received| match received.target.contains("slow") {
        true => Reaction::After(Duration::from_secs(30), Box::new(own.answer(received))),
        false => own.answer(received),
    })?;
    let document = setting::document(upstream.port(), "t").to_string();
    let gateway = Setup::new(GIBBON).declarative(&document).property("proxy_access_log", "logs/access.log").start()?;
    let mut row = Row::new(format!("{EACH} clients go away while the upstream thinks, {EACH} within their body"));
    let log = gateway.folder().join("prefix/logs/access.log");
    let logged = |what: &str| std::fs::read_to_string(&log).unwrap_or_default().matches(what).count();
    let mut ids = Vec::new();
    for _ in 0..EACH {
        let id = next_id();
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.proxy()))?;
        write!(stream, "GET /r/slow?id={id} HTTP/1.1\r\nHost: a\r\n\r\n")?;
        ids.push((id, stream));
    }
    eventually(Duration::from_secs(10), || (upstream.open() >= EACH).then_some(())).context("they do not arrive")?;
    let begun = Instant::now();
    drop(ids);
    let released = eventually(Duration::from_secs(10), || (upstream.open() == 0).then_some(()));
    row.recovered(begun.elapsed());
    row.requests(EACH as u64, 0);
    row.holds(released.is_some(), || format!("{} connections are still held at the upstream", upstream.open()));
    let seen = eventually(Duration::from_secs(5), || (logged("\" 499 ") == EACH).then_some(()));
    row.holds(seen.is_some(), || format!("{} lines with 499, not {EACH}", logged("\" 499 ")));
    for _ in 0..EACH {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.proxy()))?;
        write!(stream, "POST /r?id={} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", next_id())?;
    }
    let seen = eventually(Duration::from_secs(5), || (logged("\"POST ") == EACH).then_some(()));
    row.requests(EACH as u64, 0);
    row.holds(seen.is_some(), || format!("{} POSTs logged, not {EACH}", logged("\"POST ")));
    let answer = gibbon_testkit::client::send(gateway.proxy(), &Request::new("GET", "/r?id=1"))?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(row)
}

/// USR1: lines go to a new file after the old one was moved away, and none is lost.
pub(crate) fn logs_moved(_: Scale) -> anyhow::Result<Row> {
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let document = setting::document(upstream.port(), "t").to_string();
    let setup = Setup::new(GIBBON).declarative(&document).property("proxy_access_log", "logs/access.log");
    let gateway = setup.property("proxy_error_log", "logs/error.log").start()?;
    let mut row = Row::new("the logs are moved away three times under load, then USR1");
    let logs = gateway.folder().join("prefix/logs");
    let load = gibbon_testkit::load::Load::start(&gibbon_testkit::load::Plan::get(gateway.proxy(), "/r"));
    for round in 0..3 {
        load.wait_for(100)?;
        for name in ["access", "error"] {
            std::fs::rename(logs.join(format!("{name}.log")), logs.join(format!("{name}.{round}")))?;
        }
        signal(gateway.pid().context("it runs")?, "USR1")?;
        eventually(Duration::from_secs(5), || logs.join("access.log").exists().then_some(())).context("no new file")?;
    }
    let tally = load.stop();
    row.none_fails(&tally);
    let lines = || {
        let files = std::fs::read_dir(&logs).into_iter().flatten().flatten();
        let text = files.filter(|file| file.file_name().to_string_lossy().starts_with("access"));
        text.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default().lines().count() as u64).sum::<u64>()
    };
    eventually(Duration::from_secs(3), || (lines() == tally.sent).then_some(()));
    row.writes(lines(), tally.sent.saturating_sub(lines()));
    Ok(row)
}
