//! Acknowledges deliveries that are done with: `multiple` over a finished prefix, one by one beyond it,
//! so that one slow request holds nothing back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::Channel;
use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Open,
    Done,
    /// The broker has been told already.
    Settled,
}

/// Delivery tags of one channel, which count from 1 without gaps.
#[derive(Debug, Default)]
struct Window {
    /// How many tags have left at the front, all of them settled.
    before: u64,
    tags: VecDeque<Tag>,
}

/// An acknowledgement to be sent.
#[derive(Debug, PartialEq, Eq)]
struct Ack {
    tag: u64,
    multiple: bool,
}

impl Window {
    fn mark(&mut self, tag: u64, state: Tag) {
        let Some(index) = tag
            .checked_sub(self.before + 1)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        if index >= self.tags.len() {
            self.tags.resize(index + 1, Tag::Open);
        }
        if self.tags[index] == Tag::Open {
            self.tags[index] = state;
        }
    }

    fn is_done(&self, tag: u64) -> bool {
        let index = tag
            .checked_sub(self.before + 1)
            .and_then(|index| usize::try_from(index).ok());
        index.is_some_and(|index| self.tags.get(index) == Some(&Tag::Done))
    }

    /// RabbitMQ closes the channel when the tag of a `multiple` acknowledgement has been settled before, so
    /// the prefix is acknowledged at its last tag that was not.
    fn advance(&mut self) -> Option<Ack> {
        let mut last = None;
        while let Some(tag) = self.tags.front().copied().filter(|tag| *tag != Tag::Open) {
            self.tags.pop_front();
            self.before += 1;
            if tag == Tag::Done {
                last = Some(self.before);
            }
        }
        last.map(|tag| Ack {
            tag,
            multiple: true,
        })
    }

    fn finish(&mut self, tags: &[u64]) -> Vec<Ack> {
        for &tag in tags {
            self.mark(tag, Tag::Done);
        }
        let mut acks: Vec<_> = self.advance().into_iter().collect();
        for &tag in tags {
            if self.is_done(tag) {
                let index = (tag - self.before - 1) as usize;
                self.tags[index] = Tag::Settled;
                acks.push(Ack {
                    tag,
                    multiple: false,
                });
            }
        }
        acks
    }
}

#[derive(Debug)]
pub(crate) struct Acks {
    channel: Channel,
    window: Mutex<Window>,
}

impl Acks {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            channel,
            window: Mutex::default(),
        }
    }

    /// These deliveries are done with. Nothing is waited for.
    pub(crate) fn finish(&self, tags: &[u64]) {
        // The lock is held while the frames are queued: a `multiple` must not overtake.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        for ack in window.finish(tags) {
            self.channel.ack(ack.tag, ack.multiple);
        }
    }

    /// Whether what is acknowledged arrives.
    pub(crate) fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    /// Waits until the broker has heard of all of them.
    pub(crate) async fn arrive(&self) -> Result<(), Error> {
        self.channel.round_trip().await
    }

    /// Gives a delivery back to its queue.
    pub(crate) fn requeue(&self, tag: u64) {
        self.refuse(tag, true);
    }

    /// Gives a delivery to its queue's dead-letter exchange.
    pub(crate) fn reject(&self, tag: u64) {
        self.refuse(tag, false);
    }

    fn refuse(&self, tag: u64, requeue: bool) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.mark(tag, Tag::Settled);
        self.channel.nack(tag, requeue);
        if let Some(ack) = window.advance() {
            self.channel.ack(ack.tag, ack.multiple);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tag: u64) -> Ack {
        Ack {
            tag,
            multiple: false,
        }
    }

    fn all(tag: u64) -> Ack {
        Ack {
            tag,
            multiple: true,
        }
    }

    #[test]
    fn a_prefix_goes_in_one() {
        let mut window = Window::default();
        assert_eq!(window.finish(&[2, 1, 3]), [all(3)]);
        assert_eq!(window.finish(&[4]), [all(4)]);
    }

    #[test]
    fn a_slow_request_holds_nothing_back() {
        let mut window = Window::default();
        assert_eq!(window.finish(&[2, 3]), [one(2), one(3)]);
        assert_eq!(window.finish(&[5]), [one(5)]);
    }

    #[test]
    fn a_prefix_never_ends_at_a_tag_that_was_settled_before() {
        let mut window = Window::default();
        window.finish(&[2, 3]);
        assert_eq!(window.finish(&[1]), [all(1)]);
        assert_eq!(window.finish(&[4]), [all(4)]);
    }

    #[test]
    fn no_tag_is_acknowledged_twice() {
        let mut window = Window::default();
        assert_eq!(window.finish(&[1]), [all(1)]);
        assert_eq!(window.finish(&[1]), []);
        window.finish(&[3]);
        assert_eq!(window.finish(&[3]), []);
    }

    #[test]
    fn a_requeued_tag_is_passed_over() {
        let mut window = Window::default();
        window.mark(1, Tag::Settled);
        assert_eq!(window.advance(), None);
        assert_eq!(window.finish(&[2]), [all(2)]);
    }
}
