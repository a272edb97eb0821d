//! Who is let in by address.
#![allow(clippy::unwrap_used)]

use gibbon_schema::json;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Reply, Scope};

use super::IpRestriction;

#[test]
fn judges_by_address() {
    let (env, _) = testing::env(&[]);
    let refused = |address: &str| Some(Reply::error(403, format!("IP address not allowed: {address}")));
    for (config, address, want) in [
        (json!({ "allow": ["127.0.0.1"] }), "127.0.0.1", None),
        (json!({ "allow": ["127.0.0.1"] }), "127.0.0.2", refused("127.0.0.2")),
        (json!({ "allow": ["10.0.0.0/8", "::1"] }), "10.255.0.1", None),
        (json!({ "allow": ["10.0.0.0/8", "::1"] }), "::1", None),
        (json!({ "allow": ["10.0.0.0/8"] }), "::ffff:10.0.0.1", None),
        (json!({ "deny": ["10.1.2.3/8"] }), "10.0.0.1", refused("10.0.0.1")),
        (json!({ "deny": ["10.0.0.0/8"] }), "11.0.0.1", None),
        (json!({ "allow": ["10.0.0.0/8"], "deny": ["10.0.0.1"] }), "10.0.0.1", refused("10.0.0.1")),
        (json!({ "allow": ["10.0.0.0/8"], "deny": ["10.0.0.1"] }), "10.0.0.2", None),
        (json!({ "deny": ["0.0.0.0/0"] }), "fe80::1", None),
        (json!({ "deny": ["::/0"], "status": 200 }), "fe80::1", Some(Reply::status(500))),
        (json!({ "deny": ["::/0"], "status": 401, "message": "no" }), "fe80::1", Some(Reply::error(401, "no"))),
    ] {
        let filter =
            IpRestriction::build(serde_json::from_value(config.clone()).unwrap(), &env, &Scope::default()).unwrap();
        let got = Exchange::get("/x").from_address(address).access(&filter).err().map(|reply| *reply);
        assert_eq!(got, want, "{config} {address}");
    }
}
