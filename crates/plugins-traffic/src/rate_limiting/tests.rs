//! Limits on both sides, who is counted, and what clients are told; time stands still unless it is moved.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use gibbon_model::entities::Consumer;
use gibbon_schema::{Value, json};
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Env, Plugin, Reply, Scope};
use uuid::Uuid;

use super::{RateLimiting, RateLimitingFilter};

fn filter(env: &Arc<Env>, config: Value, scope: Scope) -> RateLimitingFilter {
    let mut whole = json!({
        "limit_by": "consumer", "policy": "local", "fault_tolerant": true, "hide_client_headers": false,
        "error_code": 429, "error_message": "API rate limit exceeded", "sync_rate": -1,
        "redis": { "port": 6379, "timeout": 2000, "database": 0, "ssl": false, "ssl_verify": false },
    });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    RateLimiting::build(serde_json::from_value(whole).unwrap(), env, &scope).unwrap()
}

fn status(filter: &RateLimitingFilter, env: &Arc<Env>, exchange: Exchange) -> u16 {
    exchange.on(env).access(filter).map_or_else(|reply| reply.status, |()| 200)
}

#[test]
fn refuses_above_the_limit_and_says_so() {
    let (env, clock) = testing::env(&[]);
    let limited = filter(&env, json!({ "minute": 2, "hour": 2 }), Scope::default());
    for (remaining, want) in [("1", Ok(())), ("0", Ok(())), ("0", Err(Reply::error(429, "API rate limit exceeded")))] {
        let mut exchange = Exchange::get("/x").on(&env);
        let refused = want.is_err();
        assert_eq!(exchange.access(&limited).map_err(|reply| *reply), want);
        // The clock stands at minute 4, second 5; the hour is the longer of two equals.
        for (name, value) in [
            ("X-RateLimit-Limit-Minute", Some("2")),
            ("X-RateLimit-Remaining-Minute", Some(remaining)),
            ("X-RateLimit-Remaining-Hour", Some(remaining)),
            ("RateLimit-Limit", Some("2")),
            ("RateLimit-Remaining", Some(remaining)),
            ("RateLimit-Reset", Some("3355")),
            ("Retry-After", refused.then_some("3355")),
        ] {
            assert_eq!(exchange.received(name), value, "{name}");
        }
    }
    clock.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    let mut exchange = Exchange::get("/x").on(&env);
    assert_eq!(exchange.access(&limited).unwrap_err().status, 429, "the hour is still full");
    assert_eq!(exchange.received("X-RateLimit-Remaining-Minute"), Some("2"), "a refused request is not counted");
    clock.fetch_add(3_600_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(status(&limited, &env, Exchange::get("/x")), 200);
}

#[test]
fn admits_fractions_as_kong_does() {
    let (env, _) = testing::env(&[]);
    let limited = filter(&env, json!({ "year": 1.5 }), Scope::default());
    for (remaining, want) in [("0.5", 200), ("0", 200), ("0", 429)] {
        let mut exchange = Exchange::get("/x").on(&env);
        let got = exchange.access(&limited).map_or_else(|reply| reply.status, |()| 200);
        assert_eq!((got, exchange.received("RateLimit-Remaining")), (want, Some(remaining)));
        assert_eq!(exchange.received("X-RateLimit-Limit-Year"), Some("1.5"));
    }
}

#[test]
fn counts_whom_it_is_told_to() {
    let ann: Consumer = serde_json::from_value(json!({ "id": Uuid::from_u128(1), "username": "ann" })).unwrap();
    let named = |credential| Exchange::get("/x").named(ann.clone(), Uuid::from_u128(credential));
    for (config, exchanges) in [
        (json!({ "limit_by": "consumer" }), vec![(named(5), 200), (named(6), 429), (Exchange::get("/x"), 200)]),
        (json!({ "limit_by": "credential" }), vec![(named(5), 200), (named(6), 200), (named(5), 429)]),
        (
            json!({ "limit_by": "ip" }),
            vec![(named(5), 200), (Exchange::get("/x").from_address("10.0.0.1"), 200), (Exchange::get("/y"), 429)],
        ),
        (
            json!({ "limit_by": "header", "header_name": "X-Tenant" }),
            vec![
                (Exchange::get("/x").header("x-tenant", "a"), 200),
                (Exchange::get("/x").header("X-Tenant", "b"), 200),
                (Exchange::get("/x").header("X-Tenant", "a"), 429),
                (Exchange::get("/x").header("X-Tenant", ""), 200),
                (Exchange::get("/x"), 200),
            ],
        ),
        (
            json!({ "limit_by": "path", "path": "/x" }),
            vec![
                (Exchange::get("/x"), 200),
                (Exchange::get("/y"), 200),
                (Exchange::get("/x?a"), 429),
                (Exchange::get("/z"), 429),
            ],
        ),
    ] {
        let (env, _) = testing::env(&[]);
        let mut whole = config.clone();
        whole["year"] = 1.into();
        let limited = filter(&env, whole, Scope::default());
        for (at, (exchange, want)) in exchanges.into_iter().enumerate() {
            assert_eq!(status(&limited, &env, exchange), want, "{config}, request {at}");
        }
    }
}

#[test]
fn goes_on_counting_when_edited() {
    let (env, _) = testing::env(&[]);
    let scope = Scope { route: Some(Uuid::from_u128(7)), ..Scope::default() };
    let before = filter(&env, json!({ "year": 2 }), scope);
    assert_eq!(status(&before, &env, Exchange::get("/x")), 200);
    let after = filter(&env, json!({ "year": 1 }), scope);
    assert_eq!(status(&after, &env, Exchange::get("/x")), 429);
    let elsewhere = filter(&env, json!({ "year": 1 }), Scope::default());
    assert_eq!(status(&elsewhere, &env, Exchange::get("/x")), 200, "another route counts for itself");
}

#[test]
fn does_without_a_backend_as_it_is_told_to() {
    let (env, _) = testing::env(&[]);
    let tolerant = filter(&env, json!({ "year": 1, "policy": "redis" }), Scope::default());
    let strict = filter(&env, json!({ "year": 1, "policy": "redis", "fault_tolerant": false }), Scope::default());
    for _ in 0..2 {
        assert_eq!(status(&tolerant, &env, Exchange::get("/x")), 200);
        assert_eq!(status(&strict, &env, Exchange::get("/x")), 500);
    }
}

#[test]
fn keeps_quiet_on_request() {
    let (env, _) = testing::env(&[]);
    let limited = filter(
        &env,
        json!({ "year": 1, "hide_client_headers": true, "error_code": 420, "error_message": "slow" }),
        Scope::default(),
    );
    let mut exchange = Exchange::get("/x").on(&env);
    exchange.access(&limited).unwrap();
    assert!(exchange.response.head.headers.is_empty());
    let refused = Exchange::get("/x").on(&env).access(&limited).unwrap_err();
    assert_eq!(*refused, Reply::error(420, "slow"));
}

#[test]
fn refuses_limits_that_do_not_go_together() {
    for (config, want) in [
        (
            json!({ "minute": 10, "hour": 5 }),
            Err("The limit for hour(5.0) cannot be lower than the limit for minute(10.0)"),
        ),
        (json!({ "minute": 5, "hour": 5, "sync_rate": -1 }), Ok(())),
        (json!({ "minute": 5, "sync_rate": 1 }), Err("sync_rate can only be used with the redis policy")),
        (json!({ "policy": "redis", "sync_rate": 0.01 }), Err("sync_rate must be greater than 0.02, or -1 to disable")),
    ] {
        assert_eq!(super::limits::check(&config), want.map_err(str::to_owned), "{config}");
    }
}
