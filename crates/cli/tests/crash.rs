//! `kill -9` in the middle of Admin writes: the database opens again, and every acknowledged write is there.
//!
//! `CRASHES=1000` makes it look longer.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use serde_json::json;

const WRITERS: usize = 3;

/// Username to custom id: what the database must hold.
type Consumers = BTreeMap<String, String>;

#[test]
fn acknowledged_writes_survive_kill_9() -> anyhow::Result<()> {
    let crashes: usize = std::env::var("CRASHES").ok().map_or(Ok(100), |count| count.parse())?;
    let mut gateway = Setup::new(env!("CARGO_BIN_EXE_gibbon")).embedded().start()?;
    let mut acknowledged = Consumers::new();
    for round in 0..crashes {
        let count = AtomicUsize::new(0);
        // Another number of writes each time, so that the blow falls into every kind of moment.
        let blow = 1 + (round * 7) % 40;
        let written = std::thread::scope(|scope| {
            let port = gateway.admin();
            let count = &count;
            let writers: Vec<_> =
                (0..WRITERS).map(|writer| scope.spawn(move || write(port, round, writer, count))).collect();
            eventually(Duration::from_secs(20), || (count.load(Ordering::Relaxed) >= blow).then_some(()))
                .context("the writes stand still")?;
            gateway.kill()?;
            writers
                .into_iter()
                .map(|writer| writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?)
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        for (done, doubtful) in written {
            acknowledged.extend(done);
            // Sent, not acknowledged: it may be there or not, and is not asked for.
            acknowledged.remove(&doubtful);
        }
        gateway.start().with_context(|| format!("after crash {round}"))?;
        let found = consumers(&gateway)?;
        for (username, custom_id) in &acknowledged {
            ensure!(found.get(username) == Some(custom_id), "crash {round}: `{username}` is lost or old: {found:?}");
        }
    }
    Ok(())
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
