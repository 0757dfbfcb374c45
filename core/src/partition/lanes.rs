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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Item(&'static str, u32);

    impl InLane for Item {
        fn key(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn a_lane_is_driven_once_and_ends_when_it_is_empty() {
        let lanes = Lanes::default();
        assert_eq!(lanes.enter(Item("a", 0)).as_deref(), Some("a"));
        assert_eq!(lanes.enter(Item("a", 1)), None, "is driven already");
        assert_eq!(lanes.enter(Item("b", 0)).as_deref(), Some("b"));
        for n in 0..2 {
            assert!(lanes.goes_on("a"));
            assert_eq!(lanes.next("a"), Some(Item("a", n)));
        }
        // The last one runs: what comes now waits for it.
        assert_eq!(lanes.enter(Item("a", 2)), None);
        assert_eq!(lanes.next("a"), Some(Item("a", 2)));
        assert!(!lanes.goes_on("a"));
        assert_eq!(lanes.enter(Item("a", 3)).as_deref(), Some("a"));
    }

    #[test]
    fn what_stays_keeps_those_before_it() {
        let lanes = Lanes::default();
        for n in 0..4 {
            lanes.enter(Item("a", n));
        }
        lanes.enter(Item("b", 0));
        let mut gone = lanes.retract(|item| item.1 != 2);
        gone.sort_by_key(|item| item.0);
        assert_eq!(gone, [Item("a", 3), Item("b", 0)]);
        for n in 0..3 {
            assert_eq!(lanes.next("a"), Some(Item("a", n)));
        }
        assert_eq!(lanes.next("b"), None);
    }
}
