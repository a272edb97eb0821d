//! Plugins that decide whether, and how often, a request may pass: one folder each.

pub mod cors;
pub mod ip_restriction;
pub mod rate_limiting;
pub mod request_size_limiting;
pub mod request_termination;
