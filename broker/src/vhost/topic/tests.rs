use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use slotmap::SlotMap;

use super::*;
use crate::vhost::QueueId;

/// Patterns with the bindings that end there, next to the trie.
struct Bound {
    trie: Trie,
    bindings: SlotMap<BindingId, (String, usize)>,
}

impl Bound {
    fn new() -> Self {
        Self {
            trie: Trie::default(),
            bindings: SlotMap::with_key(),
        }
    }

    fn add(&mut self, pattern: &str) -> BindingId {
        let trie = &mut self.trie;
        self.bindings.insert_with_key(|binding| {
            let slot = trie.insert(pattern, Entry::queue(QueueId::default(), binding));
            (pattern.to_owned(), slot)
        })
    }

    fn remove(&mut self, id: BindingId) {
        let (pattern, slot) = self.bindings.remove(id).unwrap();
        if let Some(moved) = self.trie.remove(&pattern, slot) {
            self.bindings[moved].1 = slot;
        }
    }

    /// The patterns that match; panics when one is shown twice.
    fn matching(&self, key: &str) -> BTreeSet<String> {
        let mut seen = Vec::new();
        self.trie.matching(key, |entries| {
            seen.extend(entries.iter().map(|entry| entry.binding));
        });
        let distinct: BTreeSet<BindingId> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "shown twice");
        seen.iter().map(|id| self.bindings[*id].0.clone()).collect()
    }
}

fn naive(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], _) => (0..=key.len()).any(|skipped| naive(rest, &key[skipped..])),
        (["*", pattern @ ..], [_, key @ ..]) => naive(pattern, key),
        ([wanted, pattern @ ..], [word, key @ ..]) => wanted == word && naive(pattern, key),
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    words(text).collect()
}

fn pattern() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![Just("#"), Just("*"), Just("a"), Just("b"), Just("")],
        0..6,
    )
    .prop_map(|words| words.join("."))
}

fn key() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![4 => Just("a"), 4 => Just("b"), 1 => Just(""), 1 => Just("*"), 1 => Just("#")],
        0..7,
    )
    .prop_map(|words| words.join("."))
}

proptest! {
    #[test]
    fn matches_what_a_naive_matcher_does(
        patterns in vec((pattern(), any::<bool>()), 0..24),
        keys in vec(key(), 1..12),
    ) {
        let mut bound = Bound::new();
        let ids: Vec<_> = patterns.iter().map(|(pattern, _)| bound.add(pattern)).collect();
        for (id, (_, stays)) in ids.into_iter().zip(&patterns) {
            if !stays {
                bound.remove(id);
            }
        }
        for key in keys {
            let expected: BTreeSet<String> = patterns
                .iter()
                .filter(|(pattern, stays)| *stays && naive(&split(pattern), &split(&key)))
                .map(|(pattern, _)| pattern.clone())
                .collect();
            prop_assert_eq!(bound.matching(&key), expected, "key {:?}", key);
        }
    }

    #[test]
    fn nothing_is_left_when_all_are_removed(patterns in vec(pattern(), 0..24)) {
        let mut bound = Bound::new();
        for _ in 0..2 {
            let ids: Vec<_> = patterns.iter().map(|pattern| bound.add(pattern)).collect();
            for id in ids {
                bound.remove(id);
            }
            let nodes = bound.trie.nodes.len();
            prop_assert_eq!(bound.trie.free.len(), nodes - 1, "all but the root are free");
            prop_assert!(bound.trie.nodes[ROOT].entries.is_empty());
        }
    }
}

#[test]
fn rabbitmqs_corner_cases() {
    let cases = [
        ("#", "", true),
        ("#", "a.b", true),
        ("*", "", false),
        ("*", "a", true),
        ("", "", true),
        ("", "a", false),
        ("*.*", "a.", true),
        ("a.*.c", "a..c", true),
        ("a.#.c", "a.c", true),
        ("#.#", "", true),
        ("#.a.#", "b.b.a", true),
        ("a#", "a", false),
        ("a#", "a#", true),
    ];
    for (pattern, key, matches) in cases {
        let mut bound = Bound::new();
        bound.add(pattern);
        assert_eq!(
            bound.matching(key).len(),
            usize::from(matches),
            "{pattern} {key}"
        );
    }
}

/// A matcher that tries one way after the other would need longer than the sun has.
#[test]
fn many_hashes_cost_no_more_than_words_times_nodes() {
    let mut bound = Bound::new();
    let pattern = "#.a.".repeat(60) + "b";
    bound.add(&pattern);
    let key = "a.".repeat(120) + "c";
    assert!(bound.matching(&key).is_empty());
}
