//! `kill -9` in the middle of Admin writes: the database opens again, and every acknowledged write is there.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use serde_json::json;

use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

const WRITERS: usize = 3;

/// Username to custom id: what the database must hold.
type Consumers = BTreeMap<String, String>;

/// Three clients write without end until the blow falls; then the node starts again and must have it all.
pub(crate) fn kill_while_writing(scale: Scale) -> anyhow::Result<Row> {
    let kills = scale.pick(15, 100);
    let mut row = Row::new(format!("`kill -9` {kills} times in the middle of Admin writes of {WRITERS} clients"));
    let mut gateway = Setup::new(GIBBON).embedded().start()?;
    let mut acknowledged = Consumers::new();
    let (mut count, mut lost) = (0, 0);
    for round in 0..kills {
        let written = write_and_kill(&mut gateway, round)?;
        for (done, doubtful) in written {
            count += done.len() as u64;
            acknowledged.extend(done);
            // Sent, not acknowledged: it may be there or not, and is not asked for.
            acknowledged.remove(&doubtful);
        }
        let begun = Instant::now();
        gateway.start().with_context(|| format!("after kill {round}"))?;
        row.recovered(begun.elapsed());
        let found = consumers(&gateway)?;
        let lacks = |(username, custom_id): &(&String, &String)| found.get(*username) != Some(*custom_id);
        lost += acknowledged.iter().filter(lacks).count() as u64;
        acknowledged.retain(|username, _| found.contains_key(username));
    }
    row.writes(count, lost);
    Ok(row)
}

/// Has clients write, kills the node after another number of writes each time, so that the blow falls into every kind of
/// moment, and returns what each client had acknowledged.
fn write_and_kill(gateway: &mut Gateway, round: usize) -> anyhow::Result<Vec<(Consumers, String)>> {
    let count = AtomicUsize::new(0);
    let blow = 1 + (round * 7) % 40;
    std::thread::scope(|scope| {
        let port = gateway.admin();
        let count = &count;
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(port, round, writer, count))).collect();
        eventually(Duration::from_secs(20), || (count.load(Ordering::Relaxed) >= blow).then_some(()))
            .context("the writes stand still")?;
        gateway.kill()?;
        let joined =
            writers.into_iter().map(|writer| writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?);
        joined.collect()
    })
}

/// Creates and changes consumers until the gateway is gone; returns what was acknowledged, and the name in doubt.
fn write(port: u16, round: usize, writer: usize, count: &AtomicUsize) -> anyhow::Result<(Consumers, String)> {
    let mut connection = Connection::open(port)?;
    let mut done = Consumers::new();
    for number in 0.. {
        let username = format!("r{round}-w{writer}-{number}");
        let create = Request::new("POST", "/consumers").json(&json!({"username": username, "custom_id": username}));
        let changed = format!("{username}-changed");
        let change = Request::new("PATCH", &format!("/consumers/{username}")).json(&json!({"custom_id": changed}));
        for (request, want, custom_id) in [(create, 201, username.clone()), (change, 200, changed)] {
            let Ok(answer) = connection.exchange(&request) else { return Ok((done, username)) };
            ensure!(answer.status == want, "{} {}", answer.status, answer.text());
            done.insert(username.clone(), custom_id);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    unreachable!("the loop has no end")
}

fn consumers(gateway: &Gateway) -> anyhow::Result<Consumers> {
    let mut found = Consumers::new();
    let mut next = Some("/consumers?size=1000".to_owned());
    while let Some(path) = next {
        let page = gateway.call("GET", &path, None)?.json()?;
        for consumer in page["data"].as_array().context("a page has data")? {
            let text = |key: &str| consumer[key].as_str().unwrap_or_default().to_owned();
            found.insert(text("username"), text("custom_id"));
        }
        next = page["next"]
            .as_str()
            .map(|next| if next.contains("size=") { next.to_owned() } else { format!("{next}&size=1000") });
    }
    Ok(found)
}
