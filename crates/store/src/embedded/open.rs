//! How connections to the file are opened: private file, WAL, synced commits.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::StoreError;

/// How long a write waits for another process's.
const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

/// Opens the file, and makes it, readable by its owner only, if it is not there.
///
/// # Errors
/// When the file cannot be opened or is not a database.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL would lose the last commits when the machine, not only the process, goes down.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}
