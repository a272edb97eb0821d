//! `gibbon restart`: replaces a running node by a new one that takes its sockets over, so that no request is lost; also the way to a
//! new version of the program. Where no node runs it starts one.

use super::start;
use super::stop;
use crate::args::Place;
use crate::handover;
use crate::node::Beginning;
use crate::outcome::Outcome;
use crate::prefix::Prefix;
use crate::settings::Origin;

pub(super) fn execute(place: &Place, outcome: &mut Outcome) -> anyhow::Result<()> {
    // What does not load, `start` says.
    let runs =
        Origin::of(place).and_then(|origin| origin.load()).is_ok_and(|conf| Prefix::of(&conf).running().is_some());
    if !runs {
        return start::execute(place, Beginning::Fresh, outcome);
    }
    match start::execute(place, Beginning::TakeOver, outcome) {
        Err(error) if error.to_string().starts_with(handover::REFUSED) => {
            // A node that hangs, or one of another kind.
            stop::execute(place.prefix.as_deref())?;
            start::execute(place, Beginning::Fresh, outcome)
        }
        other => other,
    }
}
