//! Rules about manifests: panics unwind, nothing is published, every crate shares lints and licence.
//!
//! It reads the few keys it needs line by line; cargo itself checks that the files are TOML.

use super::Finding;
use super::Source;
use super::Tree;

/// Each crate's manifest takes these from the workspace.
const SHARED: &[&str] = &[
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "publish.workspace = true",
];

/// Documents without which the repository is not complete.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "STYLE.md",
    "VOCABULARY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "Cargo.lock",
    "clippy.toml",
    "deny.toml",
    "crates/README.md",
];

/// Returns what is wrong with the manifests and the documents at the top.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = DOCUMENTS
        .iter()
        .filter(|document| !tree.has(document))
        .map(|document| Finding::new(*document, "is missing"))
        .collect();
    let manifests = tree.files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    for manifest in manifests {
        if manifest.path == "Cargo.toml" {
            findings.extend(check_root(manifest));
        } else {
            findings.extend(check_member(manifest, tree.text("crates/README.md").unwrap_or_default()));
        }
    }
    findings
}

fn check_root(manifest: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in ["dev", "release"] {
        if !section(&manifest.text, &format!("profile.{profile}")).any(|line| line == "panic = \"unwind\"") {
            findings.push(Finding::new(
                &manifest.path,
                format!(
                    "[profile.{profile}] must say panic = \"unwind\": a panic in a plugin ends one request, no worker"
                ),
            ));
        }
    }
    let aborts = manifest.text.lines().any(|line| line.trim().starts_with("panic") && line.contains("abort"));
    if aborts {
        findings.push(Finding::new(&manifest.path, "no profile may abort on a panic"));
    }
    for key in ["license = \"Apache-2.0\"", "publish = false"] {
        if !section(&manifest.text, "workspace.package").any(|line| line == key) {
            findings.push(Finding::new(&manifest.path, format!("[workspace.package] must say {key}")));
        }
    }
    findings
}

fn check_member(manifest: &Source, crates: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in SHARED.iter().filter(|key| !section(&manifest.text, "package").any(|line| line == **key)) {
        findings.push(Finding::new(&manifest.path, format!("[package] must say {key}")));
    }
    if !section(&manifest.text, "lints").any(|line| line == "workspace = true") {
        findings.push(Finding::new(&manifest.path, "[lints] must say workspace = true"));
    }
    let folder = manifest.path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
    if let Some(folder) = folder.filter(|folder| !crates.contains(&format!("`{folder}`"))) {
        findings.push(Finding::new("crates/README.md", format!("has no line for `{folder}`")));
    }
    findings
}

/// Lines of the table `name`, trimmed.
fn section<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    text.lines()
        .map(str::trim)
        .skip_while(move |line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}
