//! The routes of one host, or those without hosts, by path: a short list in the order of rank while there are few, a
//! tree of path prefixes from then on.

use std::sync::Arc;

use regex::bytes::Regex;
use smallvec::SmallVec;
use uuid::Uuid;

use crate::router::Key;
use crate::router::conditions::Conditions;
use crate::router::literal;
use crate::router::trie::Trie;

/// Up to how many slots a list is as fast as a tree.
const FEW: usize = 16;

/// The place of a slot in the order of all slots; the greatest that fits wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) priority: u64,
    /// The id as two halves, so that the rank needs no alignment of 16 bytes.
    id: (u64, u64),
    /// Of two regexes of one group the first in the configuration wins: counted downward.
    order: u32,
}

impl Rank {
    pub(super) fn new(priority: u64, id: Uuid, order: usize) -> Self {
        Self { priority, id: id.as_u64_pair(), order: u32::MAX - order as u32 }
    }
}

/// What the path must be.
#[derive(Clone, Debug)]
pub(super) enum PathTest {
    Any,
    /// It begins with this; mostly short enough to be read with the slot.
    Plain(SmallVec<[u8; 24]>),
    /// The regex matches at its start.
    Regex(Arc<Regex>, Arc<str>),
}

impl PathTest {
    /// Returns the place in a tree of prefixes: every path that passes begins with it.
    fn place(&self) -> Vec<u8> {
        match self {
            Self::Any => Vec::new(),
            Self::Plain(prefix) => prefix.to_vec(),
            Self::Regex(_, pattern) => literal::prefix(pattern).into_bytes(),
        }
    }
}

/// A route at one of the places where it can be found: under one host and one path.
#[derive(Clone, Debug)]
pub(super) struct Slot<R> {
    pub(super) rank: Rank,
    pub(super) path: PathTest,
    /// The port that the host of this place was configured with.
    pub(super) port: Option<u32>,
    pub(super) conditions: Option<Arc<Conditions>>,
    pub(super) route: R,
}

/// The best slot so far, and how much of the path it matched.
pub(super) struct Best<'s, R> {
    pub(super) slot: &'s Slot<R>,
    /// None for a route without paths.
    pub(super) matched: Option<usize>,
}

/// Slots in the order of rank, the greatest first.
type Slots<R> = Arc<[Slot<R>]>;

/// Routes by path.
#[derive(Debug)]
pub(super) enum Bucket<R> {
    Few(Slots<R>),
    Many(Trie<Slots<R>>),
}

impl<R> Default for Bucket<R> {
    fn default() -> Self {
        Self::Few(Arc::new([]))
    }
}

impl<R> Clone for Bucket<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Few(slots) => Self::Few(Arc::clone(slots)),
            Self::Many(tree) => Self::Many(tree.clone()),
        }
    }
}

impl<R: Clone> Bucket<R> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(slots) => slots.is_empty(),
            Self::Many(tree) => tree.is_empty(),
        }
    }

    pub(super) fn insert(&mut self, slot: Slot<R>) {
        match self {
            Self::Few(slots) if slots.len() < FEW => *slots = with(slots, slot),
            Self::Few(slots) => {
                let mut tree = Trie::default();
                for held in slots.iter() {
                    plant(&mut tree, held.clone());
                }
                plant(&mut tree, slot);
                *self = Self::Many(tree);
            }
            Self::Many(tree) => plant(tree, slot),
        }
    }

    /// Removes the slots of this rank's id that stand at the path's place.
    pub(super) fn remove(&mut self, rank: Rank, path: &PathTest) {
        match self {
            Self::Few(slots) => *slots = without(slots, rank),
            Self::Many(tree) => tree.update(&path.place(), |held| {
                let left = without(held.as_deref().unwrap_or_default(), rank);
                *held = (!left.is_empty()).then_some(left);
            }),
        }
    }

    /// Replaces `best` by the best slot that the request fits, if there is a better one here.
    pub(super) fn improve<'s>(&'s self, key: &Key<'_>, port: u32, best: &mut Option<Best<'s, R>>) {
        match self {
            Self::Few(slots) => first(slots, key, port, best),
            Self::Many(tree) => tree.prefixes(key.path, |_, slots| first(slots, key, port, best)),
        }
    }
}

/// Takes the first slot of the list that the request fits, unless a better one was found before.
fn first<'s, R>(slots: &'s [Slot<R>], key: &Key<'_>, port: u32, best: &mut Option<Best<'s, R>>) {
    for slot in slots {
        if best.as_ref().is_some_and(|best| best.slot.rank >= slot.rank) {
            return;
        }
        if slot.port.is_some_and(|want| want != port) {
            continue;
        }
        if matches!(&slot.path, PathTest::Plain(prefix) if !key.path.starts_with(prefix)) {
            continue;
        }
        if slot.conditions.as_ref().is_some_and(|conditions| !conditions.accept(key)) {
            continue;
        }
        let matched = match &slot.path {
            PathTest::Any => None,
            PathTest::Plain(prefix) => Some(prefix.len()),
            PathTest::Regex(regex, _) => match regex.find(key.path) {
                Some(found) => Some(found.len()),
                None => continue,
            },
        };
        *best = Some(Best { slot, matched });
        return;
    }
}

fn plant<R: Clone>(tree: &mut Trie<Slots<R>>, slot: Slot<R>) {
    let place = slot.path.place();
    tree.update(&place, |held| *held = Some(with(held.as_deref().unwrap_or_default(), slot)));
}

fn with<R: Clone>(slots: &[Slot<R>], slot: Slot<R>) -> Slots<R> {
    let at = slots.partition_point(|held| held.rank > slot.rank);
    let (before, after) = slots.split_at(at);
    before.iter().cloned().chain(std::iter::once(slot)).chain(after.iter().cloned()).collect()
}

fn without<R: Clone>(slots: &[Slot<R>], rank: Rank) -> Slots<R> {
    slots.iter().filter(|held| held.rank != rank).cloned().collect()
}
