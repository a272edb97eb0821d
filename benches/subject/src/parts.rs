//! Parts of a request's way by themselves: without sockets, so that a change of their cost is not lost in the whole.

use std::hint::black_box;

use anyhow::Context;
use anyhow::ensure;
use gibbon_http::Headers;
use gibbon_http::RequestHead;
use gibbon_http::h1;
use gibbon_proxy::router::Key;
use gibbon_proxy::snapshot::Snapshot;

use crate::allocations;
use crate::node::ROUTES;
use crate::node::Setup;
use crate::wire;

/// Parses a head with 20 headers.
pub(crate) fn parse(times: usize) -> anyhow::Result<u64> {
    let bytes = wire::twenty_headers(0).into_bytes();
    let mut head = RequestHead::default();
    let mut one =
        || h1::parse_request(black_box(&bytes), &h1::Limits::default(), &mut h1::Progress::default(), &mut head);
    ensure!(one() == Ok(Some(bytes.len())), "not parsed");
    let before = allocations::count();
    for _ in 0..times {
        let _ = black_box(one());
    }
    Ok(allocations::count() - before)
}

/// Finds routes among 1,000.
pub(crate) fn route(times: usize) -> anyhow::Result<u64> {
    let snapshot = compiled()?;
    let headers = Headers::new();
    let hosts: Vec<String> = (0..100).map(|number| format!("svc{number}.example.com")).collect();
    let paths: Vec<String> = (0..10).map(|number| format!("/api/v1/res{number}/items")).collect();
    let before = allocations::count();
    for number in 0..times {
        let (host, path) = (hosts[number % 100].as_bytes(), paths[number / 100 % 10].as_bytes());
        let key = Key::get(host, path, &headers);
        ensure!(black_box(snapshot.find(black_box(&key))).is_some(), "no route");
    }
    Ok(allocations::count() - before)
}

/// Walks over the chain of a route that has a service with two plugins, among 1,000 routes.
pub(crate) fn chain(times: usize) -> anyhow::Result<u64> {
    let snapshot = compiled()?;
    let headers = Headers::new();
    let found: Vec<_> = (0..ROUTES)
        .map(|number| {
            let (host, path) = (format!("svc{}.example.com", number % 100), format!("/api/v1/res{}", number / 100));
            snapshot.find(&Key::get(host.as_bytes(), path.as_bytes(), &headers)).map(|found| found.found.route)
        })
        .collect::<Option<_>>()
        .context("a route is not found")?;
    let before = allocations::count();
    for number in 0..times {
        let kinds = snapshot.chain(black_box(found[number % ROUTES])).kinds();
        let count = kinds.filter_map(|kind| kind.instance(None)).map(black_box).count();
        ensure!(count == 2, "{count} plugins");
    }
    Ok(allocations::count() - before)
}

fn compiled() -> anyhow::Result<Snapshot> {
    Ok(Setup::work().compile()?.snapshot())
}
