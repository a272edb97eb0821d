//! `gibbon prepare`: writes what a node needs into its prefix, so that `run` can start from there.

use super::make;
use crate::args::Place;
use crate::certificates;
use crate::outcome::Outcome;
use crate::settings::Origin;

pub(super) fn execute(place: &Place, outcome: &mut Outcome) -> anyhow::Result<()> {
    let conf = Origin::of(place)?.load()?;
    let prefix = make(&conf, outcome)?;
    for (of, listeners, own) in [
        ("", &conf.proxy_listen, &conf.ssl_cert),
        ("admin-", &conf.admin_listen, &conf.admin_ssl_cert),
        ("status-", &conf.status_listen, &conf.status_ssl_cert),
    ] {
        if own.is_empty() && listeners.iter().any(|listener| listener.ssl) {
            certificates::default_pair(&prefix, of)?;
        }
    }
    Ok(())
}
