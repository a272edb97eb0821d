//! Measures the router and the compiler at 100,000 routes: what a match costs, what a change costs, what it all takes.
//! It prints and judges nothing; run it with optimisations.
//!
//! `cargo run --profile release -p gibbon-proxy --example scale`

use std::hint::black_box;
use std::time::Duration;

use gibbon_http::Headers;
use gibbon_model::Document;
use gibbon_proxy::router::Key;
use gibbon_proxy::snapshot::Compiler;
use gibbon_proxy::snapshot::Snapshot;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

const ROUTES: u128 = 100_002;
const SERVICES: u128 = 1_000;
const LOOKUPS: usize = 2_000_000;

fn main() {
    let (env, _) = gibbon_sdk::testing::env(&[]);
    let mut compiler = Compiler::new(env, Vec::new());
    let services = (0..SERVICES).map(|number| ("services", service(number)));
    let documents: Vec<(&str, Document)> =
        services.chain((0..ROUTES).map(|number| ("routes", route(number, 0)))).collect();
    let (start, before) = (cpu(), resident());
    let errors = compiler.load(documents.iter().map(|(entity, document)| (*entity, document)));
    println!("load        {ROUTES} routes, {SERVICES} services: {:?}, {} errors", (cpu() - start), errors.len());
    println!("memory      {} bytes a route", (resident() - before) * 1024 / ROUTES as usize);

    let snapshot = compiler.snapshot();
    for kind in 0..3 {
        let keys: Vec<(String, String)> = (0..50_000u128).map(|n| request((n * 7919 * 3 + kind) % ROUTES)).collect();
        let headers = Headers::default();
        let start = cpu();
        for turn in 0..LOOKUPS {
            let (host, path) = &keys[turn % keys.len()];
            let found = find(&snapshot, host, path, &headers);
            assert!(found, "{host}{path}");
        }
        let name = ["host and path", "path alone", "wildcard host and path"][kind as usize];
        let all = (cpu() - start) / LOOKUPS as u32;
        // What it takes to have the request in hand at all is not the router's.
        let start = cpu();
        for turn in 0..LOOKUPS {
            let (host, path) = &keys[turn % keys.len()];
            black_box(host.bytes().chain(path.bytes()).fold(0u8, u8::wrapping_add));
        }
        let reading = (cpu() - start) / LOOKUPS as u32;
        println!("match       {name}: {all:?}, of which {reading:?} to read the request");
    }

    let mut longest = Duration::ZERO;
    let start = cpu();
    for step in 0..300u128 {
        let number = step * 331 % ROUTES;
        let document = route(number, step + 1);
        let id = document["id"].as_str().map(str::to_owned).unwrap_or_default();
        let one = cpu();
        compiler.apply([("routes", id.as_str(), Some(&document))]);
        let next = black_box(compiler.snapshot());
        longest = longest.max(cpu() - one);
        drop(next);
    }
    println!("one change  mean {:?}, longest {longest:?}", (cpu() - start) / 300);
    let start = cpu();
    drop(snapshot);
    println!("drop        the snapshot before the changes: {:?}", (cpu() - start));
}

fn service(number: u128) -> Document {
    let id = Uuid::from_u128((1 << 64) + number);
    object(json!({"id": id, "protocol": "http", "host": "echo.test", "port": 80, "enabled": true}))
}

/// Routes of three kinds in turn; `change` makes the path of one another.
fn route(number: u128, change: u128) -> Document {
    let (host, path) = place(number);
    let path = if change == 0 { path } else { format!("{path}-{change}") };
    object(json!({
        "id": Uuid::from_u128((2 << 64) + number), "name": format!("route-{number}"), "protocols": ["http", "https"],
        "https_redirect_status_code": 426, "strip_path": true, "preserve_host": false, "request_buffering": true,
        "response_buffering": true, "regex_priority": 0, "path_handling": "v0",
        "service": {"id": Uuid::from_u128((1 << 64) + number % SERVICES)},
        "hosts": host.map(|host| vec![host]), "paths": [path],
    }))
}

fn place(number: u128) -> (Option<String>, String) {
    match number % 3 {
        0 => (Some(format!("api-{number}.example.test")), format!("/v1/things/{}", number % 10)),
        1 => (None, format!("/team-{}/service-{number}/v1", number % 50)),
        _ => (Some(format!("*.tenant-{number}.test")), "/v2".to_owned()),
    }
}

fn request(number: u128) -> (String, String) {
    let (host, path) = place(number);
    let host = host.unwrap_or_else(|| "any.test".to_owned()).replace('*', "www");
    (host, format!("{path}/list"))
}

fn object(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        _ => Document::new(),
    }
}

fn find(snapshot: &Snapshot, host: &str, path: &str, headers: &Headers) -> bool {
    black_box(snapshot.find(&Key::get(host.as_bytes(), path.as_bytes(), headers))).is_some()
}

/// Time that this thread had a processor, so that what else runs on the machine counts less.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Kilobytes of memory that this process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
