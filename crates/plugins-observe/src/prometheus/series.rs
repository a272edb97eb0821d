//! The series of a node: counters and histograms under their labels. They outlive every change of configuration. A
//! worker takes a lock when it first meets labels, and keeps handles from then on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Upper bounds of the gateway's own latency, in milliseconds.
pub(super) const GATEWAY_BUCKETS: [u64; 17] =
    [1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1000, 3000, 6000];
/// Upper bounds of upstream and whole latencies, in milliseconds.
pub(super) const UPSTREAM_BUCKETS: [u64; 13] =
    [25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// A histogram of milliseconds.
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    /// How many fell between the bound before and this one.
    buckets: [AtomicU64; N],
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, buckets: [const { AtomicU64::new(0) }; N], above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, ms: u64) {
        let at = self.bounds.iter().position(|bound| ms <= *bound);
        at.map_or(&self.above, |at| &self.buckets[at]).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(ms, Ordering::Relaxed);
    }

    /// Returns each bound with the count up to it, then the count of all, and their sum.
    pub(super) fn read(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut total = 0;
        let counts = self.bounds.iter().zip(&self.buckets).map(|(bound, count)| {
            total += count.load(Ordering::Relaxed);
            (*bound, total)
        });
        let counts: Vec<(u64, u64)> = counts.collect();
        let count = total + self.above.load(Ordering::Relaxed);
        (counts, count, self.sum.load(Ordering::Relaxed))
    }
}

/// The latencies of one service and route.
pub(super) struct Latencies {
    pub(super) gateway: Histogram<17>,
    pub(super) upstream: Histogram<13>,
    pub(super) whole: Histogram<13>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            gateway: Histogram::new(&GATEWAY_BUCKETS),
            upstream: Histogram::new(&UPSTREAM_BUCKETS),
            whole: Histogram::new(&UPSTREAM_BUCKETS),
        }
    }
}

/// Bytes of one service, route and consumer.
#[derive(Default)]
pub(super) struct Bandwidth {
    pub(super) ingress: AtomicU64,
    pub(super) egress: AtomicU64,
}

/// Service, route and consumer as labels show them; the consumer is empty where it does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Labels {
    pub(super) service: Box<str>,
    pub(super) route: Box<str>,
    pub(super) consumer: Box<str>,
}

/// Who made an answer, as the label `source` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Origin {
    Gateway,
    Service,
}

impl Origin {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Gateway => "kong",
            Self::Service => "service",
        }
    }
}

type Table<K, V> = Mutex<BTreeMap<K, Arc<V>>>;

/// A number that no other has in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Serial(u64);

impl Default for Serial {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// All series; see [`gibbon_sdk::Env::state`].
#[derive(Default)]
pub(super) struct Metrics {
    /// Tells these series from others in a worker's table; an address would be given out again.
    pub(super) serial: Serial,
    pub(super) requests: Table<(Labels, u16, Origin), AtomicU64>,
    pub(super) bandwidth: Table<Labels, Bandwidth>,
    pub(super) latencies: Table<Labels, Latencies>,
    /// How many filters are configured, and how many of them show the health of targets.
    pub(super) configured: AtomicUsize,
    pub(super) showing_health: AtomicUsize,
}

/// Returns the series under `key`, made if it is new.
pub(super) fn entry<K: Ord, V: Default>(table: &Table<K, V>, key: K) -> Arc<V> {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(table.entry(key).or_default())
}

/// Returns all series of a table, in the order of their labels.
pub(super) fn all<K: Ord + Clone, V>(table: &Table<K, V>) -> Vec<(K, Arc<V>)> {
    let table = table.lock().unwrap_or_else(PoisonError::into_inner);
    table.iter().map(|(key, value)| (key.clone(), Arc::clone(value))).collect()
}
