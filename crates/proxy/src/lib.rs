//! The machine that requests run through: router, snapshot, plugin chain. It knows no plugin, no SQL, no Admin API.

pub mod chain;
pub mod path;
pub mod router;
pub mod snapshot;
