//! What this process knows about tasks that are delivered again: whoever is alive and has had a task before was not
//! ended by it. Bounded; what is forgotten is treated with more care than it needs, no worse.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many tasks are remembered, besides those that run.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    tasks: HashMap<String, State>,
    /// Of those that wait for another attempt where they are.
    attempts: HashMap<String, u32>,
    order: VecDeque<String>,
}

#[derive(Debug)]
enum State {
    /// It was here and is not done.
    Known,
    /// It runs; these want to know whether it is done then.
    Running(Vec<oneshot::Sender<bool>>),
    Done,
}

/// What a delivery that came again is.
#[derive(Debug)]
pub(super) enum Again {
    /// It may have ended the worker that had it.
    Unknown,
    /// It was here, and did no harm.
    Known,
    /// It runs here still, on behalf of a delivery that was lost; this tells whether it was done.
    Running(oneshot::Receiver<bool>),
    /// It was done here; the broker did not hear of it.
    Done,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task has come for the first time.
    pub(super) fn came(&self, id: &str) {
        let mut table = self.lock();
        if table.tasks.insert(id.to_owned(), State::Known).is_none() {
            table.order.push_back(id.to_owned());
        }
        // Two for each that comes: more would be looked at in vain, again and again, while all of them run.
        for _ in 0..2 {
            if table.tasks.len() <= MOST {
                break;
            }
            let Some(oldest) = table.order.pop_front() else {
                break;
            };
            // What runs is remembered until it is done.
            if matches!(table.tasks.get(&oldest), Some(State::Running(_))) {
                table.order.push_back(oldest);
            } else {
                table.tasks.remove(&oldest);
                table.attempts.remove(&oldest);
            }
        }
    }

    /// A task is to be run again where it is, as this attempt.
    pub(super) fn failed(&self, id: &str, next: u32) {
        self.lock().attempts.insert(id.to_owned(), next);
    }

    /// Which attempt it was to be.
    pub(super) fn attempt(&self, id: &str) -> Option<u32> {
        self.lock().attempts.get(id).copied()
    }

    pub(super) fn came_again(&self, id: &str) -> Again {
        match self.lock().tasks.get_mut(id) {
            None => Again::Unknown,
            Some(State::Known) => Again::Known,
            Some(State::Done) => Again::Done,
            Some(State::Running(waiters)) => {
                let (tell, told) = oneshot::channel();
                waiters.push(tell);
                Again::Running(told)
            }
        }
    }

    pub(super) fn starts(&self, id: &str) {
        if let Some(state) = self.lock().tasks.get_mut(id) {
            *state = State::Running(Vec::new());
        }
    }

    pub(super) fn ends(&self, id: &str, done: bool) {
        let mut table = self.lock();
        if done {
            table.attempts.remove(id);
        }
        let Some(state) = table.tasks.get_mut(id) else {
            return;
        };
        let next = if done { State::Done } else { State::Known };
        if let State::Running(waiters) = std::mem::replace(state, next) {
            for waiter in waiters {
                let _ = waiter.send(done);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_from_its_coming_to_its_end() {
        let seen = Seen::default();
        assert!(matches!(seen.came_again("a"), Again::Unknown));
        seen.came("a");
        assert!(matches!(seen.came_again("a"), Again::Known));
        seen.starts("a");
        let Again::Running(mut told) = seen.came_again("a") else {
            panic!("it runs");
        };
        seen.ends("a", true);
        assert_eq!(told.try_recv(), Ok(true));
        assert!(matches!(seen.came_again("a"), Again::Done));
    }

    #[test]
    fn the_oldest_that_does_not_run_is_forgotten() {
        let seen = Seen::default();
        seen.came("runs");
        seen.starts("runs");
        seen.came("rests");
        for n in 0..MOST {
            seen.came(&n.to_string());
        }
        assert!(matches!(seen.came_again("runs"), Again::Running(_)));
        assert!(matches!(seen.came_again("rests"), Again::Unknown));
    }

    #[test]
    fn more_may_run_than_are_remembered() {
        let seen = Seen::default();
        for n in 0..=MOST {
            let id = n.to_string();
            seen.came(&id);
            seen.starts(&id);
        }
        assert!(matches!(seen.came_again("0"), Again::Running(_)));
        seen.ends("0", true);
        for n in 0..MOST {
            seen.came(&format!("later {n}"));
        }
        assert!(matches!(seen.came_again("0"), Again::Unknown));
    }
}
