//! Plugins that tell what happened: one folder each.

pub mod prometheus;
