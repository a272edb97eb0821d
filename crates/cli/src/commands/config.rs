//! `gibbon config`: declarative files. `init` writes an example, `parse` checks one.

use std::path::Path;

use anyhow::Context as _;

use crate::args::Place;
use crate::outcome::Outcome;

/// The file that `init` writes and `db_export` would, if none is named.
const DEFAULT_FILE: &str = "kong.yml";

const EXAMPLE: &str = include_str!("example.yml");

pub(super) fn execute(
    action: Option<&str>,
    file: Option<&str>,
    place: &Place,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    _ = (place, outcome);
    match action {
        Some("init") => init(Path::new(file.unwrap_or(DEFAULT_FILE))),
        _ => anyhow::bail!("no such command; see `kong config --help`"),
    }
}

fn init(path: &Path) -> anyhow::Result<()> {
    let shown = std::path::absolute(path)?;
    anyhow::ensure!(!path.exists(), "{} already exists.\nWill not overwrite it.", shown.display());
    std::fs::write(path, EXAMPLE).with_context(|| format!("could not write {}", path.display()))
}
