//! The reference in `docs/reference` is what `gibbon reference` writes, its links lead somewhere, and its OpenAPI document
//! holds together.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

#[test]
fn is_fresh() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let done = Command::new(GIBBON).arg("reference").arg(folder.path()).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        let name = entry?.file_name();
        let fresh = std::fs::read(folder.path().join(&name))?;
        if std::fs::read(committed().join(&name)).ok() != Some(fresh) {
            stale.push(name);
        }
    }
    ensure!(
        stale.is_empty(),
        "{stale:?}: run `cargo run -p gibbon -- reference docs/reference` and look at the difference"
    );
    Ok(())
}

#[test]
fn links_lead_somewhere() -> anyhow::Result<()> {
    for page in ["README.md", "entities.md", "plugins.md", "properties.md", "endpoints.md"] {
        let text = std::fs::read_to_string(committed().join(page))?;
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { page } else { file };
            let path = committed().join(file);
            ensure!(path.is_file(), "{page}: {link} leads nowhere");
            let heading = format!("\n## {anchor}\n");
            ensure!(
                anchor.is_empty() || std::fs::read_to_string(&path)?.contains(&heading),
                "{page}: no heading {link}"
            );
        }
    }
    Ok(())
}

#[test]
fn openapi_holds_together() -> anyhow::Result<()> {
    let document: Value = serde_json::from_slice(&std::fs::read(committed().join("openapi.json"))?)?;
    ensure!(document["openapi"] == "3.1.0");
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        ensure!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        let named: Vec<&str> =
            template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let declared: Vec<&str> = item["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        ensure!(named == declared, "{template}: parameters {declared:?}");
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let place = format!("{method} {template}");
            ensure!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}: an id that another has");
            ensure!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{place}: no summary");
            ensure!(
                operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()),
                "{place}: no answer"
            );
        }
    }
    ensure!(ids.len() > 150, "only {} operations", ids.len());
    Ok(())
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
