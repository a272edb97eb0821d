//! Both sides of the limit, declared and counted.
#![allow(clippy::unwrap_used)]

use gibbon_schema::json;
use gibbon_sdk::http::Framing;
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{Plugin, Reply, Scope};

use super::RequestSizeLimiting;

fn refusal(config: serde_json::Value, mut exchange: Exchange) -> Option<Reply> {
    let (env, _) = testing::env(&[]);
    let filter = RequestSizeLimiting::build(serde_json::from_value(config).unwrap(), &env, &Scope::default()).unwrap();
    exchange.access(&filter).err().map(|reply| *reply)
}

fn sized(length: usize) -> Exchange {
    let mut exchange = Exchange::new("POST", "/x").body("text/plain", &"x".repeat(length));
    exchange.request.head.framing = Framing::Length(length as u64);
    exchange
}

fn chunked(length: usize) -> Exchange {
    let mut exchange = sized(length);
    exchange.request.head.headers.remove("content-length");
    exchange.request.head.framing = Framing::Chunked;
    exchange
}

#[test]
fn refuses_what_is_larger() {
    let config = |unit: &str| json!({ "allowed_payload_size": 1, "size_unit": unit, "require_content_length": false });
    let exceeded = Some(Reply::error(413, "Request size limit exceeded"));
    for (unit, bytes) in [("bytes", 1), ("kilobytes", 1024), ("megabytes", 1 << 20)] {
        assert_eq!(refusal(config(unit), sized(bytes)), None);
        assert_eq!(refusal(config(unit), sized(bytes + 1)), exceeded);
        assert_eq!(refusal(config(unit), chunked(bytes)), None);
        assert_eq!(refusal(config(unit), chunked(bytes + 1)), exceeded);
    }
    assert_eq!(refusal(config("bytes"), Exchange::get("/x")), None);
    let asked = sized(2).header("Expect", " 100-Continue ");
    assert_eq!(refusal(config("bytes"), asked), Some(Reply::error(417, "Request size limit exceeded")));
}

#[test]
fn wants_a_length_where_it_is_required() {
    let config = json!({ "allowed_payload_size": 10, "size_unit": "bytes", "require_content_length": true });
    let missing = Some(Reply::error(411, "A valid Content-Length header is required"));
    assert_eq!(refusal(config.clone(), Exchange::get("/x")), missing);
    assert_eq!(refusal(config.clone(), sized(10)), None);
    assert_eq!(refusal(config, chunked(10)), None);
}

#[test]
fn fails_without_a_limit() {
    let config = json!({ "allowed_payload_size": null, "size_unit": "bytes", "require_content_length": false });
    assert_eq!(refusal(config, sized(1)), Some(Reply::status(500)));
}
