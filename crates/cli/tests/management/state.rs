//! A state as teams have it: some hundred documents of every kind, each with an id, as decK gives them.

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::KeyPair;
use serde_json::Value;
use serde_json::json;

use crate::client::State;
use crate::kinds::KINDS;
use crate::kinds::text;

/// Returns the id of the document of this number of a kind.
pub(crate) fn id(kind: &str, number: usize) -> String {
    let place = KINDS.iter().position(|known| known.path == kind).expect("a kind of the list");
    format!("{:08x}-0000-4000-8000-{number:012x}", place + 1)
}

fn reference(kind: &str, number: usize) -> Value {
    json!({ "id": id(kind, number) })
}

/// Adds a document, with the id of its number.
pub(crate) fn add(state: &mut State, kind: &'static str, number: usize, mut document: Value) {
    document["id"] = id(kind, number).into();
    state.entry(kind).or_default().insert(text(&document["id"]).to_owned(), document);
}

/// Returns the whole state.
pub(crate) fn whole() -> anyhow::Result<State> {
    let mut state = State::new();
    traffic(&mut state);
    people(&mut state);
    secrets(&mut state)?;
    plugins(&mut state);
    Ok(state)
}

/// Returns a state as a declarative file, flat.
pub(crate) fn in_a_file(state: &State) -> Value {
    let mut document = json!({ "_format_version": "3.0" });
    for kind in KINDS {
        let name = match kind.path {
            "key-auths" => "keyauth_credentials",
            "key-sets" => "key_sets",
            path => path,
        };
        document[name] = state[kind.path].values().map(flat).collect();
    }
    document
}

/// Returns a document with its foreign keys as flat files have them.
fn flat(document: &Value) -> Value {
    let Value::Object(held) = document else { return document.clone() };
    let plain = |(name, value): (&String, &Value)| (name.clone(), value.get("id").unwrap_or(value).clone());
    Value::Object(held.iter().map(plain).collect())
}

fn traffic(state: &mut State) {
    for n in 0..30 {
        let team = format!("team-{}", n % 3);
        add(
            state,
            "services",
            n,
            json!({
                "name": format!("service-{n}"), "host": format!("backend-{n}.test"), "port": 8000 + n, "path": "/v1",
                "tags": [team, "all"],
            }),
        );
        for part in 0..2 {
            let methods = if part == 0 { json!(["GET", "HEAD"]) } else { Value::Null };
            let mut route = json!({
                "name": format!("route-{n}-{part}"), "paths": [format!("/s{n}/p{part}"), format!("~/s{n}/x{part}/\\d+$")],
                "hosts": [format!("s{n}.example.test")], "headers": { "x-part": [part.to_string()] },
                "strip_path": part == 0, "service": reference("services", n), "tags": [team],
            });
            if !methods.is_null() {
                route["methods"] = methods;
            }
            add(state, "routes", n * 2 + part, route);
        }
    }
    for n in 0..6 {
        add(
            state,
            "upstreams",
            n,
            json!({
                "name": format!("pool-{n}.test"), "algorithm": if n % 2 == 0 { "round-robin" } else { "least-connections" },
                "healthchecks": { "passive": { "unhealthy": { "http_failures": n } } }, "tags": ["all"],
            }),
        );
        for m in 0..3 {
            add(
                state,
                "targets",
                n * 3 + m,
                json!({
                    "target": format!("10.0.{n}.{m}:80{m}0"), "weight": 100 * m, "upstream": reference("upstreams", n),
                }),
            );
        }
    }
}

fn people(state: &mut State) {
    for n in 0..25 {
        add(
            state,
            "consumers",
            n,
            json!({
                "username": format!("user-{n}"), "custom_id": format!("c-{n}"), "tags": [format!("team-{}", n % 3)],
            }),
        );
        for m in 0..2 {
            let (number, consumer) = (n * 2 + m, reference("consumers", n));
            add(
                state,
                "key-auths",
                number,
                json!({ "key": format!("key-{n}-{m}"), "consumer": consumer, "tags": ["old"] }),
            );
            add(state, "acls", number, json!({ "group": format!("group-{m}"), "consumer": consumer }));
        }
    }
}

fn secrets(state: &mut State) -> anyhow::Result<()> {
    for n in 0..3 {
        let pair = KeyPair::generate()?;
        let name = format!("site-{n}.test");
        let certificate = CertificateParams::new([name.clone()])?.self_signed(&pair)?;
        add(
            state,
            "certificates",
            n,
            json!({ "cert": certificate.pem(), "key": pair.serialize_pem(), "tags": ["all"] }),
        );
        for (m, name) in [name.clone(), format!("*.{name}")].into_iter().enumerate() {
            add(state, "snis", n * 2 + m, json!({ "name": name, "certificate": reference("certificates", n) }));
        }
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        add(state, "ca_certificates", n, json!({ "cert": authority.self_signed(&KeyPair::generate()?)?.pem() }));
        let prefix = format!("env-{n}");
        add(state, "vaults", n, json!({ "prefix": prefix, "name": "env", "config": { "prefix": format!("V{n}_") } }));
        add(state, "key-sets", n, json!({ "name": format!("set-{n}"), "tags": ["all"] }));
        let signing = KeyPair::generate()?;
        let pem = json!({ "public_key": signing.public_key_pem(), "private_key": signing.serialize_pem() });
        add(
            state,
            "keys",
            n,
            json!({
                "name": format!("key-{n}"), "kid": format!("kid-{n}"), "pem": pem, "set": reference("key-sets", n),
            }),
        );
    }
    Ok(())
}

fn plugins(state: &mut State) {
    let configs = [
        ("correlation-id", json!({ "header_name": "X-Request-Id", "generator": "uuid" })),
        ("cors", json!({ "origins": ["https://a.test"], "methods": ["GET"], "credentials": true })),
        ("key-auth", json!({ "key_names": ["apikey", "x-key"] })),
        ("acl", json!({ "allow": ["group-0", "group-1"] })),
        ("rate-limiting", json!({ "minute": 5, "policy": "local", "redis": { "host": "redis.test" } })),
        ("ip-restriction", json!({ "allow": ["10.0.0.0/8"] })),
        ("request-size-limiting", json!({ "allowed_payload_size": 3 })),
        ("request-termination", json!({ "status_code": 503, "message": "closed" })),
        ("request-transformer", json!({ "add": { "headers": ["x-a:1"] }, "remove": { "querystring": ["debug"] } })),
        ("response-transformer", json!({ "remove": { "headers": ["server"] } })),
        ("prometheus", json!({ "per_consumer": true })),
    ];
    let mut number = 0;
    for (at, (name, config)) in configs.into_iter().enumerate() {
        for scope in ["", "service", "route", "consumer"] {
            let suits = match scope {
                "consumer" => !["cors", "key-auth", "acl"].contains(&name),
                _ => true,
            };
            if !suits {
                continue;
            }
            let mut plugin =
                json!({ "name": name, "config": config, "enabled": at % 2 == 0, "protocols": ["https", "http"] });
            if !scope.is_empty() {
                plugin[scope] = reference(&format!("{scope}s"), at);
                plugin["instance_name"] = format!("{name}-{scope}").into();
                plugin["tags"] = json!(["all", format!("team-{}", at % 3)]);
            }
            add(state, "plugins", number, plugin);
            number += 1;
        }
    }
}
