//! Writes by a command beside a node that is serving. What happens to requests meanwhile is tested in `faults`.

use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::upstream::Reaction;
use serde_json::json;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

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
        gateway.run(&["config", "db_import", &file.display().to_string()])?;
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
