//! How an exchange finds the destinations of a message, for each type of exchange.

use std::collections::HashMap;

use amq_protocol::types::FieldTable;

use super::{BindingId, Entries, Entry, Kind};
use crate::Name;
use crate::vhost::headers::Pattern;
use crate::vhost::topic::Trie;

/// The bindings of one exchange, ordered for its type.
#[derive(Debug)]
pub(super) enum Routes {
    Direct(HashMap<Name, Entries>),
    Fanout(Entries),
    Topic(Trie),
    /// The patterns are where the entries are.
    Headers(Entries, Vec<Pattern>),
}

impl Routes {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Direct => Self::Direct(HashMap::new()),
            Kind::Fanout => Self::Fanout(Entries::default()),
            Kind::Topic => Self::Topic(Trie::default()),
            Kind::Headers => Self::Headers(Entries::default(), Vec::new()),
        }
    }

    /// Returns the slot that the entry is in.
    pub(super) fn insert(&mut self, key: &Name, arguments: &FieldTable, entry: Entry) -> usize {
        match self {
            Self::Direct(keys) => keys.entry(Name::clone(key)).or_default().insert(entry),
            Self::Fanout(entries) => entries.insert(entry),
            Self::Topic(trie) => trie.insert(key, entry),
            Self::Headers(entries, patterns) => {
                patterns.push(Pattern::new(arguments));
                entries.insert(entry)
            }
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Direct(keys) => keys.values().map(|entries| entries.iter().len()).sum(),
            Self::Fanout(entries) => entries.iter().len(),
            Self::Topic(trie) => trie.len(),
            Self::Headers(entries, patterns) => {
                assert_eq!(entries.iter().len(), patterns.len(), "a pattern for each");
                patterns.len()
            }
        }
    }

    /// Takes out the entry in a slot; returns the one that has moved there.
    pub(super) fn remove(&mut self, key: &str, slot: usize) -> Option<BindingId> {
        match self {
            Self::Direct(keys) => {
                let entries = keys.get_mut(key)?;
                let moved = entries.remove(slot);
                if entries.is_empty() {
                    keys.remove(key);
                }
                moved
            }
            Self::Fanout(entries) => entries.remove(slot),
            Self::Topic(trie) => trie.remove(key, slot),
            Self::Headers(entries, patterns) => {
                patterns.swap_remove(slot);
                entries.remove(slot)
            }
        }
    }

    /// Shows what is bound for a message; the same destination may come more than once.
    pub(super) fn matching<'a>(
        &'a self,
        keys: &[&str],
        headers: impl FnOnce() -> Option<FieldTable>,
        mut visit: impl FnMut(&'a Entry),
    ) {
        match self {
            Self::Direct(bound) => {
                for entries in keys.iter().filter_map(|key| bound.get(*key)) {
                    entries.iter().for_each(&mut visit);
                }
            }
            Self::Fanout(entries) => entries.iter().for_each(visit),
            Self::Topic(trie) => {
                for key in keys {
                    trie.matching(key, |entries| entries.iter().for_each(&mut visit));
                }
            }
            Self::Headers(entries, patterns) => {
                if patterns.is_empty() {
                    return;
                }
                let headers = headers();
                let matching = entries
                    .iter()
                    .zip(patterns)
                    .filter(|(_, pattern)| pattern.matches(headers.as_ref()));
                matching.for_each(|(entry, _)| visit(entry));
            }
        }
    }
}
