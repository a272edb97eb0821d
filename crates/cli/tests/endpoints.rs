//! Every endpoint of Kong's Admin API: served with Kong's methods, or named here with the reason why not.

use std::collections::BTreeSet;

use anyhow::Context as _;
use gibbon_schema::testing::fact;
use gibbon_testkit::gateway::Setup;
use serde_json::Value;

/// Endpoints of plugins that do not exist yet, by a word of their path; each comes with its plugin.
const OF_PLUGINS_TO_COME: &[&str] = &[
    "acme",
    "acme_storage",
    "basic-auth",
    "basic-auths",
    "hmac-auth",
    "hmac-auths",
    "jwt",
    "jwts",
    "oauth2",
    "oauth2_tokens",
    "proxy-cache",
    "session",
    "sessions",
];

/// Endpoints that this node does not have, with the reason.
const NOT_HERE: &[(&str, &str)] =
    &[("/debug/cluster/control-planes-nodes/log-level/{log_level}", "a control plane has it, and Kong only there")];

#[test]
fn every_endpoint_is_served_or_has_its_reason() -> anyhow::Result<()> {
    let Some(Value::Array(endpoints)) = fact("admin-endpoints.json") else { return Ok(()) };
    let gateway = Setup::new(env!("CARGO_BIN_EXE_gibbon")).embedded().start()?;
    let listed = gateway.call("GET", "/endpoints", None)?.json()?;
    let listed: BTreeSet<&str> = listed["data"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut wrong = Vec::new();
    for endpoint in &endpoints {
        let template = endpoint["template"].as_str().context("a template")?;
        let to_come = template.split('/').any(|word| OF_PLUGINS_TO_COME.contains(&word));
        if to_come || NOT_HERE.iter().any(|(path, _)| *path == template) {
            if listed.contains(template) {
                wrong.push(format!("{template} is there: take it off the list of those that are not"));
            }
            continue;
        }
        if !listed.contains(template) {
            wrong.push(format!("{template} is not in /endpoints"));
        }
        let disabled = endpoint["disabled"] == true;
        let answer = gateway.call("OPTIONS", &filled(template), None)?;
        let want = if disabled { None } else { endpoint["allow_header"].as_str() };
        if answer.header("allow") != want {
            wrong.push(format!("{template}: want {want:?}, got {} {:?}", answer.status, answer.header("allow")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Returns a path that a template stands for.
fn filled(template: &str) -> String {
    let word = |word: &str| if word.starts_with('{') { "x".to_owned() } else { word.to_owned() };
    template.split('/').map(word).collect::<Vec<_>>().join("/")
}
