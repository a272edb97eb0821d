//! The tables: making them in an empty database as Kong's migrations leave them, saying which
//! migrations a database has, removing everything. Upgrading the tables of an older Kong is Kong's.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::connect::Connections;
use super::connect::Server;
use crate::error::StoreError;

/// What Kong says of a database without tables.
pub const NEEDS_BOOTSTRAP: &str = "Database needs bootstrapping or is older than Kong 1.0.\n\n\
     To start a new installation from scratch, run 'kong migrations bootstrap'.\n\n";

/// Functions first, since the tables' triggers name them.
const TABLES: [&str; 3] = [
    include_str!("migrations/functions.sql"),
    include_str!("migrations/core.sql"),
    include_str!("migrations/plugins.sql"),
];

/// Held while tables are made, so that two commands do not make them at once.
const LOCK: i64 = 0x6b6f_6e67;

/// The migrations of Kong 3.10 by subsystem. A Kong node refuses a database in which one is missing.
const KNOWN: [(&str, &[&str]); 18] = [
    ("acl", &["000_base_acl", "002_130_to_140", "003_200_to_210", "004_212_to_213"]),
    ("acme", &["000_base_acme", "001_280_to_300", "002_320_to_330", "003_350_to_360"]),
    ("ai-proxy", &["001_360_to_370"]),
    ("basic-auth", &["000_base_basic_auth", "002_130_to_140", "003_200_to_210"]),
    ("bot-detection", &["001_200_to_210"]),
    (
        "core",
        &[
            "000_base",
            "003_100_to_110",
            "004_110_to_120",
            "005_120_to_130",
            "006_130_to_140",
            "007_140_to_150",
            "008_150_to_200",
            "009_200_to_210",
            "010_210_to_211",
            "011_212_to_213",
            "012_213_to_220",
            "013_220_to_230",
            "014_230_to_270",
            "015_270_to_280",
            "016_280_to_300",
            "017_300_to_310",
            "018_310_to_320",
            "019_320_to_330",
            "020_330_to_340",
            "021_340_to_350",
            "022_350_to_360",
            "023_360_to_370",
            "024_380_to_390",
            "025_390_to_3100",
        ],
    ),
    ("hmac-auth", &["000_base_hmac_auth", "002_130_to_140", "003_200_to_210"]),
    ("http-log", &["001_280_to_300"]),
    ("ip-restriction", &["001_200_to_210"]),
    ("jwt", &["000_base_jwt", "002_130_to_140", "003_200_to_210"]),
    ("key-auth", &["000_base_key_auth", "002_130_to_140", "003_200_to_210", "004_320_to_330"]),
    (
        "oauth2",
        &["000_base_oauth2", "003_130_to_140", "004_200_to_210", "005_210_to_211", "006_320_to_330", "007_320_to_330"],
    ),
    ("opentelemetry", &["001_331_to_332"]),
    ("post-function", &["001_280_to_300"]),
    ("pre-function", &["001_280_to_300"]),
    (
        "rate-limiting",
        &["000_base_rate_limiting", "003_10_to_112", "004_200_to_210", "005_320_to_330", "006_350_to_360"],
    ),
    ("response-ratelimiting", &["000_base_response_rate_limiting", "001_350_to_360"]),
    ("session", &["000_base_session", "001_add_ttl_index", "002_320_to_330", "003_330_to_3100"]),
];

/// Some migrations of one part of Kong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsystem {
    /// `core`, or a plugin.
    pub name: String,
    pub migrations: Vec<String>,
}

impl fmt::Display for Subsystem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.name, self.migrations.join(", "))
    }
}

/// Which migrations a database has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether it has no tables at all.
    pub needs_bootstrap: bool,
    pub executed: Vec<Subsystem>,
    /// Begun, to be finished.
    pub pending: Vec<Subsystem>,
    /// Not yet begun.
    pub new: Vec<Subsystem>,
}

/// Whether something was there to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Now,
    Before,
}

/// A connection for commands that change tables.
pub struct Migrations {
    connections: Connections,
}

