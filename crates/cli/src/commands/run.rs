//! `gibbon run`: a node in the foreground.

use super::make;
use crate::args::Place;
use crate::node;
use crate::node::Attachment;
use crate::node::Beginning;
use crate::outcome::Outcome;
use crate::settings::Origin;

pub(super) fn execute(
    place: &Place,
    attachment: Attachment,
    beginning: Beginning,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let origin = Origin::of(place)?;
    let conf = origin.load()?;
    let prefix = make(&conf, outcome)?;
    let alone = beginning == Beginning::TakeOver || prefix.running().is_none();
    anyhow::ensure!(alone, "Kong is already running in {}", prefix.display());
    node::run(origin, conf, &prefix, attachment, beginning)
}
