//! How many handlers run at once, and that a suspect runs alone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Slots {
    /// For all that goes on, what has been given up too.
    places: Arc<Semaphore>,
    /// For what is waited for: a suspect takes all of these.
    turns: Arc<Semaphore>,
    concurrency: u32,
}

/// The right to run a handler.
pub(super) struct Slot {
    _place: OwnedSemaphorePermit,
    turn: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(concurrency: u16) -> Self {
        Self {
            places: Arc::new(Semaphore::new(concurrency.into())),
            turns: Arc::new(Semaphore::new(concurrency.into())),
            concurrency: concurrency.into(),
        }
    }

    /// First come, first served. The semaphores are never closed.
    pub(super) async fn take(&self, alone: bool) -> Option<Slot> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let turns = Arc::clone(&self.turns).acquire_many_owned(self.turns(alone));
        Some(Slot {
            _place: place,
            turn: Some(turns.await.ok()?),
        })
    }

    pub(super) fn try_take(&self, alone: bool) -> Option<Slot> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turns = Arc::clone(&self.turns).try_acquire_many_owned(self.turns(alone));
        Some(Slot {
            _place: place,
            turn: Some(turns.ok()?),
        })
    }

    fn turns(&self, alone: bool) -> u32 {
        if alone { self.concurrency } else { 1 }
    }
}

impl Slot {
    /// The handler has been given up and goes on, perhaps for ever: it keeps its place, and no suspect waits for it.
    pub(super) fn is_given_up(&mut self) {
        self.turn = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspect_runs_alone() {
        let slots = Slots::new(2);
        let one = slots.try_take(false).unwrap();
        assert!(slots.try_take(true).is_none());
        drop(one);
        let suspect = slots.try_take(true).unwrap();
        assert!(slots.try_take(false).is_none());
        drop(suspect);
        assert!(slots.try_take(false).is_some());
    }

    #[test]
    fn what_is_given_up_keeps_its_place_and_holds_up_no_suspect() {
        let slots = Slots::new(2);
        let mut hangs = slots.try_take(true).unwrap();
        hangs.is_given_up();
        drop(slots.try_take(true).unwrap());
        let other = slots.try_take(false).unwrap();
        assert!(slots.try_take(false).is_none());
        drop((hangs, other));
    }
}