impl Migrations {
    /// Connects; every statement may take as long as `timeout`.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn connect(server: &Server, timeout: Duration) -> Result<Self, StoreError> {
        let connections = Server { timeout, pool_size: Some(1), ..server.clone() }.pool()?;
        drop(connections.take().await?);
        Ok(Self { connections })
    }

    /// Returns which migrations the database has.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn state(&self) -> Result<State, StoreError> {
        let client = self.connections.take().await?;
        state(&client).await
    }

    /// Makes all tables, unless they are there.
    ///
    /// # Errors
    /// When another process makes them at this moment, or the server fails.
    pub async fn bootstrap(&self) -> Result<Done, StoreError> {
        let mut client = self.connections.take().await?;
        let transaction = client.build_transaction().start().await?;
        lock(&transaction).await?;
        if !state(transaction.client()).await?.needs_bootstrap {
            return Ok(Done::Before);
        }
        for sql in TABLES {
            transaction.batch_execute(sql).await?;
        }
        for (subsystem, migrations) in KNOWN {
            let insert = "INSERT INTO schema_meta (key, subsystem, last_executed, executed, pending) \
                 VALUES ('schema_meta', $1, $2, $3, '{}')";
            transaction.execute(insert, &[&subsystem, &migrations.last(), &migrations]).await?;
        }
        let workspace = "INSERT INTO workspaces (id, name) VALUES ($1, 'default')";
        transaction.execute(workspace, &[&Uuid::new_v4()]).await?;
        transaction.commit().await?;
        Ok(Done::Now)
    }

    /// Removes all tables with all that is in them; `Before` if there are none.
    ///
    /// # Errors
    /// When another process changes tables at this moment, or the server fails.
    pub async fn reset(&self) -> Result<Done, StoreError> {
        let mut client = self.connections.take().await?;
        let transaction = client.build_transaction().start().await?;
        lock(&transaction).await?;
        if state(transaction.client()).await?.needs_bootstrap {
            return Ok(Done::Before);
        }
        for line in TABLES.iter().flat_map(|sql| sql.lines()) {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ")
                && let Some(table) = rest.split(' ').next()
            {
                transaction.batch_execute(&format!("DROP TABLE IF EXISTS {table} CASCADE")).await?;
            }
            if let Some(rest) = line.strip_prefix("CREATE FUNCTION ")
                && let Some(function) = rest.split(' ').next()
            {
                transaction.batch_execute(&format!("DROP FUNCTION IF EXISTS {function} CASCADE")).await?;
            }
        }
        transaction.commit().await?;
        Ok(Done::Now)
    }
}

/// Keeps other commands out until the end of the transaction.
async fn lock(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]).await?;
    if row.try_get(0)? { Ok(()) } else { Err(StoreError::NotLeader) }
}

async fn state(client: &Client) -> Result<State, StoreError> {
    let there = client.query_one("SELECT to_regclass('schema_meta') IS NOT NULL", &[]).await?;
    if !there.try_get(0)? {
        return Ok(State { needs_bootstrap: true, new: known(), ..State::default() });
    }
    let select = "SELECT subsystem, coalesce(executed, '{}'), coalesce(pending, '{}') FROM schema_meta \
         WHERE key = 'schema_meta' ORDER BY subsystem";
    let mut state = State::default();
    for row in client.query(select, &[]).await? {
        let name: String = row.try_get(0)?;
        let part = |migrations| Subsystem { name: name.clone(), migrations };
        state.executed.push(part(row.try_get(1)?));
        state.pending.push(part(row.try_get(2)?));
    }
    state.needs_bootstrap = state.executed.is_empty();
    state.new = known();
    for part in &mut state.new {
        let have = |list: &[Subsystem], name: &String| {
            list.iter().any(|own| own.name == part.name && own.migrations.contains(name))
        };
        part.migrations.retain(|name| !have(&state.executed, name) && !have(&state.pending, name));
    }
    for list in [&mut state.executed, &mut state.pending, &mut state.new] {
        list.retain(|part| !part.migrations.is_empty());
    }
    Ok(state)
}

fn known() -> Vec<Subsystem> {
    let part = |(name, migrations): (&str, &[&str])| Subsystem {
        name: name.to_owned(),
        migrations: migrations.iter().map(|name| (*name).to_owned()).collect(),
    };
    KNOWN.into_iter().map(part).collect()
}
