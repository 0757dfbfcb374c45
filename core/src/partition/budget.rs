//! How many partitions one connection owns: each takes two of its channels, and whatever else uses it needs some too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many channels are left to all else: so many, or half of a small number.
const LEFT: usize = 256;

pub(crate) struct Budget {
    most: usize,
    permits: Arc<Semaphore>,
    /// What each of the sets that share it would own.
    wanted: Mutex<Slab<usize>>,
}

/// One set's part of it.
pub(super) struct Part {
    budget: Arc<Budget>,
    key: usize,
}

impl Budget {
    /// For a connection with so many channels.
    pub(crate) fn new(channels: u16) -> Arc<Self> {
        let channels = usize::from(channels);
        let most = (channels - LEFT.min(channels / 2)) / 2;
        Arc::new(Self {
            most,
            permits: Arc::new(Semaphore::new(most)),
            wanted: Mutex::default(),
        })
    }

    pub(super) fn join(self: &Arc<Self>) -> Part {
        Part {
            key: self.lock().insert(0),
            budget: Arc::clone(self),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<usize>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// How many partitions a set may own that would own so many.
    pub(super) fn of(&self, wanted: usize) -> usize {
        let mut all = self.budget.lock();
        if let Some(mine) = all.get_mut(self.key) {
            *mine = wanted;
        }
        let all = all.iter().map(|(_, wanted)| *wanted);
        wanted.min(fair(self.budget.most, all.collect()))
    }

    /// Held for as long as a partition is owned. None is waited for: the others may have yet to give theirs up.
    pub(super) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.budget.permits).try_acquire_owned().ok()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.budget.lock().try_remove(self.key);
    }
}

/// What nobody gets more of when there is not enough for all: those that want less leave the rest to the others.
fn fair(most: usize, mut wanted: Vec<usize>) -> usize {
    wanted.sort_unstable();
    let mut left = most;
    for (smaller, wants) in wanted.iter().enumerate() {
        let each = left / (wanted.len() - smaller);
        if *wants > each {
            return each.max(1);
        }
        left -= wants;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_want_less_leave_the_rest() {
        assert_eq!(fair(900, vec![16, 900]), 884);
        assert_eq!(fair(900, vec![1024, 1024]), 450);
        assert_eq!(fair(900, vec![100, 1024, 1024]), 400);
        assert_eq!(fair(900, vec![300, 300, 300]), usize::MAX);
        assert_eq!(fair(2, vec![5, 5, 5]), 1, "each gets a turn");
    }

    #[test]
    fn a_set_that_leaves_makes_room() {
        let budget = Budget::new(2047);
        let (one, two) = (budget.join(), budget.join());
        assert_eq!(one.of(1024), 895);
        assert_eq!(two.of(1024), 447);
        assert_eq!(one.of(1024), 447);
        drop(two);
        assert_eq!(one.of(1024), 895);
        let permits: Vec<_> = std::iter::from_fn(|| one.permit()).collect();
        assert_eq!(permits.len(), 895);
        drop(permits);
        assert!(one.permit().is_some());
    }

    #[test]
    fn a_connection_with_few_channels_keeps_half_of_them() {
        assert_eq!(Budget::new(60).most, 15);
        assert_eq!(Budget::new(0).most, 0);
    }
}
