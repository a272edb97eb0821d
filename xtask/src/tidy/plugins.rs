//! Rules about plugin folders, and the golden list of plugins with their priorities.
//!
//! The order of plugins is part of what users rely on, so a changed priority must show in a review.

use std::path::Path;

use anyhow::Context;

use super::Finding;
use super::Goldens;
use super::Tree;

/// The golden list, one `priority name` a line, in the order in which the chain runs them.
const GOLDEN: &str = "crates/cli/src/registry.golden";
const REGISTRY: &str = "crates/cli/src/registry.rs";

/// Returns what is wrong with the plugin folders and with the golden list.
pub(super) fn check(tree: &Tree, goldens: Goldens) -> anyhow::Result<Vec<Finding>> {
    let folders = folders(&tree.paths);
    let mut findings = Vec::new();
    let mut plugins = Vec::new();
    for folder in &folders {
        for (wanted, why) in [("README.md", "the user's page, with runnable cases"), ("mod.rs", "what the plugin is")] {
            if !tree.has(&format!("{folder}/{wanted}")) {
                findings.push(Finding::new(folder, format!("has no {wanted}: {why}")));
            }
        }
        if !tree.has(&format!("{folder}/tests.rs")) && !tree.has(&format!("{folder}/tests/mod.rs")) {
            findings.push(Finding::new(folder, "has no tests.rs"));
        }
        let sources = tree.files.iter().filter(|file| file.path.starts_with(folder) && file.path.ends_with(".rs"));
        let Some((name, priority)) = sources.filter_map(|file| identity(&file.text)).next() else {
            findings.push(Finding::new(folder, "says no `const NAME` and `const PRIORITY`: a folder here is a plugin"));
            continue;
        };
        let last = Path::new(folder).file_name().and_then(|last| last.to_str()).unwrap_or_default();
        if last != name.replace('-', "_") {
            findings.push(Finding::new(folder, format!("is the plugin `{name}`: folder and plugin share their name")));
        }
        plugins.push((priority, name, last.to_owned()));
    }
    let Some(registry) = tree.text(REGISTRY) else { return Ok(findings) };
    for (_, name, folder) in plugins.iter().filter(|(_, _, folder)| !registry.contains(folder.as_str())) {
        findings.push(Finding::new(REGISTRY, format!("has no line for `{name}` ({folder})")));
    }
    findings.extend(compare(tree, list(&plugins), goldens)?);
    Ok(findings)
}

fn compare(tree: &Tree, found: String, goldens: Goldens) -> anyhow::Result<Option<Finding>> {
    if tree.text(GOLDEN) == Some(found.as_str()) {
        return Ok(None);
    }
    if goldens == Goldens::Rewrite {
        std::fs::write(tree.top.join(GOLDEN), found).with_context(|| format!("cannot write `{GOLDEN}`"))?;
        return Ok(None);
    }
    Ok(Some(Finding::new(GOLDEN, format!("differs; `cargo xtask tidy --update` makes it:\n{found}"))))
}

fn list(plugins: &[(i64, String, String)]) -> String {
    let mut sorted: Vec<_> = plugins.iter().collect();
    // Kong runs equal priorities in the reverse order of their names.
    sorted.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
    sorted.iter().map(|(priority, name, _)| format!("{priority:>8} {name}\n")).collect()
}

/// Folders directly below the sources of a plugin crate.
fn folders(paths: &[String]) -> Vec<String> {
    let mut folders: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let [top, name, src, folder, _, ..] = path.split('/').collect::<Vec<_>>()[..] else { return None };
            (top == "crates" && name.starts_with("plugins-") && src == "src")
                .then(|| format!("{top}/{name}/{src}/{folder}"))
        })
        .collect();
    folders.dedup();
    folders
}

/// The plugin's name and priority as its source states them.
pub(super) fn identity(text: &str) -> Option<(String, i64)> {
    let name = constant(text, "NAME")?.trim_matches('"').to_owned();
    let priority = constant(text, "PRIORITY")?.replace('_', "").parse().ok()?;
    Some((name, priority))
}

fn constant<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("const {name}:");
    let line = text.lines().map(str::trim).find(|line| line.trim_start_matches("pub ").starts_with(&start))?;
    line.split_once('=').map(|(_, value)| value.trim().trim_end_matches(';').trim())
}
