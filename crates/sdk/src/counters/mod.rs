//! Counters of the node: how often something happened in the running second, minute, … year. They belong to no filter,
//! so that an edited plugin goes on counting where it was.
//!
//! A key's six windows are six words, each the start of its window and a count, changed by compare-exchange: exact over
//! all workers, and a new window needs no new memory. A worker takes a shard's lock when it first meets a key and keeps
//! the windows in a table of its own from then on.

mod period;

use std::cell::RefCell;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};
use smallvec::SmallVec;
use uuid::Uuid;

pub use period::Period;

/// How many locks the table is spread over.
const SHARDS: usize = 64;
/// How many keys a worker remembers before it starts anew.
const LOCAL_KEYS: usize = 16_384;

/// What is counted: Kong keys its counters by the route and service that the plugin is tied to, and an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'k> {
    /// The route, nil if the plugin is tied to none.
    pub route: Uuid,
    /// The service, nil if the plugin is tied to none.
    pub service: Uuid,
    /// Who or what is limited.
    pub identifier: Identifier<'k>,
}

/// Who or what is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identifier<'k> {
    /// An entity.
    Id(Uuid),
    /// Something a request says or has.
    Bytes(&'k [u8]),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OwnedKey {
    route: Uuid,
    service: Uuid,
    identifier: OwnedIdentifier,
}

/// As [`Identifier`]; addresses need no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum OwnedIdentifier {
    Id(Uuid),
    Bytes(SmallVec<[u8; 16]>),
}

impl Equivalent<OwnedKey> for Key<'_> {
    fn equivalent(&self, owned: &OwnedKey) -> bool {
        let same = match (self.identifier, &owned.identifier) {
            (Identifier::Id(one), OwnedIdentifier::Id(other)) => one == *other,
            (Identifier::Bytes(one), OwnedIdentifier::Bytes(other)) => one == other.as_slice(),
            _ => false,
        };
        same && self.route == owned.route && self.service == owned.service
    }
}

impl From<Key<'_>> for OwnedKey {
    fn from(key: Key<'_>) -> Self {
        let identifier = match key.identifier {
            Identifier::Id(id) => OwnedIdentifier::Id(id),
            Identifier::Bytes(bytes) => OwnedIdentifier::Bytes(SmallVec::from_slice(bytes)),
        };
        Self { route: key.route, service: key.service, identifier }
    }
}

/// The windows of one key.
#[derive(Debug, Default)]
pub struct Windows {
    /// One for each of [`Period::ALL`]: the window's start in the upper half, the count in the lower.
    words: [AtomicU64; 6],
}

const fn pack(start: u32, count: u32) -> u64 {
    (start as u64) << 32 | count as u64
}

const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

impl Windows {
    /// Returns the count of the window that began at `start`.
    pub fn count(&self, period: Period, start: u32) -> u32 {
        let (held, count) = unpack(self.words[period as usize].load(Ordering::Relaxed));
        if held == start { count } else { 0 }
    }

    /// Counts one more if that stays within `limit`; returns the count before, or `Err` with it when it is full.
    ///
    /// # Errors
    /// The count, when it has reached the limit.
    pub fn admit(&self, period: Period, start: u32, limit: u32) -> Result<u32, u32> {
        let word = &self.words[period as usize];
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let (held, count) = unpack(seen);
            // A clock that was put back a little counts on in the later window, as does a worker that is late. One that was
            // put back by more than a window begins anew: nobody may be locked out until it is that late again.
            let most = period.seconds() + period.seconds() / 8;
            let goes_on = held >= start && held - start <= most;
            let (start, count) = if goes_on { (held, count) } else { (start, 0) };
            if count >= limit {
                return Err(count);
            }
            match word.compare_exchange_weak(seen, pack(start, count + 1), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(count),
                Err(now) => seen = now,
            }
        }
    }

    /// Takes one back, if the window is still the one that began at `start`.
    pub fn take_back(&self, period: Period, start: u32) {
        let word = &self.words[period as usize];
        // A window that has passed meanwhile has nothing to take back.
        let _ = word.try_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
            let (held, count) = unpack(seen);
            (held == start && count > 0).then(|| pack(held, count - 1))
        });
    }

    /// Tells whether every window is over at `now`.
    fn is_over(&self, now: u32) -> bool {
        Period::ALL.iter().all(|period| {
            let (held, count) = unpack(self.words[*period as usize].load(Ordering::Relaxed));
            count == 0 || held != period.start(now)
        })
    }
}

/// The node's counters of one kind; see [`crate::Env::state`].
pub struct Counters {
    /// Tells these counters from others in a worker's table; an address would be given out again.
    serial: u64,
    shards: [Mutex<Shard>; SHARDS],
    hasher: foldhash::fast::RandomState,
}

#[derive(Default)]
struct Shard {
    windows: HashMap<OwnedKey, Arc<Windows>, foldhash::fast::RandomState>,
    /// Size at which keys whose windows are over are swept out.
    sweep_at: usize,
}

impl Default for Counters {
    fn default() -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self {
            serial,
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

type Local = HashMap<(u64, OwnedKey), Arc<Windows>, foldhash::fast::RandomState>;

/// A key of the table that a worker keeps: the counters it belongs to, by serial number, and the key.
#[derive(Hash)]
struct LocalKey<'k>(u64, Key<'k>);

impl Equivalent<(u64, OwnedKey)> for LocalKey<'_> {
    fn equivalent(&self, owned: &(u64, OwnedKey)) -> bool {
        self.0 == owned.0 && self.1.equivalent(&owned.1)
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
}

impl Counters {
    /// Lends the windows of `key`; `now` (seconds since the epoch) tells which keys are over when room is made.
    ///
    /// Allocates and locks only when this worker meets the key for the first time.
    pub fn with<T>(&self, key: Key<'_>, now: u32, look: impl FnOnce(&Windows) -> T) -> T {
        LOCAL.with_borrow_mut(|local| {
            if let Some(windows) = local.get(&LocalKey(self.serial, key)) {
                return look(windows);
            }
            if local.len() >= LOCAL_KEYS {
                local.clear();
            }
            let windows = self.shared(key, now);
            let out = look(&windows);
            local.insert((self.serial, key.into()), windows);
            out
        })
    }

    /// Returns the windows that all workers share for `key`.
    fn shared(&self, key: Key<'_>, now: u32) -> Arc<Windows> {
        let shard = (self.hasher.hash_one(key) as usize) % SHARDS;
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(windows) = shard.windows.get(&key) {
            return Arc::clone(windows);
        }
        if shard.windows.len() >= shard.sweep_at {
            // A key that a worker still holds must stay, or it would be counted twice over.
            shard.windows.retain(|_, windows| Arc::strong_count(windows) > 1 || !windows.is_over(now));
            shard.sweep_at = (shard.windows.len() * 2).max(1024);
        }
        let windows = Arc::<Windows>::default();
        shard.windows.insert(key.into(), Arc::clone(&windows));
        windows
    }
}

#[cfg(test)]
mod tests;
