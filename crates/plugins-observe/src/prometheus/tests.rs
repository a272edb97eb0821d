//! What is counted, and the page that tells it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use gibbon_model::entities::{Consumer, Route, Service};
use gibbon_schema::{Typed, Value, json};
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Env, Health, Plugin, Scope, TargetHealth};
use uuid::Uuid;

use super::endpoint::page;
use super::{Config, Prometheus, PrometheusFilter};

fn filter(env: &Arc<Env>, config: Value) -> PrometheusFilter {
    Prometheus::build(serde_json::from_value(config).unwrap(), env, &Scope::default()).unwrap()
}

/// Fills a document with the defaults that the tests do not care for.
fn entity<T: Typed + serde::de::DeserializeOwned>(given: Value) -> T {
    let mut document = serde_json::Map::new();
    for field in T::record().fields {
        document.insert(field.name.to_string(), field.default.unwrap_or(Value::Null));
    }
    document.extend(given.as_object().unwrap().clone());
    serde_json::from_value(Value::Object(document)).unwrap()
}

fn exchange(env: &Arc<Env>) -> Exchange {
    let route: Route = entity(json!({ "id": Uuid::from_u128(1), "name": "r" }));
    let service: Service = entity(json!({ "id": Uuid::from_u128(2), "name": null, "host": "up.test" }));
    let ann: Consumer = entity(json!({ "id": Uuid::from_u128(3), "username": "a\"n" }));
    Exchange::get("/x").on(env).route(route).service(service).named(ann, Uuid::from_u128(4))
}

fn lines(env: &Arc<Env>, start: &str) -> Vec<String> {
    let text = String::from_utf8(page(env)).unwrap();
    text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

#[test]
fn counts_answers_by_their_labels() {
    let (env, _) = testing::env(&[]);
    let quiet = filter(&env, json!({ "status_code_metrics": true }));
    let telling = filter(&env, json!({ "status_code_metrics": true, "per_consumer": true }));
    for (filter, status, times) in [(&quiet, 200, 2), (&quiet, 404, 1), (&telling, 200, 1)] {
        for _ in 0..times {
            let mut exchange = exchange(&env);
            exchange.answer(status, &[]);
            exchange.log(filter);
        }
    }
    let mut refused = exchange(&env);
    refused.response.head.status = gibbon_sdk::http::Status::new(429).unwrap();
    refused.log(&quiet);
    let mut unmatched = Exchange::get("/x").on(&env);
    unmatched.log(&quiet);
    let series = |code, source, consumer, count| {
        format!(
            "kong_http_requests_total{{service=\"up.test\",route=\"r\",code=\"{code}\",source=\"{source}\",workspace=\"default\",consumer=\"{consumer}\"}} {count}"
        )
    };
    let want = [
        series(200, "service", "", 2),
        series(404, "service", "", 1),
        series(429, "kong", "", 1),
        series(200, "service", "a\\\"n", 1),
    ];
    assert_eq!(lines(&env, "kong_http_requests_total"), want);
}

#[test]
fn keeps_latencies_in_buckets() {
    let (env, _) = testing::env(&[]);
    let filter = filter(&env, json!({ "latency_metrics": true }));
    let mut exchange = exchange(&env);
    exchange.answer(200, &[]);
    exchange.timings = gibbon_sdk::Timings {
        started: 1,
        sent: 6_000_001,
        answered: 106_000_001,
        ended: 110_000_001,
        ..Default::default()
    };
    exchange.log(&filter);
    let buckets = lines(&env, "kong_kong_latency_ms_bucket");
    assert_eq!(buckets.len(), 18);
    assert!(
        buckets[2].ends_with("le=\"5\"} 0")
            && buckets[3].ends_with("le=\"7\"} 1")
            && buckets[17].ends_with("le=\"+Inf\"} 1")
    );
    assert!(lines(&env, "kong_upstream_latency_ms_sum")[0].ends_with(" 100"));
    assert!(lines(&env, "kong_request_latency_ms_sum")[0].ends_with(" 110"));
    assert!(lines(&env, "kong_request_latency_ms_count")[0].ends_with(" 1"));
}

#[test]
fn names_every_family_once() {
    let (env, _) = testing::env(&[]);
    let text = String::from_utf8(page(&env)).unwrap();
    let mut families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let count = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), count);
    assert!(text.contains("kong_datastore_reachable 1\n"));
    assert!(text.contains("subsystem=\"http\",state=\"accepted\"} 0\n"));
}

#[test]
fn shows_health_only_where_it_is_asked_for() {
    let (env, _) = testing::env(&[]);
    let target = TargetHealth {
        upstream: "u".into(),
        target: "a.test:80".into(),
        address: Some("127.0.0.1:80".parse().unwrap()),
        health: Health::HealthchecksOff,
    };
    assert!(env.health.set(Box::new(move || vec![target.clone()])).is_ok());
    assert!(lines(&env, "kong_upstream_target_health").is_empty());
    let filter = filter(&env, json!({ "upstream_health_metrics": true }));
    let shown = lines(&env, "kong_upstream_target_health");
    assert_eq!(shown.len(), 4);
    assert_eq!(
        shown[1],
        "kong_upstream_target_health{upstream=\"u\",target=\"a.test:80\",address=\"127.0.0.1:80\",state=\"healthchecks_off\",subsystem=\"http\"} 1"
    );
    drop(filter);
    assert!(lines(&env, "kong_upstream_target_health").is_empty(), "no filter asks any more");
}

#[test]
fn knows_its_configuration() {
    assert_eq!(Config::record().fields.len(), 7);
}
