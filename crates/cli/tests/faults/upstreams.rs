//! Upstreams that die, hang, reset and close at the wrong moment: what may be repeated is, what may not never is.
//!
//! The rule is nginx's as Kong sets it (`proxy_next_upstream error timeout`): POST, LOCK and PATCH are repeated only as
//! long as nothing of them was sent.

use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use gibbon_testkit::Connection;
use gibbon_testkit::Gateway;
use gibbon_testkit::Ledger;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use gibbon_testkit::load::Tally;
use gibbon_testkit::load::next_id;
use gibbon_testkit::upstream::Reaction;
use serde_json::json;

use crate::setting;
use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

/// One of two targets dies under load and comes back.
pub(crate) fn dies(scale: Scale) -> anyhow::Result<Row> {
    let deaths = scale.pick(3, 10);
    let ledger = Ledger::new();
    let (stays, mut dies) = (ledger.upstream()?, ledger.upstream()?);
    let document = json!({
        "_format_version": "3.0",
        "services": [{"name": "s", "host": "u", "routes": [{"name": "r", "paths": ["/r"]}]}],
        "upstreams": [{"name": "u", "targets": [
            {"target": format!("127.0.0.1:{}", stays.port())},
            {"target": format!("127.0.0.1:{}", dies.port())},
        ]}],
    });
    let gateway = Setup::new(GIBBON).declarative(&document.to_string()).start()?;
    let mut row =
        Row::new(format!("one of two targets dies {deaths} times under GETs and POSTs; POSTs cut by it may fail"));
    let gets = Load::start(&Plan::get(gateway.proxy(), "/r"));
    let posts = Load::start(&Plan { kept: 2, fresh: 2, ..Plan::post(gateway.proxy(), "/r") });
    for _ in 0..deaths {
        gets.wait_for(100)?;
        let address = dies.die()?;
        gets.wait_for(100)?;
        posts.wait_for(50)?;
        let own = ledger.clone();
        dies = Upstream::start_at(address, move |received| own.answer(received))?;
    }
    row.none_fails(&gets.stop());
    let posts = posts.stop();
    // At most what was in flight at the target that died.
    let cut = posts.with(502);
    row.requests(posts.sent, cut);
    row.holds(posts.failed() == cut && cut <= 4 * deaths, || posts.complaint());
    row.holds(posts.sent > 0, || "nothing was asked".to_owned());
    Ok(row)
}

/// Says about an id whether the upstream is to misbehave: the method is in the path, and each misbehaves once.
fn node_with(
    script: impl Fn(&str, bool) -> Option<Reaction> + Send + Sync + 'static,
) -> anyhow::Result<(Gateway, Upstream, Ledger)> {
    let ledger = Ledger::new();
    let own = ledger.clone();
    let upstream = Upstream::start(move |received| {
        let answer = own.answer(received);
        let id = received.target.rsplit_once("id=").and_then(|(_, id)| id.parse().ok()).unwrap_or_default();
        let fault = received.target.split(['/', '?']).find(|word| !word.is_empty()).unwrap_or_default();
        script(fault, own.count(id) == 1).unwrap_or(answer)
    })?;
    let document = json!({
        "_format_version": "3.0",
        "services": [{
            "name": "s",
            "url": format!("http://127.0.0.1:{}", upstream.port()),
            "read_timeout": 300,
            "routes": [{"name": "r", "paths": ["/"]}],
        }],
    });
    let gateway = Setup::new(GIBBON).declarative(&document.to_string()).start()?;
    Ok((gateway, upstream, ledger))
}

/// An answer's beginning, without its end.
const HALF_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Le";
const HALF_BODY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
const HALF_CHUNKS: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";

