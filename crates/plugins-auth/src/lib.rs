//! Plugins that say who a client is and what it may do: one folder each. What they share is in `gibbon_sdk::auth`.

pub mod acl;
pub mod key_auth;
