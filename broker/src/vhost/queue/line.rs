//! The messages of one priority in the order of their places. Most come at the end and go at the front; those that come
//! back in between are kept apart, since making room for each among many would take as long as there are many.

use std::collections::{BTreeMap, VecDeque};

use super::Entry;

#[derive(Debug, Default)]
pub(super) struct Line {
    entries: VecDeque<Entry>,
    /// By place, and where a fault has doubled a delivery by number.
    back: BTreeMap<(u64, u64), Entry>,
    /// How many have come back in between.
    returned: u64,
}

impl Line {
    /// The first in order.
    pub(super) fn front(&self) -> Option<&Entry> {
        if self.is_back_first() {
            self.back.values().next()
        } else {
            self.entries.front()
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        if self.is_back_first() {
            self.back.pop_first().map(|(_, entry)| entry)
        } else {
            self.entries.pop_front()
        }
    }

    fn is_back_first(&self) -> bool {
        let Some(((position, _), _)) = self.back.first_key_value() else {
            return false;
        };
        self.entries
            .front()
            .is_none_or(|front| *position < front.position)
    }

    /// A new message has the last place.
    pub(super) fn push_back(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    pub(super) fn put_back(&mut self, entry: Entry) {
        let front = self.entries.front();
        if front.is_none_or(|front| entry.position < front.position) {
            self.entries.push_front(entry);
        } else {
            self.returned += 1;
            self.back.insert((entry.position, self.returned), entry);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.back.clear();
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(&keep);
        self.back.retain(|_, entry| keep(entry));
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().chain(self.back.values())
    }

    /// Parts that are each in order.
    #[cfg(any(test, fuzzing))]
    pub(super) fn parts(&self) -> (impl Iterator<Item = &Entry>, impl Iterator<Item = &Entry>) {
        (self.entries.iter(), self.back.values())
    }
}
