//! The checks of `cargo xtask tidy`: each looks at the tree and returns what it found, none changes it.
//!
//! What a compiler lint can say is said by a compiler lint (root `Cargo.toml`, `clippy.toml`) and not here.

mod floors;
mod manifests;
mod plugins;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::ensure;

/// What to do with golden files that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goldens {
    /// A difference is a finding.
    Compare,
    /// The file is rewritten; its difference is reviewed as code.
    Rewrite,
}

/// One broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    rule: String,
}

impl Finding {
    fn new(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { place: place.into(), rule: rule.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// A file that is, or is about to be, committed.
#[derive(Debug)]
struct Source {
    /// Relative to the top of the repository, with `/`.
    path: String,
    text: String,
}

/// The repository as the checks see it.
struct Tree {
    top: PathBuf,
    /// Text files only; what is not UTF-8 is left out.
    files: Vec<Source>,
    /// Paths of everything that git tracks or would track.
    paths: Vec<String>,
}

impl Tree {
    fn read(top: &Path) -> anyhow::Result<Self> {
        let listing = output(Command::new("git").current_dir(top).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut paths: Vec<String> = listing.lines().map(str::to_owned).collect();
        paths.sort();
        paths.dedup();
        paths.retain(|path| top.join(path).is_file());
        let mut files = Vec::with_capacity(paths.len());
        for path in &paths {
            let bytes = std::fs::read(top.join(path)).with_context(|| format!("cannot read `{path}`"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(Source { path: path.clone(), text });
            }
        }
        Ok(Self { top: top.to_owned(), files, paths })
    }

    fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| known == path)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

/// Returns every finding of every check, in the order of the checks.
pub(crate) fn run(goldens: Goldens) -> anyhow::Result<Vec<Finding>> {
    let top = PathBuf::from(output(Command::new("git").args(["rev-parse", "--show-toplevel"]))?.trim());
    let tree = Tree::read(&top)?;
    let mut findings = text::check(&tree.files);
    findings.extend(manifests::check(&tree));
    findings.extend(floors::check(&floors::edges(&top)?));
    findings.extend(floors::purity(&tree.files));
    findings.extend(plugins::check(&tree, goldens)?);
    Ok(findings)
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let done = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(done.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}
