//! The commands, one file each. Each says what Kong's command of that name says, and ends with its exit code.

mod check;
mod config;
mod echo;
mod health;
mod migrations;
mod prepare;
mod quit;
mod reference;
mod reload;
mod restart;
mod run;
mod start;
mod stop;
mod vault;
mod version;

use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use gibbon_conf::Conf;
use rustix::process::Pid;

use self::migrations::Wishes;

use crate::args::Command;
use crate::args::Place;
use crate::node::Attachment;
use crate::node::Beginning;
use crate::outcome::Outcome;
use crate::prefix::Prefix;
use crate::prefix::is_alive;
use crate::settings::Origin;

/// Runs a command.
pub(crate) fn execute(command: &Command, outcome: &mut Outcome) -> anyhow::Result<()> {
    match command {
        Command::Run { place, detached, take_over } => {
            let attachment = if *detached { Attachment::Detached } else { Attachment::Terminal };
            let beginning = if *take_over { Beginning::TakeOver } else { Beginning::Fresh };
            run::execute(place, attachment, beginning, outcome)
        }
        Command::Start { place, .. } => start::execute(place, Beginning::Fresh, outcome),
        Command::Stop { prefix } => stop::execute(prefix.as_deref()),
        Command::Restart { place, .. } => restart::execute(place, outcome),
        Command::Reload { place, .. } => reload::execute(place, outcome),
        Command::Quit { prefix, timeout, wait } => quit::execute(prefix.as_deref(), *timeout, *wait),
        Command::Health { prefix } => health::execute(prefix.as_deref()),
        Command::Version { all } => version::execute(*all),
        Command::Check { conf } => check::execute(conf.as_deref()),
        Command::Prepare { place, .. } => prepare::execute(place, outcome),
        Command::Config { action, file, place } => config::execute(action.as_deref(), file.as_deref(), place, outcome),
        Command::Migrations { action, place, yes, force, db_timeout, .. } => {
            let timeout = db_timeout.map(Duration::from_secs);
            migrations::execute(action.as_deref(), place, Wishes { yes: *yes, force: *force, timeout })
        }
        Command::Vault { action, reference, place } => vault::execute(action.as_deref(), reference.as_deref(), place),
        Command::Reference { folder } => reference::execute(folder),
        Command::Echo { address, listen } => echo::execute(listen.unwrap_or(*address)),
    }
}

/// Works on the database without a node.
fn alone<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// The prefix that a command for a node means, which must exist: the one named, else that of the configuration.
fn existing(prefix: Option<&str>) -> anyhow::Result<Prefix> {
    let origin = Origin::of(&Place { conf: None, prefix: prefix.map(str::to_owned) })?;
    let prefix = Prefix::of(&origin.load_only()?);
    anyhow::ensure!(prefix.exists(), "no such prefix: {}", prefix.display());
    Ok(prefix)
}

/// The same, of a node that was started once.
fn prepared(prefix: Option<&str>) -> anyhow::Result<Prefix> {
    let prefix = existing(prefix)?;
    had_a_node(&prefix)?;
    Ok(prefix)
}

fn had_a_node(prefix: &Prefix) -> anyhow::Result<()> {
    let file = prefix.env_file();
    anyhow::ensure!(file.exists(), "no file at: {}", file.display());
    Ok(())
}

/// Makes and prepares the prefix of a configuration that was loaded.
fn make(conf: &Conf, outcome: &mut Outcome) -> anyhow::Result<Prefix> {
    let prefix = Prefix::of(conf);
    if let Some(said) = prefix.create()? {
        outcome.aside(said);
    }
    prefix.prepare(conf).with_context(|| format!("could not prepare {}", prefix.display()))?;
    Ok(prefix)
}

/// Waits until the process of a node has ended, and with it its sockets; `false` if it still runs after `limit`.
fn gone(node: Pid, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while is_alive(node) {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}
