//! The calls that wait for an answer on one route: correlation id → waiting task, in constant time.
//!
//! A key is a slot number with the slot's generation, so a late answer never reaches the slot's next user.

use std::sync::{Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::sync::oneshot;

use crate::amqp::{ConfirmSink, Delivery, Returned};
use crate::error::{Code, Error, Executed};

use super::route::Ticket;

/// How a call on a route ends.
#[derive(Debug)]
pub(super) enum Outcome {
    Reply(Box<Delivery>),
    /// The broker has the request; ends a cast.
    Accepted,
    /// No queue takes the request.
    Unroutable,
    Failed(Error),
}

#[derive(Debug)]
pub(super) struct Pending(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    slots: Slab<Slot>,
    next_generation: u32,
    closed: bool,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    waiter: oneshot::Sender<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    fn new(slot: usize, generation: u32) -> Self {
        // The cap on calls in flight keeps slots far below 32 bits.
        Self((u64::from(generation) << 32) | slot as u64)
    }

    fn slot(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The correlation id.
    pub(super) fn text(self) -> String {
        format!("{:x}", self.0)
    }

    /// Only what [`text`](Self::text) writes: ids are compared byte by byte.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let canonical = text == "0" || !text.starts_with(['0', '+']);
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let key = u64::from_str_radix(text, 16).ok()?;
        (canonical && lower).then_some(Self(key))
    }
}

impl Pending {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Table {
            // Ids of calls in flight should be hard to guess.
            next_generation: uuid::Uuid::new_v4().as_fields().0,
            ..Table::default()
        }))
    }

    /// Registers a call before it is sent; `None` when the route has ended.
    pub(super) fn insert(&self) -> Option<(Key, oneshot::Receiver<Outcome>)> {
        let (waiter, receiver) = oneshot::channel();
        let mut table = self.lock();
        if table.closed {
            return None;
        }
        let generation = table.next_generation;
        table.next_generation = generation.wrapping_add(1);
        let slot = table.slots.insert(Slot { generation, waiter });
        Some((Key::new(slot, generation), receiver))
    }

    /// Ends a call; false when nobody waits for it (any more).
    pub(super) fn complete(&self, key: Key, outcome: Outcome) -> bool {
        self.remove(key)
            .is_some_and(|waiter| waiter.send(outcome).is_ok())
    }

    pub(super) fn remove(&self, key: Key) -> Option<oneshot::Sender<Outcome>> {
        let mut table = self.lock();
        if table.slots.get(key.slot())?.generation != key.generation() {
            return None;
        }
        Some(table.slots.remove(key.slot()).waiter)
    }

    /// Ends every call and takes no more.
    pub(super) fn close(&self, error: impl Fn() -> Error) {
        let slots = {
            let mut table = self.lock();
            table.closed = true;
            std::mem::take(&mut table.slots)
        };
        for (_, slot) in slots {
            let _ = slot.waiter.send(Outcome::Failed(error()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfirmSink<Ticket> for std::sync::Arc<Pending> {
    fn confirmed(&self, ticket: Ticket) {
        if ticket.cast {
            self.complete(ticket.key, Outcome::Accepted);
        }
    }

    fn refused(&self, ticket: Ticket) {
        let error = Error::new(
            Code::ResourceExhausted,
            "the broker refused the request: its queue is full, or failed",
        )
        // A queue that fails may have delivered the request before.
        .with_executed(Executed::Maybe);
        self.complete(ticket.key, Outcome::Failed(error));
    }

    fn returned(&self, message: Returned<'_>) {
        if let Some(key) = message.correlation_id.and_then(Key::parse) {
            self.complete(key, Outcome::Unroutable);
        }
    }

    fn lost(&self, ticket: Ticket, _error: Error) {
        self.complete(ticket.key, Outcome::Failed(connection_lost()));
    }
}

/// For calls that were sent when the connection died.
pub(super) fn connection_lost() -> Error {
    Error::new(
        Code::Unavailable,
        "the connection was lost while the call was under way; it may have been executed",
    )
    .with_executed(Executed::Maybe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_does_not_reach_the_next_user_of_its_slot() {
        let pending = Pending::new();
        let (old, receiver) = pending.insert().expect("open");
        drop(receiver);
        pending.remove(old);
        let (new, mut receiver) = pending.insert().expect("open");
        assert_eq!(old.slot(), new.slot());
        assert!(!pending.complete(old, Outcome::Accepted));
        assert!(receiver.try_recv().is_err(), "the new call must still wait");
        assert!(pending.complete(new, Outcome::Accepted));
    }

    #[test]
    fn closing_ends_every_call_and_takes_no_more() {
        let pending = Pending::new();
        let (_, mut receiver) = pending.insert().expect("open");
        pending.close(connection_lost);
        assert!(
            matches!(receiver.try_recv(), Ok(Outcome::Failed(error)) if error.code() == Code::Unavailable)
        );
        assert!(pending.insert().is_none());
    }

    #[test]
    fn keys_survive_the_wire() {
        let key = Key::new(7, u32::MAX);
        assert_eq!(Key::parse(&key.text()), Some(key));
        for foreign in [
            "",
            "x",
            "-1",
            "10000000000000000",
            "ffffffffffffffffffffffff",
            "00",
            "+7",
            "7FFFFFFFF",
        ] {
            assert_eq!(Key::parse(foreign), None, "{foreign}");
        }
    }
}
