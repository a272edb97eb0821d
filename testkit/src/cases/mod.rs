//! Runnable cases in documentation: fenced `case` blocks, run against a gateway started for each.
//!
//! `format` reads the blocks, `compare` holds an answer against what was expected, `run` does the steps. The format is a part
//! of the one in which recorded cases are kept, and is told to plugin authors in docs/plugins.md.

mod compare;
mod format;
mod run;

#[cfg(test)]
mod tests;

pub use format::Case;
pub use format::read;
pub use run::Lab;
