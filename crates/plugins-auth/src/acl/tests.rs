//! Who is let in by groups: over exchanges without sockets.
#![allow(clippy::unwrap_used)]

use gibbon_model::entities::Consumer;
use gibbon_schema::json;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Filter, Plugin, Scope};
use uuid::Uuid;

use super::{Acl, Group};

const ANN: Uuid = Uuid::from_u128(0xa1);

fn filter(config: serde_json::Value) -> impl Filter {
    let (env, _) = testing::env(&[]);
    let mut whole = json!({ "hide_groups_header": false, "always_use_authenticated_groups": false });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    Acl::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).ok().unwrap()
}

fn ann(groups: &[&str]) -> Exchange {
    let ann: Consumer = serde_json::from_value(json!({ "id": ANN, "username": "ann", "custom_id": null })).unwrap();
    groups.iter().fold(Exchange::get("/x").named(ann, Uuid::from_u128(1)), |exchange, group| {
        let row: Group =
            serde_json::from_value(json!({ "id": Uuid::from_u128(9), "consumer": { "id": ANN }, "group": group }))
                .unwrap();
        exchange.entity(group, ANN, row)
    })
}

#[test]
fn judges_by_the_groups_of_the_consumer() {
    for (config, groups, want) in [
        (json!({ "allow": ["a"] }), vec!["a", "b"], Ok(Some("a, b"))),
        (json!({ "allow": ["a"] }), vec!["b"], Err(403)),
        (json!({ "allow": ["a"] }), vec![], Err(403)),
        (json!({ "deny": ["a"] }), vec!["a", "b"], Err(403)),
        (json!({ "deny": ["a"] }), vec!["b"], Ok(Some("b"))),
        (json!({ "deny": ["a"] }), vec![], Ok(Some(""))),
        (json!({ "allow": ["a"], "hide_groups_header": true }), vec!["a"], Ok(None)),
    ] {
        let mut exchange = ann(&groups);
        match (exchange.access(&filter(config.clone())), want) {
            (Ok(()), Ok(header)) => assert_eq!(exchange.sent("X-Consumer-Groups"), header, "{config} {groups:?}"),
            (Err(reply), Err(status)) => assert_eq!(reply.status, status, "{config} {groups:?}"),
            (got, want) => panic!("{config} {groups:?}: {got:?}, not {want:?}"),
        }
    }
}

#[test]
fn asks_who_it_is_of_a_client_nobody_named() {
    assert_eq!(Exchange::get("/x").access(&filter(json!({ "allow": ["a"] }))).unwrap_err().status, 401);
    assert_eq!(Exchange::get("/x").access(&filter(json!({ "deny": ["a"] }))).unwrap_err().status, 401);
}

#[test]
fn takes_groups_from_authentication_when_there_is_no_consumer() {
    let mut exchange = Exchange::get("/x");
    exchange.authenticated_groups = Some(vec!["a".into()]);
    assert_eq!(exchange.access(&filter(json!({ "allow": ["a"] }))), Ok(()));
    assert_eq!(exchange.sent("X-Authenticated-Groups"), Some("a"));
    let mut exchange = ann(&["b"]);
    exchange.authenticated_groups = Some(vec!["a".into()]);
    assert_eq!(exchange.access(&filter(json!({ "allow": ["a"] }))).unwrap_err().status, 403);
    let always = filter(json!({ "allow": ["a"], "always_use_authenticated_groups": true }));
    assert_eq!(exchange.access(&always), Ok(()));
}
