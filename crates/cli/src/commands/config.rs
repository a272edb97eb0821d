//! `gibbon config`: declarative files. `init` writes an example, `parse` checks one, `db_import` and `db_export` exchange it with the
//! database: of a running node through the node, else the file.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_model::Catalog;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Parsed;
use gibbon_store::Beside;
use gibbon_store::Unpublished;
use gibbon_store::Writer;
use gibbon_store::postgres::Migrations;
use serde_json::Value;

use super::alone;
use super::make;
use crate::args::Place;
use crate::control;
use crate::control::Call;
use crate::declarative::File;
use crate::node::open_store;
use crate::outcome::Outcome;
use crate::postgres;
use crate::prefix::Prefix;
use crate::prefix::write_private;
use crate::progress::Bar;
use crate::progress::watched;
use crate::registry;
use crate::settings::Origin;
use crate::world;

/// The file that `init` and `db_export` write if none is named.
const DEFAULT_FILE: &str = "kong.yml";

const EXAMPLE: &str = include_str!("example.yml");

pub(super) fn execute(
    action: Option<&str>,
    file: Option<&str>,
    place: &Place,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    match action {
        Some("init") => init(Path::new(file.unwrap_or(DEFAULT_FILE))),
        Some("parse") => {
            let conf = load(place)?;
            read(&conf, file)?;
            println!("parse successful");
            Ok(())
        }
        Some("db_import") => {
            let conf = load(place)?;
            anyhow::ensure!(
                conf.database != Database::Off,
                "'kong config db_import' only works with a database.\n\
                 When using database=off, reload your declarative configuration\nusing the /config endpoint."
            );
            import(&conf, file, outcome)
        }
        Some("db_export") => {
            let conf = load(place)?;
            anyhow::ensure!(conf.database != Database::Off, "'kong config db_export' only works with a database.");
            export(&conf, Path::new(file.unwrap_or(DEFAULT_FILE)), outcome)
        }
        _ => anyhow::bail!("no such command; see `kong config --help`"),
    }
}

fn load(place: &Place) -> anyhow::Result<Conf> {
    let conf = Origin::of(place)?.load()?;
    if conf.database == Database::Postgres {
        // Kong asks its database before it does anything, even to check a file.
        let server = postgres::server(&conf)?;
        alone(async { Ok(Migrations::connect(&server, server.timeout).await?) })?;
    }
    Ok(conf)
}

fn init(path: &Path) -> anyhow::Result<()> {
    let shown = std::path::absolute(path)?;
    anyhow::ensure!(!path.exists(), "{} already exists.\nWill not overwrite it.", shown.display());
    std::fs::write(path, EXAMPLE).with_context(|| format!("could not write {}", path.display()))
}

/// What a file holds, and what it was checked against.
struct Read {
    declarative: Declarative,
    parsed: Parsed,
}

fn open(file: Option<&str>) -> anyhow::Result<File> {
    let path = file.context("expected a declarative configuration file; see `kong config --help`")?;
    File::read(Path::new(path)).map_err(|why| anyhow::anyhow!("Failed parsing:\n{why}"))
}

fn read(conf: &Conf, file: Option<&str>) -> anyhow::Result<Read> {
    let declarative = Declarative::new(registry::catalog(conf, &registry::enabled(conf)?));
    match open(file)?.parse(&declarative, Beside::Nothing) {
        Ok(parsed) => Ok(Read { declarative, parsed }),
        Err(why) => anyhow::bail!("Failed parsing:\n{why}"),
    }
}

fn import(conf: &Conf, file: Option<&str>, outcome: &mut Outcome) -> anyhow::Result<()> {
    let prefix = Prefix::of(conf);
    if prefix.running().is_some() {
        // The node checks the file; checking it here as well would take twice as long.
        let file = open(file)?;
        make(conf, outcome)?;
        let mut answers = control::ask(&prefix, &Call::Import(file))?;
        answers.next()?;
        println!("parse successful, beginning import");
        let mut bar = Bar::new();
        // The node tells steps until it is done, which it tells with null.
        while let Ok(steps) = serde_json::from_value(answers.next()?) {
            bar.draw(steps);
        }
    } else {
        let Read { declarative, parsed } = read(conf, file)?;
        println!("parse successful, beginning import");
        let prefix = make(conf, outcome)?;
        alone(async {
            let writer = writer(conf, &prefix, declarative.catalog()).await?;
            let progress = Arc::default();
            let mut bar = Bar::new();
            watched(writer.import(parsed, &progress), &progress, |steps| bar.draw(steps)).await?;
            Ok(())
        })?;
    }
    println!("import successful");
    Ok(())
}

fn export(conf: &Conf, path: &Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    let shown = std::path::absolute(path)?;
    anyhow::ensure!(!path.exists(), "{} already exists. Will not overwrite it.", shown.display());
    let prefix = make(conf, outcome)?;
    let text = if prefix.running().is_some() {
        match control::call(&prefix, &Call::Export)? {
            Value::String(text) => text,
            other => anyhow::bail!("the node answered {other} instead of a text"),
        }
    } else {
        let catalog = registry::catalog(conf, &registry::enabled(conf)?);
        alone(async { Ok(writer(conf, &prefix, &catalog).await?.export().await?) })?
    };
    write_private(path, text.as_bytes())
}

async fn writer(conf: &Conf, prefix: &Prefix, catalog: &Arc<Catalog>) -> anyhow::Result<Writer> {
    Ok(Writer::new(open_store(conf, prefix, catalog).await?, Arc::new(world::Real), Arc::new(Unpublished)))
}
