//! The socket in the prefix on which a running node takes commands of this same program: one JSON line each way. Who may write in the
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
    /// Load this configuration and go on with it.
    Reload(Origin),
    /// Check this file and put what it holds into the database.
    Import(File),
    /// Return all that the database holds as the text of a declarative file.
    Export,
}

/// The node's answer: what was asked for, or why not.
pub(crate) type Answer = Result<Value, String>;

/// Asks the node of `prefix`. The error is the node's, or that no node listens.
pub(crate) fn call(prefix: &Prefix, call: &Call) -> anyhow::Result<Value> {
    let path = prefix.control_socket();
    let mut stream = UnixStream::connect(&path).with_context(|| format!("no node listens on {}", path.display()))?;
    let mut line = serde_json::to_vec(call)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let answer: Answer = serde_json::from_str(&answer).context("the node broke off")?;
    answer.map_err(|reason| anyhow::anyhow!(reason))
}
