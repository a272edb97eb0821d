//! Dependencies point downward: the one table of floors, and the check of `cargo metadata` against it.
//!
//! It looks at edges between our own crates, and at the foreign crates that floors 0 and 1 may not have.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::Finding;
use super::Source;
use super::output;

/// Every crate of the workspace and its floor. A new crate is entered here, with its line in crates/README.md.
const FLOORS: &[(&str, u8)] = &[
    ("gibbon-http", 0),
    ("gibbon-schema", 0),
    ("gibbon-schema-derive", 0),
    ("gibbon-model", 1),
    ("gibbon-conf", 1),
    ("gibbon-store", 2),
    ("gibbon-ring", 2),
    ("gibbon-net", 2),
    ("gibbon-sdk", 3),
    ("gibbon-plugins-auth", 4),
    ("gibbon-plugins-traffic", 4),
    ("gibbon-plugins-transform", 4),
    ("gibbon-plugins-observe", 4),
    ("gibbon-proxy", 5),
    ("gibbon-admin", 6),
    ("gibbon", 7),
    // Measured, never shipped: puts a gateway together as cli does.
    ("gibbon-subject", 8),
];

/// Edges within a floor, each with its reason.
const SIDEWAYS: &[(&str, &str)] = &[
    // A derive macro and the traits it implements are one thing in two crates, because rustc wants them so.
    ("gibbon-schema", "gibbon-schema-derive"),
    // Apart, because it alone holds unsafe code about sockets.
    ("gibbon-net", "gibbon-ring"),
];

/// Edges against the order, for tests only.
const IN_TESTS: &[(&str, &str)] = &[
    // The macro's tests must name the traits that its output implements.
    ("gibbon-schema-derive", "gibbon-schema"),
    // A crate's own tests switch on its feature for tests.
    ("gibbon-schema", "gibbon-schema"),
    ("gibbon-proxy", "gibbon-proxy"),
];

/// Crates beside the floors: tests may use the test kit, nobody uses the others; only fuzz targets use floors.
const APART: &[&str] = &["gibbon-fuzz", "gibbon-testkit", "xtask"];

/// What is counted for `benches/counts`: a client, a node and an upstream in one program, none of it shipped.
const COUNTED: &str = "gibbon-subject";

/// Floors 0 and 1 do no I/O; these crates are the ways to do it.
const EFFECTS: &[&str] =
    &["tokio", "mio", "socket2", "io-uring", "rusqlite", "hyper", "hyper-util", "axum", "rustix", "tempfile"];

/// Floors 0 and 1 know no time, no randomness, no files: these calls are the ways around it.
const IMPURE: &[&str] = &[
    "Instant::now(",
    "SystemTime::now(",
    "Timestamp::now(",
    "Zoned::now(",
    "Uuid::new_v4(",
    "std::fs::",
    "std::net::Tcp",
    "std::env::var",
    "std::process::",
    "std::thread::",
];

/// One dependency, as a manifest states it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) kind: Kind,
}

/// When a dependency counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In what is shipped or what builds it.
    Shipped,
    /// In tests, examples and benches.
    Tests,
}

/// Returns all dependencies of the workspace's members, as `cargo metadata` knows them.
pub(super) fn edges(top: &Path) -> anyhow::Result<Vec<Edge>> {
    let text = output(Command::new("cargo").current_dir(top).args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let mut edges = Vec::new();
    for package in array(&metadata["packages"]) {
        for dependency in array(&package["dependencies"]) {
            edges.push(Edge {
                from: word(&package["name"]),
                to: word(&dependency["name"]),
                kind: if dependency["kind"] == "dev" { Kind::Tests } else { Kind::Shipped },
            });
        }
        if array(&package["dependencies"]).is_empty() {
            // A crate without dependencies still has to stand in the table.
            edges.push(Edge { from: word(&package["name"]), to: String::new(), kind: Kind::Shipped });
        }
    }
    Ok(edges)
}

/// Returns the edges that do not point downward, and crates missing from the table.
pub(super) fn check(edges: &[Edge]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unknown: Vec<&str> = edges
        .iter()
        .map(|edge| edge.from.as_str())
        .filter(|name| floor(name).is_none() && !APART.contains(name))
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    for name in unknown {
        findings.push(Finding::new(name, "stands on no floor: enter it in xtask/src/tidy/floors.rs"));
    }
    for Edge { from, to, kind } in edges {
        if let Some(rule) = broken_rule(from, to, *kind) {
            findings.push(Finding::new(format!("{from} -> {to}"), rule));
        }
    }
    findings
}

fn broken_rule(from: &str, to: &str, kind: Kind) -> Option<&'static str> {
    let pair = (from, to);
    match (floor(from), floor(to)) {
        (Some(from), None) if from <= 1 && kind == Kind::Shipped && EFFECTS.contains(&to) => {
            Some("floors 0 and 1 do no I/O")
        }
        (Some(_), None) if to == "gibbon-testkit" && kind == Kind::Shipped && from != COUNTED => {
            Some("the test kit is for tests")
        }
        (_, None) if to == "xtask" || to == "gibbon-fuzz" => Some("nobody depends on xtask or the fuzz targets"),
        (None, Some(_)) if from == "gibbon-fuzz" => None,
        (None, Some(_)) => Some("the test kit and xtask depend on no floor"),
        (Some(upper), Some(lower)) if upper < lower => {
            (kind == Kind::Shipped || !IN_TESTS.contains(&pair)).then_some("a dependency must point downward")
        }
        (Some(upper), Some(lower)) if upper == lower => {
            let known = SIDEWAYS.contains(&pair) || (kind == Kind::Tests && IN_TESTS.contains(&pair));
            (!known).then_some("neighbours on a floor do not know each other")
        }
        _ => None,
    }
}

/// Returns the places on floors 0 and 1 that reach for the world instead of being handed it.
pub(super) fn purity(files: &[Source]) -> Vec<Finding> {
    let low = files.iter().filter(|file| is_low(&file.path) && !is_test(&file.path));
    let mut findings = Vec::new();
    for file in low {
        for (number, line) in shipped_lines(&file.text) {
            for call in IMPURE.iter().filter(|call| line.contains(**call)) {
                findings.push(Finding::new(
                    format!("{}:{number}", file.path),
                    format!("`{call}` on floor 0 or 1: take a `World` or a value instead"),
                ));
            }
        }
    }
    findings
}

/// Lines that are code before the file's first test module, with their numbers from 1.
fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

fn is_low(path: &str) -> bool {
    // The derive macro runs in the compiler, where nothing of this matters.
    FLOORS.iter().filter(|(name, floor)| *floor <= 1 && *name != "gibbon-schema-derive").any(|(name, _)| {
        let folder = name.strip_prefix("gibbon-").unwrap_or(name);
        path.strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(folder))
            .is_some_and(|rest| rest.starts_with("/src/"))
    })
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