/// Each way to misbehave, once for GET and once for POST, while others ask on and see nothing of it.
pub(crate) fn misbehave(_: Scale) -> anyhow::Result<Row> {
    let (gateway, _upstream, ledger) = node_with(|fault, first| match (fault, first) {
        ("close", true) => Some(Reaction::Close),
        ("reset", true) => Some(Reaction::Reset(Vec::new())),
        ("half-head", true) => Some(Reaction::WriteAndClose(HALF_HEAD.to_vec())),
        ("reset-head", true) => Some(Reaction::Reset(HALF_HEAD.to_vec())),
        ("hang", true) => Some(Reaction::After(Duration::from_millis(1500), Box::new(Reaction::Close))),
        ("half-body", _) => Some(Reaction::WriteAndClose(HALF_BODY.to_vec())),
        ("half-chunks", _) => Some(Reaction::WriteAndClose(HALF_CHUNKS.to_vec())),
        _ => None,
    })?;
    let mut row = Row::new(
        "a target closes, resets, hangs, stops in head, body, chunks: a GET and a POST each, beside 8 clients",
    );
    let load = Load::start(&Plan::get(gateway.proxy(), "/fine"));
    load.wait_for(50)?;
    // What the client gets (0: a cut answer), and how often the upstream was asked.
    for (fault, get, post) in [
        ("close", (200, 2), (502, 1)),
        ("reset", (200, 2), (502, 1)),
        ("half-head", (200, 2), (502, 1)),
        ("reset-head", (200, 2), (502, 1)),
        ("hang", (200, 2), (504, 1)),
        ("half-body", (0, 1), (0, 1)),
        ("half-chunks", (0, 1), (0, 1)),
    ] {
        for (method, want) in [("GET", get), ("POST", post)] {
            let id = next_id();
            let request = Request::new(method, &format!("/{fault}?id={id}"));
            let begun = Instant::now();
            let status = client::send(gateway.proxy(), &request).map_or(0, |answer| answer.status);
            row.recovered(begun.elapsed());
            let got = (status, ledger.count(id));
            row.requests(1, 0);
            row.holds(got == want, || format!("{method} {fault}: {got:?}, not {want:?}"));
        }
    }
    row.none_fails(&load.stop());
    Ok(row)
}

/// Each answer says that the connection stays, and the upstream closes it all the same, right away.
pub(crate) fn closes_idle(scale: Scale) -> anyhow::Result<Row> {
    let count = scale.pick(500, 5000);
    let ledger = Ledger::new();
    let own = ledger.clone();
    let upstream = Upstream::start(move |received| {
        let text = own.enter(received).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        Reaction::WriteAndClose(answer.into_bytes())
    })?;
    let document = setting::document(upstream.port(), "t").to_string();
    let gateway = Setup::new(GIBBON).declarative(&document).start()?;
    let mut row =
        Row::new("the upstream closes each connection it promised to keep, under GETs and POSTs; POSTs may fail");
    let gets = Load::start(&Plan::get(gateway.proxy(), "/r"));
    let posts = Load::start(&Plan { kept: 4, fresh: 0, ..Plan::post(gateway.proxy(), "/r") });
    posts.wait_for(count)?;
    row.none_fails(&gets.stop());
    let posts: Tally = posts.stop();
    let cut = posts.with(502);
    row.requests(posts.sent, cut);
    row.holds(posts.failed() == cut, || posts.complaint());
    // Between the look at a connection and the write to it the upstream may close it; nobody can know.
    row.holds(cut * 20 <= posts.sent, || format!("{cut} of {} POSTs failed", posts.sent));
    row.holds(ledger.repeated().is_empty(), || "a request was executed twice".to_owned());
    Ok(row)
}

/// A POST on a connection that was closed while it was idle: the gateway sees it and takes another.
pub(crate) fn stale_post(_: Scale) -> anyhow::Result<Row> {
    let (gateway, _upstream, ledger) = node_with(|_, _| None)?;
    let mut row = Row::new("the upstream dies and comes back while its connections are idle, then a POST comes");
    let mut client = Connection::open(gateway.proxy())?;
    let mut upstream = Some(_upstream);
    for _ in 0..20 {
        let id = next_id();
        let mut request = Request::new("POST", &format!("/fine?id={id}"));
        request.body = b"a=b".to_vec();
        let answer = client.exchange(&request)?;
        row.requests(1, u64::from(answer.status != 200));
        row.holds(answer.status == 200 && ledger.count(id) == 1, || format!("{} {}", answer.status, answer.text()));
        let address = upstream.take().context("an upstream")?.die()?;
        let own = ledger.clone();
        upstream = Some(Upstream::start_at(address, move |received| own.answer(received))?);
    }
    Ok(row)
}
