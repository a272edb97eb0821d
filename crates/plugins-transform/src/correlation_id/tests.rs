//! Where ids come from and whom they are told.
#![allow(clippy::unwrap_used)]

use gibbon_schema::json;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Scope};

use super::CorrelationId;

#[test]
fn makes_counts_and_keeps_ids() {
    let (env, _) = testing::env(&[]);
    let build = |generator: &str, echo: bool| {
        let config = json!({ "header_name": "X-Id", "generator": generator, "echo_downstream": echo });
        CorrelationId::build(serde_json::from_value(config).unwrap(), &env, &Scope::default()).unwrap()
    };
    let id = |filter: &super::CorrelationIdFilter| {
        let mut exchange = Exchange::get("/x");
        exchange.access(filter).unwrap();
        exchange.sent("X-Id").unwrap().to_owned()
    };
    let counter = build("uuid#counter", false);
    let (first, second) = (id(&counter), id(&counter));
    assert_eq!(first.split_once('#').unwrap().1, "1");
    assert_eq!(second, first.replace("#1", "#2"), "a series has one name and counts");
    assert_eq!(id(&build("uuid#counter", false)), first.replace("#1", "#3"), "an edited plugin goes on counting");
    assert_eq!(id(&build("uuid", false)).len(), 36);
    let tracker = id(&build("tracker", false));
    assert_eq!(tracker, format!("127.0.0.1-4000-{}-7-1-1767323045.000", std::process::id()));

    let echo = build("uuid", true);
    let mut sent = Exchange::get("/x").header("x-id", "mine");
    sent.access(&echo).unwrap();
    sent.header_phase(&echo).unwrap();
    assert_eq!((sent.sent("X-Id"), sent.received("X-Id")), (Some("mine"), Some("mine")));
    let mut unmatched = Exchange::get("/x");
    unmatched.header_phase(&echo).unwrap();
    assert!(unmatched.received("X-Id").is_some(), "answers to requests without a route carry one too");
    let mut quiet = Exchange::get("/x");
    quiet.access(&build("uuid", false)).unwrap();
    quiet.header_phase(&build("uuid", false)).unwrap();
    assert_eq!(quiet.received("X-Id"), None);
}
