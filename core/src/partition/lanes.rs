//! What one partition holds, in lanes: requests or tasks with the same key one after another, in the order in which they
//! came. A lane outlives the session that filled it, because its handler does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What waits in a lane.
pub(crate) trait InLane {
    /// What orders it; those without one are all of the same.
    fn key(&self) -> &str;
}

/// A lane is there for as long as somebody drives it.
#[derive(Debug)]
pub(crate) struct Lanes<T>(Mutex<HashMap<Arc<str>, VecDeque<T>>>);

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: InLane> Lanes<T> {
    /// Puts one behind the others of its key. Returns the key when the lane is new, and to be driven.
    pub(crate) fn enter(&self, waiting: T) -> Option<Arc<str>> {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.get_mut(waiting.key()) {
            lane.push_back(waiting);
            return None;
        }
        let key: Arc<str> = waiting.key().into();
        lanes.insert(Arc::clone(&key), VecDeque::from([waiting]));
        Some(key)
    }

    /// Whether one waits in a lane. A lane in which none does has ended.
    pub(crate) fn goes_on(&self, key: &str) -> bool {
        let mut lanes = self.lock();
        let waits = lanes.get(key).is_some_and(|lane| !lane.is_empty());
        if !waits {
            lanes.remove(key);
        }
        waits
    }

    /// The next one of a lane, to be begun.
    pub(crate) fn next(&self, key: &str) -> Option<T> {
        self.lock().get_mut(key)?.pop_front()
    }

    /// Takes out what can go back to the queue: of each lane all that is behind the last one that may not, or a later
    /// one of the same key would overtake it.
    pub(crate) fn retract(&self, may_go: impl Fn(&T) -> bool) -> Vec<T> {
        let mut retracted = Vec::new();
        for lane in self.lock().values_mut() {
            while lane.back().is_some_and(&may_go) {
                retracted.extend(lane.pop_back());
            }
        }
        retracted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
