//! How far a long piece of work has come: one thread works, others look. It shows nothing itself.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Steps done of all steps.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    all: AtomicU64,
}

impl Progress {
    /// Says how many steps there are.
    pub fn begin(&self, all: usize) {
        self.all.store(all as u64, Ordering::Relaxed);
    }

    /// Notes that a step is done.
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the steps done, and all of them; both are 0 until the work has begun.
    pub fn now(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.all.load(Ordering::Relaxed))
    }
}
