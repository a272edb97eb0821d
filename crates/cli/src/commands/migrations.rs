//! `gibbon migrations`: for scripts that prepare a database before they start a node. The embedded database is made and migrated when it
//! is opened, so that there is never anything left to do.

use gibbon_conf::Database;

use crate::args::Place;
use crate::settings::Origin;
use crate::settings::refuse_postgres;

pub(super) fn execute(action: Option<&str>, place: &Place) -> anyhow::Result<()> {
    let Some(action) = action else { anyhow::bail!("no such command; see `kong migrations --help`") };
    let conf = Origin::of(place)?.load()?;
    refuse_postgres(&conf)?;
    match action {
        "bootstrap" => println!("Database already bootstrapped"),
        "up" => println!("Database is already up-to-date"),
        "finish" => println!("No pending migrations to finish"),
        "list" | "status" => {
            println!("Executed migrations:");
            if conf.database == Database::Embedded {
                println!("embedded: all of gibbon {}", env!("CARGO_PKG_VERSION"));
            }
        }
        "reset" => {
            anyhow::bail!("the embedded database is reset by removing its file from the prefix while no node runs")
        }
        _ => anyhow::bail!("no such command; see `kong migrations --help`"),
    }
    Ok(())
}
