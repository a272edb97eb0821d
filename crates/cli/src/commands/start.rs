//! `gibbon start`: runs a node in a process of its own and returns when that is ready, or with its error.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context as _;

use super::make;
use super::run;
use crate::args::Place;
use crate::node::Attachment;
use crate::node::Beginning;
use crate::node::READY;
use crate::outcome::Outcome;
use crate::prefix::Prefix;
use crate::settings::Origin;

pub(super) fn execute(place: &Place, beginning: Beginning, outcome: &mut Outcome) -> anyhow::Result<()> {
    let origin = Origin::of(place)?;
    let loaded = origin.load();
    // Kong makes the prefix before it looks at the values.
    let conf = match loaded {
        Ok(conf) => conf,
        Err(error) => {
            if let Some(said) =
                origin.named_prefix().and_then(|path| Prefix::at(path).create().transpose()).transpose()?
            {
                outcome.aside(said);
            }
            return Err(error);
        }
    };
    let prefix = make(&conf, outcome)?;
    let alone = beginning == Beginning::TakeOver || prefix.running().is_none();
    anyhow::ensure!(alone, "Kong is already running in {}", prefix.display());
    if !conf.nginx_daemon {
        return run::execute(place, Attachment::Terminal, beginning, outcome);
    }
    let mut command = Command::new(std::env::current_exe().context("this program's own file is gone")?);
    command.arg("run").arg("--detached");
    if beginning == Beginning::TakeOver {
        command.arg("--take-over");
    }
    for (option, value) in [("--conf", &place.conf), ("--prefix", &place.prefix)] {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("invariant: the output is a pipe")?;
    let mut first = String::new();
    BufReader::new(output).read_line(&mut first)?;
    if first.trim_end() == READY {
        if beginning == Beginning::TakeOver {
            // It finishes what it began; Kong's line for it.
            println!("Kong stopped");
        }
        println!("Kong started");
        return Ok(());
    }
    let mut said = String::new();
    child.stderr.take().context("invariant: the error output is a pipe")?.read_to_string(&mut said)?;
    child.wait()?;
    anyhow::bail!("{}", reason(&said))
}

/// Takes the message out of what the failed node printed.
fn reason(said: &str) -> &str {
    let text = said.trim();
    let text = text.split_once("Error: ").map_or(text, |(_, text)| text);
    let text = text.split_once("\n\n  Run with").map_or(text, |(text, _)| text);
    if text.is_empty() { "the node ended before it was ready" } else { text }
}
