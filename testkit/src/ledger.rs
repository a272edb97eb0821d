//! An upstream that answers each request with its id and writes down how often it was asked for each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::Upstream;
use crate::upstream::Reaction;
use crate::upstream::Received;

/// The ids that reached an upstream, and how often.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    seen: Arc<Mutex<BTreeMap<u64, u32>>>,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts an upstream that enters each request here and answers it with its id.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn upstream(&self) -> anyhow::Result<Upstream> {
        let ledger = self.clone();
        Upstream::start(move |received| ledger.answer(received))
    }

    /// Enters a request and returns the answer to it.
    #[must_use]
    pub fn answer(&self, received: &Received) -> Reaction {
        Reaction::ok(&self.enter(received).to_string())
    }

    /// Enters a request and returns its id; 0 if it has none.
    #[must_use]
    pub fn enter(&self, received: &Received) -> u64 {
        let id = received.target.rsplit_once("id=").and_then(|(_, id)| id.parse().ok()).unwrap_or_default();
        *self.lock().entry(id).or_default() += 1;
        id
    }

    /// How often that request came.
    #[must_use]
    pub fn count(&self, id: u64) -> u32 {
        self.lock().get(&id).copied().unwrap_or_default()
    }

    /// How many requests came, each counted once.
    #[must_use]
    pub fn total(&self) -> usize {
        self.lock().len()
    }

    /// The ids of requests that came more than once.
    #[must_use]
    pub fn repeated(&self) -> Vec<u64> {
        self.lock().iter().filter(|(_, count)| **count > 1).map(|(id, _)| *id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u32>> {
        // A script that panicked leaves the counts as they are.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
