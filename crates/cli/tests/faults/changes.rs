//! The configuration changes while requests pass: none of them may notice.

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Gateway;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use serde_json::Value;
use serde_json::json;

use crate::setting;
use crate::suite::Row;
use crate::suite::Scale;

/// Changes through the Admin API, of the very service and route that are asked and of others.
pub(crate) fn embedded(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(200, 1000);
    let (gateway, _upstream, ledger) = setting::embedded()?;
    let mut row = Row::new(format!("{count} changes through the Admin API while 8 clients ask"));
    let load = Load::start(&Plan::get(gateway.proxy(), "/r"));
    for round in 0..count / CHANGES_A_ROUND {
        changes(&gateway, round).with_context(|| gateway.log())?;
    }
    row.none_fails(&load.stop());
    row.holds(ledger.repeated().is_empty(), || "a request was sent on twice".to_owned());
    let consumers = gateway.call("GET", "/consumers?size=1000", None)?.json()?;
    let found = consumers["data"].as_array().map_or(0, Vec::len) as u64;
    let want = (count / CHANGES_A_ROUND) as u64;
    row.writes(count as u64, want.saturating_sub(found));
    Ok(row)
}

const CHANGES_A_ROUND: usize = 10;

/// Ten changes of every kind; a consumer stays of each round.
fn changes(gateway: &Gateway, round: usize) -> anyhow::Result<()> {
    let plugin = format!("{:08x}-0000-4000-8000-000000000000", round + 1);
    let terminate =
        json!({"id": plugin, "name": "correlation-id", "config": {"header_name": format!("X-Round-{round}")}});
    for (method, path, body, want) in [
        ("PATCH", "/services/s".to_owned(), json!({"retries": 5 + round % 5}), 200),
        ("PATCH", "/routes/r".to_owned(), json!({"tags": [format!("t{round}")]}), 200),
        ("POST", "/services/s/routes".to_owned(), json!({"name": "other", "paths": [format!("/o{round}")]}), 201),
        ("POST", "/routes/r/plugins".to_owned(), terminate, 201),
        ("PATCH", format!("/plugins/{plugin}"), json!({"config": {"generator": "uuid"}}), 200),
        ("POST", "/consumers".to_owned(), json!({"username": format!("c{round}")}), 201),
        ("POST", "/plugins".to_owned(), json!({"name": "cors"}), 201),
        ("PATCH", "/routes/other".to_owned(), json!({"paths": ["/r/deeper"]}), 200),
        ("DELETE", "/routes/other".to_owned(), Value::Null, 204),
        ("DELETE", format!("/plugins/{plugin}"), Value::Null, 204),
    ] {
        let answer = gateway.call(method, &path, (!body.is_null()).then_some(&body))?;
        ensure!(answer.status == want, "{method} {path}: {} {}", answer.status, answer.text());
    }
    let plugins = gateway.call("GET", "/plugins", None)?.json()?;
    for plugin in plugins["data"].as_array().into_iter().flatten() {
        gateway.call("DELETE", &format!("/plugins/{}", plugin["id"].as_str().unwrap_or_default()), None)?;
    }
    Ok(())
}

/// Whole configurations, one after the other.
pub(crate) fn dbless(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(100, 1000);
    let (gateway, upstream, ledger) = setting::dbless()?;
    let mut row = Row::new(format!("{count} whole configurations through POST /config while 8 clients ask"));
    let load = Load::start(&Plan::get(gateway.proxy(), "/r"));
    let mut lost = 0;
    for round in 0..count {
        let tag = format!("t{round}");
        let mut document = setting::document(upstream.port(), &tag);
        let other = json!({"name": "o", "paths": [format!("/o{round}")]});
        document["services"][0]["routes"].as_array_mut().context("a list of routes")?.push(other);
        let answer = gateway.call("POST", "/config", Some(&document))?;
        ensure!(answer.status == 201, "POST /config: {} {}", answer.status, answer.text());
        let found = gateway.call("GET", "/services/s", None)?.json()?;
        lost += u64::from(found["tags"][0] != tag.as_str());
    }
    row.none_fails(&load.stop());
    row.holds(ledger.repeated().is_empty(), || "a request was sent on twice".to_owned());
    row.writes(count, lost);
    Ok(row)
}

/// `gibbon reload`, again and again, each time after the clients have had answers.
pub(crate) fn reload(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(10, 50);
    let (gateway, _upstream, ledger) = setting::dbless()?;
    let mut row = Row::new(format!("`gibbon reload` {count} times while 8 clients ask"));
    let load = Load::start(&Plan::get(gateway.proxy(), "/r"));
    for _ in 0..count {
        gateway.run(&["reload"])?;
        load.wait_for(100).with_context(|| gateway.log())?;
    }
    row.none_fails(&load.stop());
    row.holds(ledger.repeated().is_empty(), || "a request was sent on twice".to_owned());
    Ok(row)
}
