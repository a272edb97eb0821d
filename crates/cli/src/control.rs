//! The socket in the prefix on which a running node takes commands of this same program: a JSON line there, one or more back. Who may write in the
//! prefix's `sockets` folder (its owner) may do anything with the node, so that nothing is asked for.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use anyhow::Context as _;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::declarative::File;
use crate::prefix::Prefix;
use crate::settings::Origin;

/// What a node can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Load this configuration and go on with it; the answer names properties that wait for a restart.
    Reload(Origin),
    /// Check this file, answer, put what it holds into the database, and answer again: with steps done of all, now and
    /// then, and with null at the end.
    Import(File),
    /// Return all that the database holds as the text of a declarative file.
    Export,
    /// Hand the sockets to the process that asks, and end when it is ready; see `handover`.
    HandOver,
}

/// The node's answer: what was asked for, or why not.
pub(crate) type Answer = Result<Value, String>;

/// Says that properties have changed which a reload does not put in force.
pub(crate) fn waits_for_restart(names: &[String]) -> String {
    format!("in force after `gibbon restart`, which loses no request: {}", names.join(", "))
}

/// Asks the node of `prefix`. The error is the node's, or that no node listens.
pub(crate) fn call(prefix: &Prefix, call: &Call) -> anyhow::Result<Value> {
    ask(prefix, call)?.next()
}

/// Asks the node of `prefix` for something that it answers step by step.
pub(crate) fn ask(prefix: &Prefix, call: &Call) -> anyhow::Result<Answers> {
    let path = prefix.control_socket();
    let mut stream = UnixStream::connect(&path).with_context(|| format!("no node listens on {}", path.display()))?;
    let mut line = serde_json::to_vec(call)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(Answers(BufReader::new(stream)))
}

/// What a node answers.
pub(crate) struct Answers(BufReader<UnixStream>);

impl Answers {
    /// Waits for the next answer.
    pub(crate) fn next(&mut self) -> anyhow::Result<Value> {
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        let answer: Answer = serde_json::from_str(&answer).context("the node broke off")?;
        answer.map_err(|reason| anyhow::anyhow!(reason))
    }
}
