//! The patterns of a topic exchange as a trie of words. A key is matched word by word against all patterns at once, as
//! a nondeterministic automaton: no pattern, however many `#` it has, makes that take longer than words times nodes.

use std::cell::Cell;
use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::exchanges::{BindingId, Entries, Entry};

#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Places in `nodes` that are free.
    free: Vec<usize>,
    /// Counts the words matched so far, to mark nodes with.
    clock: Cell<u64>,
}

/// What follows some words of a pattern.
#[derive(Debug, Default)]
struct Node {
    words: BTreeMap<Box<str>, usize>,
    star: Option<usize>,
    hash: Option<usize>,
    /// Whether the last word was `#`: any words may follow.
    is_hash: bool,
    /// Bindings whose pattern ends here.
    entries: Entries,
    /// When it was last put among those that match.
    mark: Cell<u64>,
}

type Active = SmallVec<[usize; 16]>;

const ROOT: usize = 0;

/// An empty key has no words, though `a.` has an empty one.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').skip(usize::from(key.is_empty()))
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            clock: Cell::new(0),
        }
    }
}

impl Trie {
    pub(super) fn insert(&mut self, pattern: &str, entry: Entry) -> usize {
        let mut at = ROOT;
        for word in words(pattern) {
            at = match self.child(at, word) {
                Some(child) => child,
                None => self.grow(at, word),
            };
        }
        self.nodes[at].entries.insert(entry)
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn len(&self) -> usize {
        self.nodes
            .iter()
            .map(|node| node.entries.iter().len())
            .sum()
    }

    /// Takes out the entry in a slot; returns the one that has moved there.
    pub(super) fn remove(&mut self, pattern: &str, slot: usize) -> Option<BindingId> {
        let mut path: SmallVec<[(usize, &str); 8]> = SmallVec::new();
        let mut at = ROOT;
        for word in words(pattern) {
            path.push((at, word));
            at = self.child(at, word)?;
        }
        let moved = self.nodes[at].entries.remove(slot);
        while let Some((parent, word)) = path.pop() {
            let node = &self.nodes[at];
            if !node.entries.is_empty()
                || !node.words.is_empty()
                || node.star.is_some()
                || node.hash.is_some()
            {
                break;
            }
            self.nodes[at] = Node::default();
            self.free.push(at);
            let node = &mut self.nodes[parent];
            match word {
                "*" => node.star = None,
                "#" => node.hash = None,
                _ => {
                    node.words.remove(word);
                }
            }
            at = parent;
        }
        moved
    }

    /// Shows the entries of all patterns that a key matches, each pattern once.
    pub(super) fn matching<'a>(&'a self, key: &str, mut visit: impl FnMut(&'a Entries)) {
        let mut active = Active::new();
        let mut next = Active::new();
        self.tick();
        self.enter(ROOT, &mut active);
        for word in words(key) {
            self.tick();
            for at in active.drain(..) {
                let node = &self.nodes[at];
                if node.is_hash {
                    self.enter(at, &mut next);
                }
                if let Some(child) = node.words.get(word) {
                    self.enter(*child, &mut next);
                }
                if let Some(child) = node.star {
                    self.enter(child, &mut next);
                }
            }
            std::mem::swap(&mut active, &mut next);
            if active.is_empty() {
                return;
            }
        }
        for at in active {
            visit(&self.nodes[at].entries);
        }
    }

    fn tick(&self) {
        self.clock.set(self.clock.get() + 1);
    }

    /// Adds a node and the `#` behind it, which matches no word as well, unless they are there.
    fn enter(&self, at: usize, active: &mut Active) {
        let mut entered = Some(at);
        while let Some(at) = entered {
            let node = &self.nodes[at];
            if node.mark.replace(self.clock.get()) == self.clock.get() {
                return;
            }
            active.push(at);
            entered = node.hash;
        }
    }

    fn child(&self, at: usize, word: &str) -> Option<usize> {
        let node = &self.nodes[at];
        match word {
            "*" => node.star,
            "#" => node.hash,
            _ => node.words.get(word).copied(),
        }
    }

    fn grow(&mut self, at: usize, word: &str) -> usize {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.nodes.len() - 1
        });
        self.nodes[child].is_hash = word == "#";
        let node = &mut self.nodes[at];
        match word {
            "*" => node.star = Some(child),
            "#" => node.hash = Some(child),
            _ => {
                node.words.insert(word.into(), child);
            }
        }
        child
    }
}

#[cfg(test)]
mod tests;
