//! A persistent radix tree over bytes: a copy shares all nodes, a change copies those from the root to the place of the
//! change. It answers which of its keys are prefixes of a text.

use std::sync::Arc;

use smallvec::SmallVec;

/// A tree of keys and values. A copy is one reference count.
#[derive(Clone, Debug)]
pub(super) struct Trie<V> {
    root: Arc<Node<V>>,
    len: usize,
}

/// A step of a search reads one of them and no more: it lies among its siblings, and says itself where each of its
/// children lies. Among many keys each is fetched from memory.
#[derive(Clone, Debug)]
struct Node<V> {
    /// What the key has in common below the parent; only the root's is empty.
    label: SmallVec<[u8; 16]>,
    /// The first byte of each child's label, ascending.
    firsts: SmallVec<[u8; 16]>,
    /// In the order of `firsts`.
    children: Arc<[Self]>,
    value: Option<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self { label: SmallVec::new(), firsts: SmallVec::new(), children: Arc::default(), value: None }
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: Arc::default(), len: 0 }
    }
}

impl<V> Trie<V> {
    /// Returns whether there is no key.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Calls `visit` with the length and the value of every key that `text` begins with, the shortest first.
    pub(super) fn prefixes<'t>(&'t self, text: &[u8], mut visit: impl FnMut(usize, &'t V)) {
        let mut node = &*self.root;
        let mut at = 0;
        loop {
            if let Some(value) = &node.value {
                visit(at, value);
            }
            let Some(byte) = text.get(at) else { return };
            let Some(child) = node.child(*byte) else { return };
            if !text[at..].starts_with(&child.label) {
                return;
            }
            at += child.label.len();
            node = child;
        }
    }
}

impl<V> Node<V> {
    fn child(&self, byte: u8) -> Option<&Self> {
        let firsts = &*self.firsts;
        let at = match firsts.len() {
            0..=16 => firsts.iter().position(|first| *first == byte)?,
            _ => firsts.binary_search(&byte).ok()?,
        };
        self.children.get(at)
    }
}

impl<V: Clone> Trie<V> {
    /// Lets `change` set, change or take away the value of `key`.
    pub(super) fn update(&mut self, key: &[u8], change: impl FnOnce(&mut Option<V>)) {
        let len = &mut self.len;
        Arc::make_mut(&mut self.root).update(key, |value| {
            let before = value.is_some();
            change(value);
            *len = *len + usize::from(value.is_some()) - usize::from(before);
        });
    }
}

impl<V: Clone> Node<V> {
    fn update(&mut self, key: &[u8], change: impl FnOnce(&mut Option<V>)) {
        let shared = common(&self.label, key);
        if shared < self.label.len() {
            self.split(shared);
        }
        let rest = &key[shared..];
        let Some(first) = rest.first() else { return change(&mut self.value) };
        match self.firsts.binary_search(first) {
            Ok(at) => {
                Arc::make_mut(&mut self.children)[at].update(rest, change);
                self.tidy(at);
            }
            Err(at) => {
                let mut value = None;
                change(&mut value);
                if value.is_some() {
                    let leaf = Self { label: SmallVec::from_slice(rest), value, ..Self::default() };
                    let (before, after) = self.children.split_at(at);
                    self.children =
                        before.iter().cloned().chain(std::iter::once(leaf)).chain(after.iter().cloned()).collect();
                    self.firsts.insert(at, *first);
                }
            }
        }
    }

    /// Ends the label after `at` bytes; the rest becomes the only child.
    fn split(&mut self, at: usize) {
        let label = SmallVec::from_slice(&self.label[..at]);
        let mut lower = std::mem::replace(self, Self { label, ..Self::default() });
        lower.label.drain(..at);
        self.firsts.push(lower.label[0]);
        self.children = Arc::new([lower]);
    }

    /// Takes away a child that leads nowhere, and joins one that only leads on with the one it leads to.
    fn tidy(&mut self, at: usize) {
        let child = &self.children[at];
        match (&child.value, &*child.children) {
            (None, []) => {
                let (before, after) = (&self.children[..at], &self.children[at + 1..]);
                self.children = before.iter().chain(after).cloned().collect();
                self.firsts.remove(at);
            }
            (None, [only]) => {
                let mut joined = only.clone();
                joined.label.insert_from_slice(0, &child.label);
                Arc::make_mut(&mut self.children)[at] = joined;
            }
            _ => {}
        }
    }
}

/// Returns how many bytes two keys have in common at their start.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prefixes(trie: &Trie<u32>, text: &str) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        trie.prefixes(text.as_bytes(), |len, value| found.push((len, *value)));
        found
    }

    #[test]
    fn finds_the_keys_that_a_text_begins_with() {
        let mut trie = Trie::default();
        for (value, key) in ["/", "/a", "/abc", "/abd", "/b", ""].into_iter().enumerate() {
            trie.update(key.as_bytes(), |held| *held = Some(value as u32));
        }
        assert_eq!(prefixes(&trie, "/abcd"), [(0, 5), (1, 0), (2, 1), (4, 2)]);
        assert_eq!(prefixes(&trie, "/ab"), [(0, 5), (1, 0), (2, 1)]);
        assert_eq!(prefixes(&trie, "x"), [(0, 5)]);
    }

    #[test]
    fn is_empty_again_when_every_key_went_and_leaves_copies_alone() {
        let keys: Vec<String> = (0..500u32).map(|n| format!("/{}/{n}", n * 7919 % 31)).collect();
        let mut trie = Trie::default();
        for (value, key) in keys.iter().enumerate() {
            trie.update(key.as_bytes(), |held| *held = Some(value as u32));
        }
        let copy = trie.clone();
        for key in &keys {
            trie.update(key.as_bytes(), |held| *held = None);
        }
        assert!(trie.is_empty() && trie.root.children.is_empty());
        for (value, key) in keys.iter().enumerate() {
            assert_eq!(prefixes(&copy, key).last(), Some(&(key.len(), value as u32)), "{key}");
        }
    }
}
