//! The clients of the Admin API against real nodes, on each store: decK's sequences of calls, bodies that nobody should
//! send, exports that are imported again, and the audit line.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod bodies;
mod client;
mod deck;
mod defaults;
mod health;
mod kinds;
mod round_trip;
mod state;

use gibbon_testkit::Gateway;
use gibbon_testkit::Postgres;
use gibbon_testkit::gateway::Setup;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

/// Starts a node on a database of its own on the tests' PostgreSQL server.
fn on_postgres() -> anyhow::Result<Gateway> {
    let server = Postgres::shared();
    let mut gateway = Setup::new(GIBBON).postgres(server, &server.database(None)?).prepare()?;
    gateway.run(&["migrations", "bootstrap"])?;
    gateway.start()?;
    Ok(gateway)
}

/// Starts a node on an embedded database.
fn on_embedded() -> anyhow::Result<Gateway> {
    Setup::new(GIBBON).embedded().start()
}

/// Starts a node without a database.
fn in_memory() -> anyhow::Result<Gateway> {
    Setup::new(GIBBON).start()
}
