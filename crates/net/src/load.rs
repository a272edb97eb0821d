//! How much a node takes on: decided by whoever watches it, asked for each request and connection. It measures nothing.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

/// What is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// All.
    Normal,
    /// Connections; requests are marked to be turned away ([`Exchange::shed`](crate::Exchange::shed)).
    Shedding,
    /// Nothing new: connections are closed at once.
    Refusing,
}

/// The level of a node, shared by its workers.
#[derive(Debug, Default)]
pub struct Load(AtomicU8);

impl Load {
    /// Returns what is taken on now.
    #[inline]
    pub fn level(&self) -> Level {
        match self.0.load(Ordering::Relaxed) {
            0 => Level::Normal,
            1 => Level::Shedding,
            _ => Level::Refusing,
        }
    }

    /// Sets what is taken on.
    pub fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }
}
