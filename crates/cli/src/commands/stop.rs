//! `gibbon stop`: ends a node at once; requests in flight are cut.

use std::time::Duration;

use rustix::process::Signal;

use super::gone;
use super::prepared;

/// A node that does not end within this time hangs.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn execute(prefix: Option<&str>) -> anyhow::Result<()> {
    let prefix = prepared(prefix)?;
    let node = prefix.signal(Signal::TERM)?;
    anyhow::ensure!(gone(node, PATIENCE), "the node in {} does not stop", prefix.display());
    println!("Kong stopped");
    Ok(())
}
