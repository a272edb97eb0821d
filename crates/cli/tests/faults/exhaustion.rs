//! Something runs out: room on the disk, file descriptors. The data plane goes on, and all is well when there is some again.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use rustix::process::Pid;
use rustix::process::Resource;
use rustix::process::Rlimit;
use serde_json::json;

use crate::replace::consumers;
use crate::setting;
use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

/// Sets what a process may have of something from now on; `None` is all that the system allows.
fn limit(pid: u32, resource: Resource, most: Option<u64>) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("a process")?;
    let maximum = rustix::process::getrlimit(resource).maximum;
    rustix::process::prlimit(Some(pid), resource, Rlimit { current: most.or(maximum), maximum })?;
    Ok(())
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// No file can grow any more: neither the database nor the logs.
pub(crate) fn disk(_: Scale) -> anyhow::Result<Row> {
    let ledger = gibbon_testkit::Ledger::new();
    let upstream = ledger.upstream()?;
    let setup = Setup::new(GIBBON).embedded().property("proxy_access_log", "logs/access.log");
    let gateway = setup.start()?;
    setting::serve(&gateway, upstream.port())?;
    let pid = gateway.pid().context("the node runs")?;
    let mut row =
        Row::new("no file may grow (RLIMIT_FSIZE), database and logs alike, while 8 clients ask; then they may again");
    let load = Load::start(&Plan::get(gateway.proxy(), "/r"));
    load.wait_for(50)?;
    let prefix = gateway.folder().join("prefix");
    // Room for some more.
    let most = size(&prefix.join("gibbon.db")).max(size(&prefix.join("gibbon.db-wal"))) + 100_000;
    limit(pid, Resource::Fsize, Some(most))?;
    let mut acknowledged = 0;
    let refused = loop {
        let body =
            json!({"username": format!("c{acknowledged}"), "custom_id": "x".repeat(2000) + &acknowledged.to_string()});
        let answer = gateway.call("POST", "/consumers", Some(&body)).with_context(|| gateway.log())?;
        if answer.status != 201 {
            break answer;
        }
        acknowledged += 1;
        ensure!(acknowledged < 10_000, "the disk is never full");
    };
    row.holds(refused.status == 500 || refused.status == 503, || format!("{} {}", refused.status, refused.text()));
    row.holds(refused.json().is_ok_and(|said| said["message"].is_string()), || refused.text());
    load.wait_for(200)?;
    row.holds(gateway.call("GET", "/services/s", None)?.status == 200, || "the Admin API does not read".to_owned());
    limit(pid, Resource::Fsize, None)?;
    let begun = Instant::now();
    let written = eventually(Duration::from_secs(10), || {
        let body = json!({"username": format!("c{acknowledged}")});
        gateway.create("/consumers", &body).ok()
    });
    row.none_fails(&load.stop());
    row.recovered(begun.elapsed());
    row.holds(written.is_some(), || "nothing can be written after there is room again".to_owned());
    acknowledged += u64::from(written.is_some());
    row.writes(acknowledged, acknowledged.saturating_sub(consumers(&gateway)?));
    Ok(row)
}

/// How much processor time a process has used, in clock ticks of 10 ms.
fn ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

fn open_files(pid: u32) -> anyhow::Result<u64> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
}

const CROWD: usize = 60;

/// More connections come than there are descriptors.
pub(crate) fn descriptors(_: Scale) -> anyhow::Result<Row> {
    let (gateway, _upstream, _ledger) = setting::embedded()?;
    let pid = gateway.pid().context("the node runs")?;
    let mut row = Row::new(format!(
        "{CROWD} connections and 30 descriptors; 4 clients that were there ask on, the Admin API answers"
    ));
    let load = Load::start(&Plan { kept: 4, fresh: 0, ..Plan::get(gateway.proxy(), "/r") });
    load.wait_for(200)?;
    limit(pid, Resource::Nofile, Some(open_files(pid)? + 30))?;
    let waiting = crowd(&gateway)?;
    eventually(Duration::from_secs(5), || gateway.log().contains("accept failed").then_some(()))
        .context("nothing ran out")?;
    load.wait_for(200)?;
    let status = gateway.call("GET", "/services/s", None).map(|answer| answer.status);
    row.holds(matches!(status, Ok(200)), || format!("the Admin API: {status:?}"));
    row.none_fails(&load.stop());
    // Alone with the connections that wait, it must not spin.
    let before = ticks(pid)?;
    std::thread::sleep(Duration::from_secs(1));
    let busy = ticks(pid)? - before;
    row.holds(busy < 30, || format!("it is busy with nothing: {busy} ms of 100"));
    let lines = gateway.log().matches("accept failed").count();
    row.holds(lines < 20, || format!("{lines} lines of log"));
    limit(pid, Resource::Nofile, None)?;
    let begun = Instant::now();
    let mut failed = 0;
    for mut connection in waiting {
        let answer = connection.answer("GET");
        failed += u64::from(!answer.is_ok_and(|answer| answer.status == 404));
    }
    row.recovered(begun.elapsed());
    row.requests(CROWD as u64, failed);
    row.holds(failed == 0, || format!("{failed} of those that waited were not answered"));
    Ok(row)
}

/// Connections with a request each, of which some wait in the queue.
fn crowd(gateway: &Gateway) -> anyhow::Result<Vec<Connection>> {
    // Answered without an upstream, which would need descriptors too.
    let request = Request::new("GET", "/nowhere");
    let mut connections = Vec::new();
    for _ in 0..CROWD {
        let mut connection = Connection::open(gateway.proxy())?;
        connection.send(&request.bytes(gateway.proxy()))?;
        connections.push(connection);
    }
    Ok(connections)
}
