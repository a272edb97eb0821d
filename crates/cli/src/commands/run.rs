//! `gibbon run`: a node in the foreground.

use super::make;
use crate::args::Place;
use crate::node;
use crate::node::Attachment;
use crate::outcome::Outcome;
use crate::settings::Origin;

pub(super) fn execute(place: &Place, attachment: Attachment, outcome: &mut Outcome) -> anyhow::Result<()> {
    let origin = Origin::of(place)?;
    let conf = origin.load()?;
    let prefix = make(&conf, outcome)?;
    anyhow::ensure!(prefix.running().is_none(), "Kong is already running in {}", prefix.display());
    node::run(origin, conf, &prefix, attachment)
}
