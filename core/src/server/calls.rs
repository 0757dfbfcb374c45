//! The calls of one queue that run here, ran here lately, or were cancelled before they came. It stops a
//! redelivered or repeated call from running twice, and finds the handler that a cancel is for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::job::Job;
use super::reply::Answer;
use crate::context::Context;

/// How many finished calls are remembered, and how many cancelled ones.
const REMEMBERED: usize = 4096;
/// How many bytes of their answers.
const REMEMBERED_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    calls: HashMap<Uuid, Call>,
    /// Finished calls, oldest first.
    finished: VecDeque<Uuid>,
    /// Calls cancelled before they came, oldest first: on their own, because a busy server finishes so many that
    /// a cancel would be forgotten before its request has left the queue.
    cancelled: VecDeque<Uuid>,
    bytes: usize,
}

#[derive(Debug)]
enum Call {
    /// With later deliveries of the same call, which then get the answer too.
    Running {
        context: Context,
        again: Vec<Job>,
    },
    Done(Answer),
    Cancelled,
}

/// What to do with a delivery.
#[derive(Debug)]
pub(super) enum Begin {
    Run(Box<Job>),
    /// It runs here already; the answer will go to this delivery too.
    Joined,
    /// It ran here; this was the answer.
    Again(Box<Job>, Answer),
    Cancelled(Box<Job>),
}

impl Calls {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Registers a call that is about to start.
    pub(super) fn begin(&self, job: Box<Job>) -> Begin {
        // Ids of other shapes are not known to be unique, so they prove nothing.
        let Some(id) = job.id else {
            return Begin::Run(job);
        };
        let mut table = self.lock();
        match table.calls.get_mut(&id) {
            None => {
                let context = job.context.clone();
                table.calls.insert(
                    id,
                    Call::Running {
                        context,
                        again: Vec::new(),
                    },
                );
                Begin::Run(job)
            }
            Some(Call::Running { again, .. }) => {
                // Deliveries of an earlier session can be neither answered nor acknowledged any more.
                again.retain(|earlier| earlier.desk.acks.is_open());
                again.push(*job);
                Begin::Joined
            }
            Some(Call::Done(answer)) => Begin::Again(job, answer.clone()),
            Some(Call::Cancelled) => Begin::Cancelled(job),
        }
    }

    /// Records the answer; returns later deliveries of the same call, if any came.
    pub(super) fn finish(&self, id: Option<Uuid>, answer: &Answer) -> Vec<Job> {
        let Some(id) = id else { return Vec::new() };
        let mut table = self.lock();
        let call = table.calls.insert(id, Call::Done(answer.clone()));
        table.bytes += answer.size();
        table.remember_finished(id);
        match call {
            Some(Call::Running { again, .. }) => again,
            _ => Vec::new(),
        }
    }

    /// Stops a call, running or yet to come.
    pub(super) fn cancel(&self, id: &str) {
        let Ok(id) = Uuid::try_parse(id) else { return };
        let mut table = self.lock();
        match table.calls.get(&id) {
            Some(Call::Running { context, .. }) => context.cancellation().cancel(),
            Some(Call::Done(_) | Call::Cancelled) => {}
            None => {
                table.calls.insert(id, Call::Cancelled);
                table.remember_cancelled(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remember_finished(&mut self, id: Uuid) {
        self.finished.push_back(id);
        while self.finished.len() > REMEMBERED
            || self.bytes > REMEMBERED_BYTES && self.finished.len() > 1
        {
            let Some(oldest) = self.finished.pop_front() else {
                break;
            };
            if let Some(Call::Done(answer)) = self.calls.remove(&oldest) {
                self.bytes -= answer.size();
            }
        }
    }

    fn remember_cancelled(&mut self, id: Uuid) {
        self.cancelled.push_back(id);
        if self.cancelled.len() > REMEMBERED
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer() -> Answer {
        Answer {
            kind: "",
            content_type: "",
            body: Bytes::from_static(b"x"),
        }
    }

    fn remembered(calls: &Calls) -> (usize, usize, usize) {
        let table = calls.lock();
        (
            table.finished.len(),
            table.cancelled.len(),
            table.calls.len(),
        )
    }

    #[test]
    fn finished_calls_do_not_push_cancels_out() {
        let calls = Calls::new();
        let early = Uuid::new_v4();
        calls.cancel(&early.to_string());
        for _ in 0..2 * REMEMBERED {
            calls.finish(Some(Uuid::new_v4()), &answer());
        }
        assert!(matches!(
            calls.lock().calls.get(&early),
            Some(Call::Cancelled)
        ));
        assert_eq!(remembered(&calls), (REMEMBERED, 1, REMEMBERED + 1));
        assert_eq!(calls.lock().bytes, REMEMBERED);
    }

    #[test]
    fn cancels_are_bounded_too() {
        let calls = Calls::new();
        for _ in 0..2 * REMEMBERED {
            calls.cancel(&Uuid::new_v4().to_string());
        }
        assert_eq!(remembered(&calls), (0, REMEMBERED, REMEMBERED));
    }
}
