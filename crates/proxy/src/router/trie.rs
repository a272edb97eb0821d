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

#[derive(Clone, Debug)]
struct Node<V> {
    /// What the key has in common below the parent; only the root's is empty.
    label: SmallVec<[u8; 16]>,
    value: Option<V>,
    /// By the first byte of the child's label, ascending.
    children: Vec<(u8, Arc<Self>)>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self { label: SmallVec::new(), value: None, children: Vec::new() }
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
        let at = match self.children.len() {
            0 => return None,
            1..=8 => self.children.iter().position(|(first, _)| *first == byte)?,
            _ => self.children.binary_search_by_key(&byte, |(first, _)| *first).ok()?,
        };
        Some(&self.children[at].1)
    }
}

impl<V: Clone> Trie<V> {
    /// Lets `change` set, change or take away the value of `key`.
    pub(super) fn update(&mut self, key: &[u8], change: impl FnOnce(&mut Option<V>)) {
        let len = &mut self.len;
        update(&mut self.root, key, |value| {
            let before = value.is_some();
            change(value);
            *len = *len + usize::from(value.is_some()) - usize::from(before);
        });
    }
}

fn update<V: Clone>(node: &mut Arc<Node<V>>, key: &[u8], change: impl FnOnce(&mut Option<V>)) {
    let node = Arc::make_mut(node);
    let shared = common(&node.label, key);
    if shared < node.label.len() {
        split(node, shared);
    }
    let rest = &key[shared..];
    let Some(first) = rest.first() else { return change(&mut node.value) };
    match node.children.binary_search_by_key(first, |(byte, _)| *byte) {
        Ok(at) => {
            update(&mut node.children[at].1, rest, change);
            tidy(node, at);
        }
        Err(at) => {
            let mut value = None;
            change(&mut value);
            if value.is_some() {
                let leaf = Node { label: SmallVec::from_slice(rest), value, children: Vec::new() };
                node.children.reserve_exact(1);
                node.children.insert(at, (*first, Arc::new(leaf)));
            }
        }
    }
}

/// Returns how many bytes two keys have in common at their start.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Ends the label of `node` after `at` bytes; the rest becomes its only child.
fn split<V>(node: &mut Node<V>, at: usize) {
    let lower = Node {
        label: SmallVec::from_slice(&node.label[at..]),
        value: node.value.take(),
        children: std::mem::take(&mut node.children),
    };
    node.label.truncate(at);
    node.children = vec![(lower.label[0], Arc::new(lower))];
}

/// Takes away a child that leads nowhere, and joins one that only leads on with the one it leads to.
fn tidy<V: Clone>(node: &mut Node<V>, at: usize) {
    let child = &node.children[at].1;
    match (&child.value, child.children.as_slice()) {
        (None, []) => {
            node.children.remove(at);
        }
        (None, [(_, only)]) => {
            let mut joined = Node::clone(only);
            joined.label.insert_from_slice(0, &child.label);
            node.children[at].1 = Arc::new(joined);
        }
        _ => {}
    }
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
