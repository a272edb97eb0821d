//! Faults of code and clocks, in a data plane inside this process: a plugin that panics, a wall clock that jumps.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use gibbon_plugins_traffic::rate_limiting::RateLimiting;
use gibbon_proxy::testing::Node;
use gibbon_proxy::testing::With;
use gibbon_schema::Record;
use gibbon_sdk::BuildError;
use gibbon_sdk::Clock;
use gibbon_sdk::Cx;
use gibbon_sdk::Env;
use gibbon_sdk::Filter;
use gibbon_sdk::GO;
use gibbon_sdk::Phases;
use gibbon_sdk::Plugin;
use gibbon_sdk::PluginDef;
use gibbon_sdk::Scope;
use gibbon_sdk::Step;
use gibbon_sdk::Verdict;
use gibbon_sdk::http::Part;
use gibbon_testkit::Connection;
use gibbon_testkit::Ledger;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use gibbon_testkit::load::next_id;
use gibbon_testkit::upstream::Reaction;
use serde::Deserialize;
use serde_json::json;

use crate::suite::Row;
use crate::suite::Scale;

/// Panics in the phase that the request's `X-Panic` names.
struct Panics;

/// The same in the response phase, which excludes that of the body.
struct PanicsInResponse;

#[derive(Clone, Debug, Deserialize, Record)]
struct Config {
    /// Without meaning.
    #[field(default = "none")]
    note: Option<String>,
}

impl Plugin for Panics {
    const NAME: &'static str = "panics";
    const PRIORITY: i32 = 1000;
    const PHASES: Phases = Phases::REWRITE.and(Phases::ACCESS).and(Phases::HEADER).and(Phases::BODY).and(Phases::LOG);
    type Config = Config;
    type Filter = Self;

    fn build(config: Config, _: &Arc<Env>, _: &Scope) -> Result<Self, BuildError> {
        drop(config.note);
        Ok(Self)
    }
}

impl Plugin for PanicsInResponse {
    const NAME: &'static str = "panics-in-response";
    const PRIORITY: i32 = 999;
    const PHASES: Phases = Phases::RESPONSE;
    type Config = Config;
    type Filter = Self;

    fn build(_: Config, _: &Arc<Env>, _: &Scope) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

fn at(cx: &mut Cx<'_>, phase: &str) {
    let wanted = cx.request().head.headers.get("x-panic").is_some_and(|wanted| wanted == phase.as_bytes());
    assert!(!wanted, "told to panic in {phase}");
}

impl Filter for Panics {
    fn rewrite<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        at(cx, "rewrite");
        Step::GO
    }

    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        at(cx, "access");
        Step::later(async move {
            tokio::task::yield_now().await;
            at(cx, "access, later");
            GO
        })
    }

    fn header(&self, cx: &mut Cx<'_>) -> Verdict {
        at(cx, "header");
        GO
    }

    fn wants_body(&self, cx: &mut Cx<'_>) -> bool {
        at(cx, "wants body");
        true
    }

    fn chunk(&self, cx: &mut Cx<'_>, _: &mut Part) {
        at(cx, "body");
    }

    fn log(&self, cx: &mut Cx<'_>) {
        at(cx, "log");
    }
}

impl Filter for PanicsInResponse {
    fn response<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        at(cx, "response");
        Step::GO
    }
}

/// Each phase panics for one request, beside others on the same worker, on a connection that goes on.
pub(crate) fn in_every_phase(scale: Scale) -> anyhow::Result<Row> {
    let times = scale.pick(3, 20);
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let document = json!({
        "_format_version": "3.0",
        "plugins": [{"name": "panics"}],
        "services": [{"name": "s", "url": format!("http://127.0.0.1:{}", upstream.port()), "routes": [
            {"name": "r", "paths": ["/r"]},
            {"name": "whole", "paths": ["/whole"], "plugins": [{"name": "panics-in-response"}]},
        ]}],
    });
    let plugins = vec![PluginDef::of::<Panics>(), PluginDef::of::<PanicsInResponse>()];
    let node = Node::start(&document.to_string(), With { plugins, ..With::default() })?;
    let mut row =
        Row::new(format!("a plugin panics in each phase, {times} times, on the worker that serves 8 other clients"));
    let load = Load::start(&Plan::get(node.port(), "/r"));
    load.wait_for(50)?;
    // The messages of panics that are wanted.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut client = Connection::open(node.port())?;
    for _ in 0..times {
        for (phase, path, want) in [
            ("rewrite", "/r", 500),
            ("access", "/r", 500),
            ("access, later", "/r", 500),
            ("response", "/whole", 500),
            ("header", "/r", 200),
            ("wants body", "/r", 200),
            ("body", "/r", 200),
            ("log", "/r", 200),
        ] {
            let request = Request::new("GET", &format!("{path}?id={}", next_id())).header("X-Panic", phase);
            let status = client.exchange(&request).map(|answer| answer.status);
            row.requests(1, 0);
            row.holds(matches!(status, Ok(status) if status == want), || format!("{phase}: {status:?}"));
            let next = client.exchange(&Request::new("GET", &format!("{path}?id={}", next_id())));
            row.requests(1, u64::from(next.is_err()));
            row.holds(next.is_ok_and(|answer| answer.status == 200), || format!("after {phase}"));
        }
    }
    std::panic::set_hook(hook);
    row.none_fails(&load.stop());
    Ok(row)
}

