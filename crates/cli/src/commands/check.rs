//! `gibbon check`: says whether a configuration file is valid, and all that is wrong with it.

use crate::args::Place;
use crate::outcome::Exit;
use crate::outcome::log_error;
use crate::settings::Invalid;
use crate::settings::Origin;

pub(super) fn execute(conf: Option<&str>) -> anyhow::Result<()> {
    let place = Place { conf: conf.map(str::to_owned), prefix: None };
    match Origin::of(&place).and_then(|origin| origin.load()) {
        Ok(_) => {
            println!("configuration at {} is valid", conf.unwrap_or("default location"));
            Ok(())
        }
        Err(error) => {
            match error.downcast_ref::<Invalid>() {
                Some(Invalid(all)) => all.iter().for_each(|text| log_error(text)),
                None => log_error(&error.to_string()),
            }
            Err(Exit(1).into())
        }
    }
}
