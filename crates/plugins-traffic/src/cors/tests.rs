//! Who is let in, and what browsers are told.
#![allow(clippy::unwrap_used)]

use gibbon_schema::json;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Reply, Scope};

use super::origin::Origin;
use super::{Cors, CorsFilter};

fn filter(config: serde_json::Value) -> CorsFilter {
    let (env, _) = testing::env(&[]);
    let mut whole = json!({ "credentials": false, "private_network": false, "preflight_continue": false, "allow_origin_absent": true });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    Cors::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).unwrap()
}

#[test]
fn takes_origins_apart() {
    for (text, domain, host) in [
        ("https://a.test", "https://a.test", "a.test"),
        ("https://a.test:443", "https://a.test", "a.test"),
        ("http://a.test:80/x", "http://a.test", "a.test"),
        ("http://a.test:443", "http://a.test:443", "a.test"),
        ("null", "null", "null"),
        ("a.test:80", "a.test:80", "a.test:80"),
        ("http://[::1]:81", "http://::1:81", "::1"),
    ] {
        assert_eq!(Origin::parse(text), Origin { domain: domain.to_owned(), host: host.to_owned() }, "{text}");
    }
}

#[test]
fn lets_origins_in() {
    let both = json!(["http://a.test", "http://b.test:8080"]);
    for (origins, asked, want) in [
        (json!(null), Some("http://x.test"), Some("*")),
        (json!(["*"]), None, Some("*")),
        (json!(["http://a.test"]), Some("http://x.test"), Some("http://a.test")),
        (both.clone(), Some("http://b.test:8080"), Some("http://b.test:8080")),
        (both.clone(), Some("http://b.test"), None),
        (both, None, None),
        (json!(["http://a.test", "*"]), Some("http://x.test"), Some("*")),
        (json!([".*\\.a\\.test"]), Some("https://x.a.test:8443"), Some("https://x.a.test:8443")),
        (json!([".*\\.a\\.test"]), Some("https://x.a.test.evil"), None),
        (json!(["^https://(a|b)\\.test$", "http://c.test"]), Some("https://b.test"), Some("https://b.test")),
        (json!(["^https://(a|b)\\.test$", "http://c.test"]), Some("http://b.test"), None),
    ] {
        let mut exchange = Exchange::get("/x");
        if let Some(asked) = asked {
            exchange = exchange.header("Origin", asked);
        }
        exchange.answer(200, &[]);
        exchange.header_phase(&filter(json!({ "origins": origins.clone() }))).unwrap();
        assert_eq!(exchange.received("Access-Control-Allow-Origin"), want, "{origins} {asked:?}");
    }
}

#[test]
fn answers_preflights_itself() {
    let preflight = || {
        Exchange::new("OPTIONS", "/x")
            .header("Origin", "http://a.test")
            .header("Access-Control-Request-Method", "PUT")
            .header("Access-Control-Request-Headers", "x-a, x-b")
    };
    let mut exchange = preflight();
    let strict = filter(
        json!({ "origins": ["http://a.test"], "methods": ["GET", "PUT"], "max_age": 3600.0, "credentials": true }),
    );
    assert_eq!(exchange.access(&strict).map_err(|reply| *reply), Err(Reply::empty(200)));
    for (name, want) in [
        ("Access-Control-Allow-Origin", "http://a.test"),
        ("Access-Control-Allow-Methods", "GET,PUT"),
        ("Access-Control-Allow-Headers", "x-a, x-b"),
        ("Access-Control-Max-Age", "3600"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    ] {
        assert_eq!(exchange.received(name), Some(want), "{name}");
    }
    let mut passed_on = preflight();
    let lax = filter(json!({ "preflight_continue": true }));
    assert_eq!(passed_on.access(&lax), Ok(()));
    passed_on.answer(204, &[]);
    passed_on.header_phase(&lax).unwrap();
    assert_eq!(passed_on.received("Access-Control-Allow-Origin"), None, "the upstream's answer is left alone");
    assert_eq!(
        Exchange::new("OPTIONS", "/x").header("Origin", "http://a.test").access(&strict),
        Ok(()),
        "no preflight"
    );
}

#[test]
fn spells_the_origin_out_for_credentials() {
    let mut exchange = Exchange::get("/x").header("Origin", "http://x.test");
    exchange.answer(200, &[("Vary", "Accept")]);
    exchange.header_phase(&filter(json!({ "credentials": true }))).unwrap();
    assert_eq!(exchange.received("Access-Control-Allow-Origin"), Some("http://x.test"));
    let vary: Vec<&[u8]> = exchange.response.head.headers.get_all("vary").collect();
    assert_eq!(vary, [b"Accept".as_slice(), b"Origin"]);
    let mut absent = Exchange::get("/x");
    absent.answer(200, &[]);
    absent.header_phase(&filter(json!({ "allow_origin_absent": false }))).unwrap();
    assert_eq!(absent.received("Access-Control-Allow-Origin"), None);
}
