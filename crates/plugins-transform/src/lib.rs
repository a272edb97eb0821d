//! Plugins that change requests and responses: one folder each.

pub mod correlation_id;
mod pairs;
pub mod request_transformer;
pub mod response_transformer;
