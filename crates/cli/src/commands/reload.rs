//! `gibbon reload`: hands a running node its configuration anew; connections stay, requests in flight end as they began.

use super::had_a_node;
use crate::args::Place;
use crate::control;
use crate::control::Call;
use crate::outcome::Outcome;
use crate::prefix::Prefix;
use crate::settings::Origin;

pub(super) fn execute(place: &Place, outcome: &mut Outcome) -> anyhow::Result<()> {
    let origin = Origin::of(place)?;
    let conf = origin.load()?;
    let prefix = Prefix::of(&conf);
    // Kong makes the prefix first, also where there can be no node.
    if let Some(said) = prefix.create()? {
        outcome.aside(said);
    }
    had_a_node(&prefix)?;
    anyhow::ensure!(prefix.running().is_some(), "nginx not running in prefix: {}", prefix.display());
    let waiting: Vec<String> = serde_json::from_value(control::call(&prefix, &Call::Reload(origin))?)?;
    prefix.prepare(&conf)?;
    if !waiting.is_empty() {
        eprintln!("{}", control::waits_for_restart(&waiting));
    }
    println!("Kong reloaded");
    Ok(())
}
