//! A persistent hash map in shards: copying it shares everything, changing one key copies one shard. It knows nothing
//! of what it holds.

use std::borrow::Borrow;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// How many keys a shard has before there are twice as many shards: what a change copies, and what makes a small map
/// dense enough to stay in the processor's caches.
const FULL: usize = 64;
/// The most shards there are; with 100,000 keys a change copies about 100 of them.
const MOST_SHARDS: usize = 1024;

/// Keys of users stand in these maps, never keys of clients, so that a fixed seed invites no flood of collisions that
/// an attacker could choose.
const HASHER: FixedState = FixedState::with_seed(0x6769_6262_6f6e);

type Shard<K, V> = HashTable<(K, V)>;
type Slice<K, V> = [Option<Arc<Shard<K, V>>>];

/// A hash map that is cheap to copy and to change after a copy.
#[derive(Debug)]
pub struct Shards<K, V> {
    /// A power of two of them; none while the map is empty, so that the many empty maps of a small configuration cost
    /// nothing.
    shards: Option<Arc<Slice<K, V>>>,
    len: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self { shards: None, len: 0 }
    }
}

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), len: self.len }
    }
}

impl<K, V> Shards<K, V> {
    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns all keys and values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let shards = self.shards.as_deref().unwrap_or_default();
        shards.iter().flatten().flat_map(|shard| shard.iter()).map(|(key, value)| (key, value))
    }

    /// Returns all values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Hash + Eq, V> Shards<K, V> {
    /// Returns the value of `key`.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key, |held| held.borrow() == key)
    }

    /// Returns the value of the key that `is` the one; `key` has the same hash.
    pub fn find<Q: Hash + ?Sized>(&self, key: &Q, is: impl Fn(&K) -> bool) -> Option<&V> {
        let shards = self.shards.as_deref()?;
        let hash = HASHER.hash_one(key);
        let shard = shards[place(hash, shards.len())].as_deref()?;
        shard.find(hash, |(held, _)| is(held)).map(|(_, value)| value)
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    /// Sets the value of `key` and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = HASHER.hash_one(&key);
        if let Some((_, held)) = self.shard_mut(hash).find_mut(hash, |(held, _)| *held == key) {
            return Some(std::mem::replace(held, value));
        }
        self.grow();
        put(self.shard_mut(hash), hash, key, value);
        self.len += 1;
        None
    }

    /// Removes `key` and returns its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key)?;
        let hash = HASHER.hash_one(key);
        let entry = self.shard_mut(hash).find_entry(hash, |(held, _)| held.borrow() == key).ok()?;
        let ((_, value), _) = entry.remove();
        self.len -= 1;
        Some(value)
    }

    /// Spreads the keys over twice as many shards if those there are have become full.
    fn grow(&mut self) {
        let Some(shards) = &self.shards else { return };
        let count = shards.len() * 2;
        if self.len < shards.len() * FULL || count > MOST_SHARDS {
            return;
        }
        let mut grown: Box<[Shard<K, V>]> = (0..count).map(|_| Shard::new()).collect();
        for (key, value) in self.iter() {
            let hash = HASHER.hash_one(key);
            put(&mut grown[place(hash, count)], hash, key.clone(), value.clone());
        }
        self.shards = Some(grown.into_iter().map(|shard| Some(Arc::new(shard))).collect());
    }

    fn shard_mut(&mut self, hash: u64) -> &mut Shard<K, V> {
        let shards = Arc::make_mut(self.shards.get_or_insert_with(|| Arc::new([None])));
        let shard = &mut shards[place(hash, shards.len())];
        Arc::make_mut(shard.get_or_insert_with(|| Arc::new(Shard::new())))
    }
}

/// Puts a key that is not there into a shard.
fn put<K: Hash, V>(shard: &mut Shard<K, V>, hash: u64, key: K, value: V) {
    shard.insert_unique(hash, (key, value), |(held, _)| HASHER.hash_one(held));
}

/// Returns the shard of a hash among so many, a power of two. The table inside a shard uses the lowest and the highest
/// bits, hence these between.
const fn place(hash: u64, shards: usize) -> usize {
    (hash >> 32) as usize & (shards - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_leaves_copies_alone() {
        let mut map = Shards::default();
        for n in 0..5000u32 {
            assert_eq!(map.insert(n, n * 2), None);
        }
        let copy = map.clone();
        assert_eq!(map.insert(7, 1), Some(14));
        for n in (0..5000).filter(|n| n % 2 == 0) {
            assert_eq!(map.remove(&n), Some(n * 2));
            assert_eq!(map.remove(&n), None);
        }
        assert_eq!((map.len(), map.values().count(), map.get(&7), map.get(&8)), (2500, 2500, Some(&1), None));
        assert_eq!((copy.len(), copy.get(&7), copy.get(&8)), (5000, Some(&14), Some(&16)));
    }
}
