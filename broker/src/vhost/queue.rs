//! One queue: what waits in it, in order, and who consumes from it.

mod line;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amq_protocol::types::FieldTable;
use smallvec::SmallVec;

use super::arguments::QueueArguments;
use super::faults::DeliveryFaults;
#[cfg(any(test, fuzzing))]
use super::invariants::check_line;
use super::{ConnectionId, ConsumerId};
use crate::Name;
use crate::message::Message;
use line::Line;

/// A message in one queue, or on its way from it to a consumer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) message: Arc<Message>,
    /// The place in the queue, which a message keeps when it comes back.
    pub(crate) position: u64,
    pub(crate) redelivered: bool,
    pub(crate) expires: Option<Instant>,
    /// How often it has come back, for the delivery limit.
    pub(crate) returns: u32,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: Name,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    /// The connection that alone may use it.
    pub(crate) owner: Option<ConnectionId>,
    /// As declared, to compare and to show.
    pub(crate) declared: FieldTable,
    pub(crate) arguments: QueueArguments,
    pub(crate) ready: Ready,
    pub(crate) unacked: usize,
    /// By priority, highest first; within one, whose turn it is comes first.
    pub(crate) consumers: VecDeque<ConsumerId>,
    /// Those of them whose turn came when they had no credit, in that order.
    pub(crate) passed: Vec<ConsumerId>,
    /// The only one that is served, of a queue with a single active consumer.
    pub(crate) active: Option<ConsumerId>,
    /// Held by a consumer that shares with nobody.
    pub(crate) exclusive_consumer: bool,
    pub(crate) last_used: Instant,
    /// When its head is looked at for expiry.
    pub(crate) head_timer: Option<Instant>,
    /// When it is looked at for being unused.
    pub(crate) idle_timer: Option<Instant>,
    pub(super) faults: DeliveryFaults,
    next_position: u64,
}

impl Queue {
    pub(crate) fn new(
        name: Name,
        durable: bool,
        auto_delete: bool,
        owner: Option<ConnectionId>,
        declared: FieldTable,
        arguments: QueueArguments,
    ) -> Self {
        Self {
            name,
            durable,
            auto_delete,
            owner,
            declared,
            ready: Ready::new(arguments.max_priority.unwrap_or(0)),
            arguments,
            unacked: 0,
            consumers: VecDeque::new(),
            passed: Vec::new(),
            active: None,
            exclusive_consumer: false,
            last_used: Instant::now(),
            head_timer: None,
            idle_timer: None,
            faults: DeliveryFaults::default(),
            next_position: 0,
        }
    }

    /// The time a message has here: its own or the queue's, whichever is shorter.
    pub(crate) fn time_to_live(&self, own: Option<Duration>) -> Option<Duration> {
        match (own, self.arguments.message_ttl) {
            (Some(own), Some(ours)) => Some(own.min(ours)),
            (own, ours) => own.or(ours),
        }
    }

    /// A new message gets the last place.
    pub(crate) fn entry(&mut self, message: Arc<Message>, expires: Option<Instant>) -> Entry {
        let position = self.next_position;
        self.next_position += 1;
        Entry {
            message,
            position,
            redelivered: false,
            expires,
            returns: 0,
        }
    }

    /// Whether one more message of this size is more than the queue may hold.
    pub(crate) fn would_overflow(&self, size: usize) -> bool {
        let arguments = &self.arguments;
        arguments
            .max_length
            .is_some_and(|max| self.ready.len() as u64 + 1 > max)
            || arguments
                .max_bytes
                .is_some_and(|max| (self.ready.bytes() + size) as u64 > max)
    }

    pub(crate) fn overflows(&self) -> bool {
        let arguments = &self.arguments;
        arguments
            .max_length
            .is_some_and(|max| self.ready.len() as u64 > max)
            || arguments
                .max_bytes
                .is_some_and(|max| self.ready.bytes() as u64 > max)
    }
}

/// The messages that wait, in one line for each priority.
#[derive(Debug)]
pub(crate) struct Ready {
    lines: SmallVec<[Line; 1]>,
    len: usize,
    bytes: usize,
}

impl Ready {
    fn new(max_priority: u8) -> Self {
        Self {
            lines: (0..=max_priority).map(|_| Line::default()).collect(),
            len: 0,
            bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of bodies, as `x-max-length-bytes` counts them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn line(&mut self, entry: &Entry) -> &mut Line {
        // A priority above the queue's counts as the queue's.
        let highest = self.lines.len() - 1;
        let priority = entry.message.properties.priority().unwrap_or(0);
        &mut self.lines[usize::from(priority).min(highest)]
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.len += 1;
        self.bytes += entry.message.body.len();
        self.line(&entry).push_back(entry);
    }

    /// Back to where it was, which is near the front.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.len += 1;
        self.bytes += entry.message.body.len();
        self.line(&entry).put_back(entry);
    }

    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.lines.iter_mut().rev().find_map(Line::pop_front)?;
        self.len -= 1;
        self.bytes -= entry.message.body.len();
        Some(entry)
    }

    /// The head, if its time is up. As in RabbitMQ nothing expires behind it, whatever its priority.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Entry> {
        let due = self.next_expiry().is_some_and(|expires| expires <= now);
        due.then(|| self.pop()).flatten()
    }

    /// When the head expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.lines.iter().rev().find_map(Line::front)?.expires
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check(&self, name: &str) {
        let mut sum = (0, 0);
        for line in &self.lines {
            let (entries, back) = line.parts();
            for (count, bytes) in [check_line(entries), check_line(back)] {
                sum = (sum.0 + count, sum.1 + bytes);
            }
        }
        assert_eq!(
            (self.len, self.bytes),
            sum,
            "messages and bytes of '{name}'"
        );
    }

    pub(crate) fn clear(&mut self) -> usize {
        let count = self.len;
        self.lines.iter_mut().for_each(Line::clear);
        (self.len, self.bytes) = (0, 0);
        count
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        for line in &mut self.lines {
            line.retain(&keep);
        }
        let left = || self.lines.iter().flat_map(Line::iter);
        self.len = left().count();
        self.bytes = left().map(|entry| entry.message.body.len()).sum();
    }
}

#[cfg(test)]
mod tests;
