//! Plugins that change requests and responses: one folder each.

pub mod correlation_id;
pub mod response_transformer;
