//! `gibbon migrations`: prepares a Postgres database before a node is started, with the answers of Kong's command. The embedded
//! database is made and migrated when it is opened, so that there is never anything left to do.

use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::time::Duration;

use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_store::StoreError;
use gibbon_store::postgres::Done;
use gibbon_store::postgres::Migrations;
use gibbon_store::postgres::State;
use gibbon_store::postgres::Subsystem;
use serde_json::json;

use super::alone;
use crate::args::Place;
use crate::outcome::Exit;
use crate::postgres;
use crate::settings::Origin;

/// What the user wants beside the action.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    /// Ask nothing.
    pub(super) yes: bool,
    /// Also what was done already.
    pub(super) force: bool,
    /// How long the database may take.
    pub(super) timeout: Option<Duration>,
}

/// How often a question is asked.
const ASKED: usize = 3;

pub(super) fn execute(action: Option<&str>, place: &Place, wishes: Wishes) -> anyhow::Result<()> {
    let Some(action @ ("bootstrap" | "up" | "finish" | "list" | "status" | "reset")) = action else {
        anyhow::bail!("no such command; see `kong migrations --help`")
    };
    let conf = Origin::of(place)?.load()?;
    match conf.database {
        Database::Postgres => alone(of_postgres(&conf, action, wishes)),
        Database::Embedded | Database::Off => without_any(&conf, action),
    }
}

/// The answers of a database that needs no migrations.
fn without_any(conf: &Conf, action: &str) -> anyhow::Result<()> {
    match action {
        "bootstrap" => println!("Database already bootstrapped"),
        "up" => println!("Database is already up-to-date"),
        "finish" => println!("No pending migrations to finish"),
        "reset" => {
            anyhow::bail!("the embedded database is reset by removing its file from the prefix while no node runs")
        }
        _ => {
            println!("Executed migrations:");
            if conf.database == Database::Embedded {
                println!("embedded: all of gibbon {}", env!("CARGO_PKG_VERSION"));
            }
        }
    }
    Ok(())
}

async fn of_postgres(conf: &Conf, action: &str, wishes: Wishes) -> anyhow::Result<()> {
    let server = postgres::server(conf)?;
    let migrations = Migrations::connect(&server, wishes.timeout.unwrap_or(server.timeout)).await?;
    let state = migrations.state().await?;
    match action {
        "bootstrap" => {
            if wishes.force {
                reset(&migrations).await?;
            }
            bootstrap(&migrations).await
        }
        "up" => up(&state, wishes),
        "finish" => finish(&state),
        "list" => list(&state),
        "status" => {
            println!("{}", status(&state));
            Ok(())
        }
        _ => {
            if !wishes.yes {
                anyhow::ensure!(
                    std::io::stdin().is_terminal(),
                    "not a tty: invoke 'reset' non-interactively with the --yes flag"
                );
                if !state.needs_bootstrap && !confirmed("Are you sure? This operation is irreversible.")? {
                    println!("cancelled");
                    return Ok(());
                }
            }
            if reset(&migrations).await? == Done::Before { Err(Exit(1).into()) } else { Ok(()) }
        }
    }
}

async fn bootstrap(migrations: &Migrations) -> anyhow::Result<()> {
    if !migrations.state().await?.needs_bootstrap {
        println!("Database already bootstrapped");
        return Ok(());
    }
    println!("Bootstrapping database...");
    match migrations.bootstrap().await {
        Ok(_) => println!("Database is up-to-date"),
        // Whoever is quicker does the same.
        Err(error @ StoreError::NotLeader) => println!("{error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn reset(migrations: &Migrations) -> anyhow::Result<Done> {
    if migrations.state().await?.needs_bootstrap {
        println!("Database not bootstrapped, nothing to reset");
        return Ok(Done::Before);
    }
    println!("Resetting database...");
    let done = migrations.reset().await?;
    println!("Database successfully reset");
    Ok(done)
}

fn up(state: &State, wishes: Wishes) -> anyhow::Result<()> {
    bootstrapped(state)?;
    anyhow::ensure!(
        wishes.force || state.pending.is_empty(),
        "Database has pending migrations; run 'kong migrations finish'"
    );
    foreign(&state.new)?;
    println!("Database is already up-to-date");
    Ok(())
}

fn finish(state: &State) -> anyhow::Result<()> {
    bootstrapped(state)?;
    foreign(&state.pending)?;
    if state.new.is_empty() {
        println!("No pending migrations to finish");
    } else {
        println!("\nNew migrations available; run 'kong migrations up' to proceed");
    }
    Ok(())
}

fn bootstrapped(state: &State) -> anyhow::Result<()> {
    anyhow::ensure!(!state.needs_bootstrap, "Cannot run migrations: {}", StoreError::NeedsBootstrap);
    Ok(())
}

/// Tables of an older Kong are changed by Kong: what its migrations do with the rows is not known here.
fn foreign(migrations: &[Subsystem]) -> anyhow::Result<()> {
    let names: Vec<String> = migrations.iter().map(ToString::to_string).collect();
    anyhow::ensure!(
        names.is_empty(),
        "these migrations of an older Kong's database are run by the command of Kong 3.10:\n{}",
        names.join("\n")
    );
    Ok(())
}

fn list(state: &State) -> anyhow::Result<()> {
    if state.needs_bootstrap {
        print!("{}", StoreError::NeedsBootstrap);
        return Err(Exit(3).into());
    }
    for (title, list) in [
        ("Executed migrations", &state.executed),
        ("Pending migrations", &state.pending),
        ("New migrations available", &state.new),
    ] {
        if !list.is_empty() {
            println!("{title}:");
            list.iter().for_each(|part| println!("{part}"));
        }
    }
    if !state.pending.is_empty() {
        println!("\nRun 'kong migrations finish' when ready");
        return Err(Exit(4).into());
    }
    if !state.new.is_empty() {
        println!("\nRun 'kong migrations up' to proceed");
        return Err(Exit(5).into());
    }
    Ok(())
}

/// Returns the state as JSON; lists that are empty are absent, as Kong's.
fn status(state: &State) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    for (name, list) in [
        ("executed_migrations", &state.executed),
        ("pending_migrations", &state.pending),
        ("new_migrations", &state.new),
    ] {
        if list.is_empty() {
            continue;
        }
        let of = |part: &Subsystem| {
            let namespace = match part.name.as_str() {
                "core" => "kong.db.migrations.core".to_owned(),
                plugin => format!("kong.plugins.{plugin}.migrations"),
            };
            json!({"subsystem": part.name, "namespace": namespace, "migrations": part.migrations})
        };
        all.insert(name.to_owned(), list.iter().map(of).collect());
    }
    if state.needs_bootstrap {
        all.insert("needs_bootstrap".to_owned(), true.into());
    }
    all.into()
}

fn confirmed(question: &str) -> anyhow::Result<bool> {
    for _ in 0..ASKED {
        print!("> {question} [y/n] ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" | "YES" => return Ok(true),
            "n" | "N" | "no" | "NO" => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}
