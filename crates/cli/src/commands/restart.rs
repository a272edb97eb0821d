//! `gibbon restart`: stops a node if one runs, then starts it.

use super::start;
use super::stop;
use crate::args::Place;
use crate::outcome::Outcome;

pub(super) fn execute(place: &Place, outcome: &mut Outcome) -> anyhow::Result<()> {
    if let Err(error) = stop::execute(place.prefix.as_deref()) {
        // Nothing to stop is no reason not to start. Source: kong 3.10 cmd/restart.lua.
        tracing::debug!(%error, "nothing was stopped");
    }
    start::execute(place, outcome)
}
