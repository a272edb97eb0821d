//! What can go wrong in a store, one variant a situation; how it is shown is not said here.

use gibbon_model::Document;
use thiserror::Error;

/// Why a store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The primary key is taken (Kong's code 3).
    #[error("primary key `{id}` of `{entity}` is taken")]
    PrimaryKeyTaken { entity: &'static str, field: &'static str, id: String },
    /// A unique field, or the fields of a composite cache key, are taken (Kong's code 5).
    #[error("a unique value of `{entity}` is taken")]
    UniqueTaken { entity: &'static str, fields: Document },
    /// A foreign key names nothing (Kong's code 4).
    #[error("`{field}` of `{entity}` names no `{target}`")]
    ForeignMissing { entity: &'static str, field: &'static str, target: &'static str, key: Document },
    /// What shall be deleted is still referenced (Kong's code 4).
    #[error("`{entity}` is still referenced by `{by}`")]
    Referenced { entity: &'static str, by: &'static str },
    /// What shall be updated is not there (Kong's code 6).
    #[error("no `{entity}` with the primary key `{id}`")]
    Missing { entity: &'static str, field: &'static str, id: String },
    /// An offset that this store did not make (Kong's code 7).
    #[error("`{offset}` is not a valid offset: {reason}")]
    InvalidOffset { offset: String, reason: &'static str },
    /// No such entity in the catalog.
    #[error("unknown entity `{0}`")]
    UnknownEntity(String),
    /// The database file is held by a process that does not share it.
    #[error("the database `{path}` is locked by another process")]
    Locked { path: String },
    /// The database was written by a newer version.
    #[error("the database has schema version {found}, newer than the {known} known here")]
    TooNew { found: i64, known: i64 },
    /// A document at rest cannot be read back.
    #[error("a stored document of `{entity}` is damaged")]
    Damaged {
        entity: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// The database itself failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// The file system failed.
    #[error("the database files failed")]
    Files(#[from] std::io::Error),
    /// The Postgres server refused or broke off a statement.
    #[error("[PostgreSQL error] {}", said(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The Postgres server does not answer; the text is Kong's.
    #[error("[PostgreSQL error] failed to retrieve PostgreSQL server_version_num: {reason}")]
    Unreachable { reason: String },
    /// The Postgres database has none of Kong's tables.
    #[error("{}", crate::postgres::NEEDS_BOOTSTRAP)]
    NeedsBootstrap,
    /// The Postgres database lacks a column; an older Kong made it.
    #[error("the database lacks `{table}`.`{column}`; migrate it with Kong 3.10, or with `kong migrations up`")]
    NotMigrated { table: &'static str, column: String },
    /// Another process changes the tables.
    #[error("aborted: another node is performing database changes")]
    NotLeader,
    /// The writer thread has ended.
    #[error("the store is closed")]
    Closed,
}

/// Returns what the server said, if it was the server.
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
}
