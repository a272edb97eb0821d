//! Targets marked by hand: the balancer leaves them out at once, and the Admin API says so.

use std::collections::BTreeSet;

use anyhow::ensure;
use gibbon_testkit::Gateway;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::upstream::Reaction;
use serde_json::json;

#[test]
fn a_marked_target_gets_no_requests() -> anyhow::Result<()> {
    let (one, two) = (Upstream::start(|_| Reaction::ok("one"))?, Upstream::start(|_| Reaction::ok("two"))?);
    let gateway = crate::on_embedded()?;
    gateway.create("/upstreams", &json!({ "name": "pool" }))?;
    let target = |upstream: &Upstream| format!("127.0.0.1:{}", upstream.port());
    for upstream in [&one, &two] {
        gateway.create("/upstreams/pool/targets", &json!({ "target": target(upstream) }))?;
    }
    gateway.create("/services", &json!({ "name": "s", "host": "pool" }))?;
    gateway.create("/services/s/routes", &json!({ "paths": ["/"] }))?;
    let mark = |upstream: &Upstream, word: &str| {
        gateway.call("PUT", &format!("/upstreams/pool/targets/{}/{word}", target(upstream)), None)
    };

    // Nobody watches, so nobody can say.
    let refused = mark(&one, "unhealthy")?;
    ensure!(refused.status == 400 && refused.text().contains("no healthchecker found for pool"), "{}", refused.text());
    ensure!(health(&gateway)? == ["HEALTHCHECKS_OFF", "HEALTHCHECKS_OFF"]);

    let passive = json!({ "healthchecks": { "passive": { "unhealthy": { "http_failures": 3 } } } });
    ensure!(gateway.call("PATCH", "/upstreams/pool", Some(&passive))?.status == 200);
    ensure!(answers(&gateway)? == set(&["one", "two"]));
    ensure!(mark(&one, "unhealthy")?.status == 204);
    ensure!(answers(&gateway)? == set(&["two"]));
    ensure!(health(&gateway)? == ["HEALTHY", "UNHEALTHY"], "{:?}", health(&gateway)?);

    // A change of something else does not forget it.
    gateway.create("/consumers", &json!({ "username": "ann" }))?;
    ensure!(answers(&gateway)? == set(&["two"]));
    ensure!(mark(&two, "127.0.0.1/unhealthy")?.status == 204);
    ensure!(answers(&gateway)? == set(&["503"]));
    let balancer = gateway.call("GET", "/upstreams/pool/health?balancer_health=1", None)?.json()?;
    ensure!(balancer["data"]["health"] == "UNHEALTHY", "{balancer}");

    ensure!(mark(&one, "healthy")?.status == 204);
    ensure!(mark(&two, "127.0.0.1/healthy")?.status == 204);
    ensure!(answers(&gateway)? == set(&["one", "two"]));
    ensure!(gateway.call("PUT", "/upstreams/pool/targets/10.0.0.1:1/healthy", None)?.status == 404);
    Ok(())
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Returns what requests are answered with, or their status if that is an error.
fn answers(gateway: &Gateway) -> anyhow::Result<BTreeSet<String>> {
    let ask = || {
        let answer = client::send(gateway.proxy(), &Request::new("GET", "/"))?;
        Ok(if answer.status == 200 { answer.text() } else { answer.status.to_string() })
    };
    (0..8).map(|_| ask()).collect()
}

/// Returns the health of each target, the newest first.
fn health(gateway: &Gateway) -> anyhow::Result<Vec<String>> {
    let shown = gateway.call("GET", "/upstreams/pool/health", None)?.json()?;
    let words = shown["data"].as_array().into_iter().flatten().filter_map(|row| row["health"].as_str());
    Ok(words.map(str::to_owned).collect())
}
