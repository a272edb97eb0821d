//! `gibbon vault get`: reads a value from a vault, as a property or a field would.

use gibbon_conf::vault;
use gibbon_conf::vault::EnvVault;

use crate::args::Place;
use crate::settings::Origin;

pub(super) fn execute(action: Option<&str>, reference: Option<&str>, place: &Place) -> anyhow::Result<()> {
    anyhow::ensure!(action == Some("get"), "no such command; see `kong vault --help`");
    let Some(reference) = reference else {
        anyhow::bail!("the 'get' command needs a <reference> argument \nkong vault get <reference>");
    };
    let origin = Origin::of(place)?;
    let default_prefix = origin.variable("KONG_VAULT_ENV_PREFIX").unwrap_or_default();
    let vault = EnvVault::new(origin.env().clone(), default_prefix);
    println!("{}", vault.resolve(vault::reference(reference).unwrap_or(reference))?);
    Ok(())
}
