//! A node past its bounds and back: what is turned away, how that is said, and that it ends.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use gibbon_schema::Record;
use gibbon_sdk::BuildError;
use gibbon_sdk::Cx;
use gibbon_sdk::Env;
use gibbon_sdk::Filter;
use gibbon_sdk::Phases;
use gibbon_sdk::Plugin;
use gibbon_sdk::PluginDef;
use gibbon_sdk::Scope;
use gibbon_sdk::Step;
use gibbon_sdk::env::Pressure;
use gibbon_testkit::client::Answer;
use gibbon_testkit::client::Request;
use gibbon_testkit::client::send;
use gibbon_testkit::upstream::Reaction;
use gibbon_testkit::upstream::Upstream;

use gibbon_proxy::testing::Node;
use gibbon_proxy::testing::With;

/// Waits until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        // Long, for a machine on which much else runs is late as well.
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn holds(node: &Node, pressure: Pressure) -> bool {
    node.stats().pressures[pressure as usize].load(Ordering::Relaxed)
}

fn get(node: &Node) -> anyhow::Result<Answer> {
    send(node.port(), &Request::new("GET", "/"))
}

fn assert_shed(answer: &Answer) {
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("connection"), Some("close"), "who comes new is sent elsewhere");
    assert_eq!(answer.json().unwrap()["message"], "The gateway is overloaded");
    assert_eq!(answer.header("x-kong-request-id").map(str::len), Some(32));
}

fn service(port: u16) -> String {
    format!(
        "_format_version: '3.0'\nservices: [{{name: s, url: 'http://127.0.0.1:{port}', routes: [{{name: r, paths: [/]}}]}}]\n"
    )
}

/// An upstream that answers once it is let go.
struct Gate {
    waiting: AtomicUsize,
    open: AtomicBool,
}

impl Gate {
    fn upstream() -> (Arc<Self>, Upstream) {
        let gate = Arc::new(Self { waiting: AtomicUsize::new(0), open: AtomicBool::new(false) });
        let inside = Arc::clone(&gate);
        let upstream = Upstream::start(move |_| {
            inside.waiting.fetch_add(1, Ordering::Relaxed);
            until("the gate opens", || inside.open.load(Ordering::Relaxed));
            Reaction::ok("late")
        });
        (gate, upstream.unwrap())
    }
}

#[test]
fn requests_above_their_number_are_shed() {
    let (gate, upstream) = Gate::upstream();
    let properties = [("overload_requests", "2"), ("overload_retry_after", "7")];
    let node = Node::start(&service(upstream.port()), With { properties: &properties, ..With::default() }).unwrap();
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..2).map(|_| scope.spawn(|| get(&node).unwrap())).collect();
        until("two are in flight", || gate.waiting.load(Ordering::Relaxed) == 2);
        assert_shed(&get(&node).unwrap());
        until("it is told", || holds(&node, Pressure::Requests));
        assert_eq!(node.stats().shed.load(Ordering::Relaxed), 1);
        gate.open.store(true, Ordering::Relaxed);
        for thread in held {
            assert_eq!(thread.join().unwrap().status, 200, "what was begun is not harmed");
        }
    });
    assert_eq!(get(&node).unwrap().status, 200);
    until("it is over", || !holds(&node, Pressure::Requests));
}

#[test]
fn connections_above_their_number_are_closed() {
    let (gate, upstream) = Gate::upstream();
    let with = With { properties: &[("nginx_events_worker_connections", "1")], ..With::default() };
    let node = Node::start(&service(upstream.port()), with).unwrap();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| get(&node).unwrap());
        until("one is in flight", || gate.waiting.load(Ordering::Relaxed) == 1);
        assert!(get(&node).is_err(), "closed without an answer");
        until("it is told", || holds(&node, Pressure::Connections));
        assert!(node.stats().refused.load(Ordering::Relaxed) >= 1);
        gate.open.store(true, Ordering::Relaxed);
        assert_eq!(held.join().unwrap().status, 200);
    });
    until("there is room again", || get(&node).is_ok_and(|answer| answer.status == 200));
    until("it is over", || !holds(&node, Pressure::Connections));
}

/// Holds its worker up.
struct Slow;

#[derive(Clone, Debug, serde::Deserialize, Record)]
struct Nothing {}

impl Plugin for Slow {
    const NAME: &'static str = "slow";
    const PRIORITY: i32 = 1;
    const PHASES: Phases = Phases::ACCESS;
    type Config = Nothing;
    type Filter = Self;

    fn build(_config: Nothing, _env: &Arc<Env>, _scope: &Scope) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl Filter for Slow {
    fn access<'a>(&'a self, _cx: &'a mut Cx<'_>) -> Step<'a> {
        std::thread::sleep(Duration::from_millis(60));
        Step::GO
    }
}

#[test]
fn a_worker_that_is_late_sheds() {
    let upstream = Upstream::start(|_| Reaction::ok("ok")).unwrap();
    let declarative = format!("{}plugins: [{{name: slow}}]\n", service(upstream.port()));
    let properties = [("overload_lag", "0.15"), ("overload_retry_after", "7"), ("plugins", "slow")];
    let with = With { plugins: vec![PluginDef::of::<Slow>()], properties: &properties, ..With::default() };
    let node = Node::start(&declarative, with).unwrap();
    assert_eq!(get(&node).unwrap().status, 200, "one slow request is no overload");
    let shed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let begun = Instant::now();
                while shed.load(Ordering::Relaxed) == 0 && begun.elapsed() < Duration::from_secs(60) {
                    let answer = get(&node).unwrap();
                    if answer.status == 503 {
                        assert_shed(&answer);
                        shed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(shed.load(Ordering::Relaxed) > 0, "nothing was shed");
    until("it is over", || !holds(&node, Pressure::Lag));
    assert_eq!(get(&node).unwrap().status, 200);
}