const HOUR_MS: i64 = 3_600_000;

/// The wall clock jumps while a window of rate-limiting is full, and while requests wait for a slow upstream.
pub(crate) fn clock_jumps(_: Scale) -> anyhow::Result<Row> {
    let shift = Arc::new(AtomicI64::new(0));
    let own = Ledger::new();
    let upstream = Upstream::start(move |received| {
        let wait = if received.target.contains("slow") {
            400
        } else if received.target.contains("hang") {
            5000
        } else {
            0
        };
        Reaction::After(Duration::from_millis(wait), Box::new(own.answer(received)))
    })?;
    let url = format!("http://127.0.0.1:{}", upstream.port());
    let limits = json!([{"name": "rate-limiting", "config": {"hour": 5, "limit_by": "ip", "policy": "local"}}]);
    let document = json!({"_format_version": "3.0", "services": [
        {"name": "s", "url": url, "read_timeout": 1000, "retries": 0, "routes": [{"name": "r", "paths": ["/r"]}]},
        {"name": "l", "url": url, "routes": [{"name": "l", "paths": ["/limited"], "plugins": limits}]},
    ]});
    let clock = Clock::Shifted(Arc::clone(&shift));
    let with = With { plugins: vec![PluginDef::of::<RateLimiting>()], clock, ..With::default() };
    let node = Node::start(&document.to_string(), with)?;
    let mut row = Row::new(
        "the wall clock jumps by hours, forward and back, while windows fill and requests wait, beside 8 clients",
    );
    let load = Load::start(&Plan::get(node.port(), "/r"));
    for jump in [0, 2 * HOUR_MS, -3 * HOUR_MS, 30 * 24 * HOUR_MS, -1000 * HOUR_MS] {
        shift.fetch_add(jump, Ordering::Relaxed);
        // A new hour lets pass what an hour lets pass; what is left of it is told rightly.
        for number in 1..=6 {
            let answer = client::send(node.port(), &Request::new("GET", "/limited?id=1"))?;
            let want = if number <= 5 { 200 } else { 429 };
            row.requests(1, 0);
            row.holds(answer.status == want, || {
                format!("request {number} after a jump of {jump} ms: {}", answer.status)
            });
            let reset: u64 = answer.header("ratelimit-reset").and_then(|reset| reset.parse().ok()).unwrap_or(u64::MAX);
            row.holds(reset <= 3600, || format!("the window ends in {reset} s"));
        }
    }
    for jump in [HOUR_MS, -HOUR_MS] {
        // Timeouts are not the wall clock's business: what is slow is awaited, what hangs ends in time.
        for (path, want, least, most) in [("slow", 200, 350, 1000), ("hang", 504, 950, 3000)] {
            let mut connection = Connection::open(node.port())?;
            let begun = Instant::now();
            connection.send(&Request::new("GET", &format!("/r/{path}?id={}", next_id())).bytes(node.port()))?;
            std::thread::sleep(Duration::from_millis(100));
            shift.fetch_add(jump, Ordering::Relaxed);
            let status = connection.answer("GET")?.status;
            let took = begun.elapsed().as_millis();
            row.requests(1, 0);
            row.holds(status == want && (least..most).contains(&took), || format!("{path}: {status} after {took} ms"));
        }
    }
    row.none_fails(&load.stop());
    Ok(row)
}
