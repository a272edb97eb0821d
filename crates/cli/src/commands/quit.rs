//! `gibbon quit`: ends a node when its requests have been answered, or when the time is up.

use std::time::Duration;

use rustix::process::Signal;

use super::gone;
use super::prepared;

pub(super) fn execute(prefix: Option<&str>, timeout: f64, wait: f64) -> anyhow::Result<()> {
    let prefix = prepared(prefix)?;
    let seconds = |number: f64| Duration::try_from_secs_f64(number).unwrap_or_default();
    std::thread::sleep(seconds(wait));
    let node = prefix.signal(Signal::QUIT)?;
    if gone(node, seconds(timeout)) {
        println!("Kong stopped (gracefully)");
        return Ok(());
    }
    // A node that ended by itself just now is as good.
    _ = prefix.signal(Signal::TERM);
    gone(node, Duration::from_secs(10));
    println!("Timeout, Kong stopped forcefully");
    Ok(())
}
