//! What one channel has been handed and has not settled yet, by delivery tag.

use std::collections::VecDeque;

use super::queue::Entry;
use super::{ConsumerId, QueueId};

/// A message in the hands of a client.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) queue: QueueId,
    /// `None` when it was taken by basic.get.
    pub(crate) consumer: Option<ConsumerId>,
    pub(crate) entry: Entry,
}

/// Ordered by tag, which is the order of delivery. Settled ones leave holes until they are the oldest, or many.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    slots: VecDeque<(u64, Option<Delivered>)>,
    live: usize,
}

impl Unacked {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Tags only grow.
    pub(crate) fn push(&mut self, tag: u64, delivered: Delivered) {
        self.slots.push_back((tag, Some(delivered)));
        self.live += 1;
    }

    /// Puts back what was taken out, in whatever order: rolled-back acknowledgements.
    pub(crate) fn restore(&mut self, taken: impl Iterator<Item = (u64, Delivered)>) {
        self.slots.retain(|(_, slot)| slot.is_some());
        let taken = taken.map(|(tag, delivered)| (tag, Some(delivered)));
        self.slots.extend(taken);
        self.live = self.slots.len();
        // Runs that are in order already are only merged.
        let slots = self.slots.make_contiguous();
        slots.sort_by_key(|(tag, _)| *tag);
    }

    fn find(&self, tag: u64) -> Option<usize> {
        let place = match self.slots.front() {
            Some((first, _)) if *first == tag => 0,
            _ => self.slots.partition_point(|(other, _)| *other < tag),
        };
        let (found, slot) = self.slots.get(place)?;
        (*found == tag && slot.is_some()).then_some(place)
    }

    /// One message; `None` if the tag is not known or already settled.
    pub(crate) fn take(&mut self, tag: u64) -> Option<Delivered> {
        let place = self.find(tag)?;
        let delivered = self.slots[place].1.take();
        self.live -= 1;
        self.tidy();
        delivered
    }

    /// All up to this tag, oldest first; `None` if the tag is not known or already settled.
    pub(crate) fn take_through(&mut self, tag: u64) -> Option<Vec<(u64, Delivered)>> {
        let place = self.find(tag)?;
        let taken: Vec<_> = self
            .slots
            .drain(..=place)
            .filter_map(|(tag, slot)| Some((tag, slot?)))
            .collect();
        self.live -= taken.len();
        self.tidy();
        Some(taken)
    }

    pub(crate) fn take_all(&mut self) -> Vec<(u64, Delivered)> {
        self.live = 0;
        std::mem::take(&mut self.slots)
            .into_iter()
            .filter_map(|(tag, slot)| Some((tag, slot?)))
            .collect()
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Delivered> {
        self.slots.iter().filter_map(|(_, slot)| slot.as_ref())
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check(&self) {
        assert_eq!(self.live, self.iter().count(), "live deliveries");
        let tags = self.slots.iter().map(|(tag, _)| *tag);
        assert!(tags.is_sorted_by(|one, next| one < next), "delivery tags");
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn tags(&self) -> Vec<u64> {
        let live = self.slots.iter().filter(|(_, slot)| slot.is_some());
        live.map(|(tag, _)| *tag).collect()
    }

    fn tidy(&mut self) {
        while matches!(self.slots.front(), Some((_, None))) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.live + 64 {
            self.slots.retain(|(_, slot)| slot.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use slotmap::SlotMap;

    use super::*;
    use crate::Name;
    use crate::message::{Message, Meter};
    use crate::wire::properties::Properties;

    fn delivered() -> Delivered {
        let properties = Properties::parse(Bytes::from_static(&[0, 0])).expect("no properties");
        let name = Name::from("q");
        let message = Message::new(
            &Meter::default(),
            name.clone(),
            name,
            properties,
            Bytes::new(),
        );
        let mut queues: SlotMap<QueueId, ()> = SlotMap::with_key();
        Delivered {
            queue: queues.insert(()),
            consumer: None,
            entry: Entry {
                message: Arc::new(message),
                position: 0,
                redelivered: false,
                expires: None,
                returns: 0,
            },
        }
    }

    fn tags(taken: Option<Vec<(u64, Delivered)>>) -> Option<Vec<u64>> {
        taken.map(|taken| taken.into_iter().map(|(tag, _)| tag).collect())
    }

    proptest! {
        /// Whatever is settled in whatever order: the same as with a sorted list.
        #[test]
        fn behaves_like_a_sorted_list(steps in prop::collection::vec((0..4_u8, 0..400_u64), 1..600)) {
            let (mut unacked, mut model, mut next) = (Unacked::default(), Vec::new(), 0_u64);
            for (step, number) in steps {
                match step {
                    0 | 1 => {
                        // Gaps, as deliveries without acknowledgement leave them.
                        next += 1 + number % 2;
                        unacked.push(next, delivered());
                        model.push(next);
                    }
                    2 => {
                        let known = model.iter().position(|tag| *tag == number);
                        prop_assert_eq!(unacked.take(number).is_some(), known.is_some());
                        if let Some(place) = known {
                            model.remove(place);
                        }
                    }
                    _ => {
                        let known = model.iter().position(|tag| *tag == number);
                        let expected = known.map(|place| model.drain(..=place).collect::<Vec<_>>());
                        prop_assert_eq!(tags(unacked.take_through(number)), expected);
                    }
                }
                prop_assert_eq!(unacked.len(), model.len());
            }
            prop_assert_eq!(tags(Some(unacked.take_all())), Some(model));
        }
    }

    #[test]
    fn what_is_restored_is_where_it_was() {
        let mut unacked = Unacked::default();
        for tag in 1..=3 {
            unacked.push(tag, delivered());
        }
        let second = unacked.take(2).expect("known");
        assert!(unacked.take(2).is_none(), "settled");
        unacked.restore([(2, second)].into_iter());
        assert_eq!(tags(unacked.take_through(3)), Some(vec![1, 2, 3]));
    }

    #[test]
    fn many_are_restored_in_no_time() {
        const COUNT: u64 = 100_000;
        let mut unacked = Unacked::default();
        for tag in 1..=2 * COUNT {
            unacked.push(tag, delivered());
        }
        let taken = unacked.take_through(COUNT).expect("known");
        let begin = std::time::Instant::now();
        unacked.restore(taken.into_iter());
        let took = begin.elapsed();
        assert!(took < std::time::Duration::from_secs(2), "{took:?}");
        assert_eq!(unacked.len() as u64, 2 * COUNT);
        unacked.check();
    }
}
