//! The requests of one partition, in lanes: those with the same key one after another, in the order in which
//! they came. A lane outlives the session that filled it, because its handler does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::job::{Desk, Job};

/// A lane is there for as long as somebody drives it.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<HashMap<Arc<str>, VecDeque<Waiting>>>);

/// A request that has not begun.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: Box<Job>,
    /// Counts it among those that its consumer waits for.
    pub(super) token: TaskTrackerToken,
}

impl Lanes {
    /// Puts a request behind the others of its key. Returns the key when the lane is new, and to be driven.
    pub(super) fn enter(&self, waiting: Waiting) -> Option<Arc<str>> {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.get_mut(waiting.job.key()) {
            lane.push_back(waiting);
            return None;
        }
        let key: Arc<str> = waiting.job.key().into();
        lanes.insert(Arc::clone(&key), VecDeque::from([waiting]));
        Some(key)
    }

    /// Whether a request waits in a lane. A lane in which none does has ended.
    pub(super) fn goes_on(&self, key: &str) -> bool {
        let mut lanes = self.lock();
        let waits = lanes.get(key).is_some_and(|lane| !lane.is_empty());
        if !waits {
            lanes.remove(key);
        }
        waits
    }

    /// The next request of a lane, to be begun.
    pub(super) fn next(&self, key: &str) -> Option<Waiting> {
        self.lock().get_mut(key)?.pop_front()
    }

    /// Takes out what can go back to the queue: of each lane all that is behind the last request that only this
    /// instance would run, or a later one of the same key would overtake it.
    pub(super) fn retract(&self, desk: &Arc<Desk>) -> Vec<Waiting> {
        let mut retracted = Vec::new();
        for lane in self.lock().values_mut() {
            let goes = |waiting: &Waiting| {
                !waiting.job.now_or_never && Arc::ptr_eq(&waiting.job.desk, desk)
            };
            while lane.back().is_some_and(goes) {
                retracted.extend(lane.pop_back());
            }
        }
        retracted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
