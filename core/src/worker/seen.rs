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
    /// It runs; these want to know whether it is settled then.
    Running(Vec<oneshot::Sender<bool>>),
    /// This attempt has failed, and a copy is the next one.
    Failed(u32),
    /// A copy may be with anybody.
    Left,
    Done,
}

/// What has become of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    /// A copy was made for the attempt after this one.
    Failed(u32),
    /// A copy was made that is no other attempt, or whose attempts count anew. It may be with anybody.
    Left,
    /// It is to be delivered again.
    Back,
}

/// What a delivery that came again is.
#[derive(Debug)]
pub(super) enum Again {
    /// It may have ended the worker that had it.
    Unknown,
    /// It was here, and did no harm.
    Known,
    /// It runs here still, on behalf of a delivery that was lost; this tells whether it was settled.
    Running(oneshot::Receiver<bool>),
    /// It was settled here; the broker did not hear of it.
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

    pub(super) fn came_again(&self, id: &str, attempt: u32) -> Again {
        match self.lock().tasks.get_mut(id) {
            None | Some(State::Left) => Again::Unknown,
            // A later one has been with somebody else.
            Some(State::Failed(last)) if attempt > *last => Again::Unknown,
            Some(State::Failed(_)) => Again::Done,
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

    pub(super) fn ends(&self, id: &str, end: End) {
        let mut table = self.lock();
        if end != End::Back {
            table.attempts.remove(id);
        }
        let Some(state) = table.tasks.get_mut(id) else {
            return;
        };
        let next = match end {
            End::Done => State::Done,
            End::Failed(attempt) => State::Failed(attempt),
            End::Left => State::Left,
            End::Back => State::Known,
        };
        if let State::Running(waiters) = std::mem::replace(state, next) {
            for waiter in waiters {
                let _ = waiter.send(end != End::Back);
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
        assert!(matches!(seen.came_again("a", 1), Again::Unknown));
        seen.came("a");
        assert!(matches!(seen.came_again("a", 1), Again::Known));
        seen.starts("a");
        let Again::Running(mut told) = seen.came_again("a", 1) else {
            panic!("it runs");
        };
        seen.ends("a", End::Done);
        assert_eq!(told.try_recv(), Ok(true));
        assert!(matches!(seen.came_again("a", 1), Again::Done));
    }

    #[test]
    fn of_what_has_failed_only_the_attempts_that_were_here_are_over() {
        let seen = Seen::default();
        seen.came("a");
        seen.starts("a");
        seen.ends("a", End::Failed(2));
        assert!(matches!(seen.came_again("a", 1), Again::Done));
        assert!(matches!(seen.came_again("a", 2), Again::Done));
        assert!(matches!(seen.came_again("a", 3), Again::Unknown));
        seen.came("a");
        assert!(matches!(seen.came_again("a", 3), Again::Known));
    }

    #[test]
    fn a_copy_of_the_same_attempt_may_be_with_anybody() {
        let seen = Seen::default();
        seen.came("a");
        seen.starts("a");
        let Again::Running(mut told) = seen.came_again("a", 1) else {
            panic!("it runs");
        };
        seen.ends("a", End::Left);
        assert_eq!(told.try_recv(), Ok(true));
        assert!(matches!(seen.came_again("a", 1), Again::Unknown));
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
        assert!(matches!(seen.came_again("runs", 1), Again::Running(_)));
        assert!(matches!(seen.came_again("rests", 1), Again::Unknown));
    }

    #[test]
    fn more_may_run_than_are_remembered() {
        let seen = Seen::default();
        for n in 0..=MOST {
            let id = n.to_string();
            seen.came(&id);
            seen.starts(&id);
        }
        assert!(matches!(seen.came_again("0", 1), Again::Running(_)));
        seen.ends("0", End::Done);
        for n in 0..MOST {
            seen.came(&format!("later {n}"));
        }
        assert!(matches!(seen.came_again("0", 1), Again::Unknown));
    }
}
