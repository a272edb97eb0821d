//! Regexes of routes, compiled once per distinct text and given up when no route uses them any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Weak;

use regex::bytes::Regex;

/// Why a route cannot be routed to.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// A regex is beyond what the engine knows, or too large.
    #[error("the regex `{pattern}` cannot be compiled")]
    Regex {
        /// The regex as it was given to the engine.
        pattern: String,
        /// What the engine said.
        source: regex::Error,
    },
}

/// The regexes in use.
#[derive(Debug, Default)]
pub struct Regexes {
    compiled: HashMap<String, Weak<Regex>>,
    /// How many were compiled since the dead ones were last swept out.
    fresh: usize,
}

impl Regexes {
    /// Returns the regex of this text.
    pub(super) fn get(&mut self, pattern: &str) -> Result<Arc<Regex>, RouteError> {
        if let Some(held) = self.compiled.get(pattern).and_then(Weak::upgrade) {
            return Ok(held);
        }
        let failed = |source| RouteError::Regex { pattern: pattern.to_owned(), source };
        let regex = Arc::new(Regex::new(pattern).map_err(failed)?);
        self.compiled.insert(pattern.to_owned(), Arc::downgrade(&regex));
        self.fresh += 1;
        if self.fresh > self.compiled.len() / 2 + 64 {
            self.compiled.retain(|_, held| held.strong_count() > 0);
            self.fresh = 0;
        }
        Ok(regex)
    }
}
