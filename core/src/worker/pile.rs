//! What has come to a consumer and has not begun: when it is enough for a run, and what a run takes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::common::Batch;

pub(super) struct Pile<T> {
    batch: Option<Batch>,
    /// Each with the time when it waits for no more others, if that ever comes.
    waiting: VecDeque<(Option<Instant>, T)>,
}

impl<T> Pile<T> {
    /// Without a batch each is a run of its own.
    pub(super) fn new(batch: Option<Batch>) -> Self {
        Self {
            batch,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, one: T, now: Instant) {
        let age = self.batch.map_or(Duration::ZERO, |batch| batch.age);
        self.waiting.push_back((now.checked_add(age), one));
    }

    /// Whether what waits is enough to be handled now.
    pub(super) fn has_run(&self, now: Instant) -> bool {
        self.waiting.len() >= self.size() || self.due().is_some_and(|due| due <= now)
    }

    /// When the oldest is old enough, however few there are.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front()?.0
    }

    /// The next run.
    pub(super) fn take(&mut self) -> Vec<T> {
        let size = self.size().min(self.waiting.len());
        self.waiting.drain(..size).map(|(_, one)| one).collect()
    }

    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.waiting.drain(..).map(|(_, one)| one).collect()
    }

    fn size(&self) -> usize {
        self.batch.map_or(1, |batch| batch.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(10);

    #[test]
    fn what_a_run_leaves_is_as_old_as_it_was() {
        let mut pile = Pile::new(Some(Batch { size: 2, age: AGE }));
        let start = Instant::now();
        for one in 0..3 {
            pile.push(one, start);
        }
        assert!(pile.has_run(start));
        assert_eq!(pile.take(), [0, 1]);
        assert!(!pile.has_run(start + AGE / 2));
        assert_eq!(pile.due(), Some(start + AGE));
        assert!(pile.has_run(start + AGE));
        assert_eq!(pile.take(), [2]);
        assert!(!pile.has_run(start + AGE) && pile.due().is_none());
    }

    #[test]
    fn without_a_batch_nothing_waits() {
        let (mut pile, now) = (Pile::new(None), Instant::now());
        pile.push(0, now);
        pile.push(1, now);
        assert!(pile.has_run(now));
        assert_eq!(pile.take(), [0]);
        assert_eq!(pile.take_all(), [1]);
        assert!(!pile.has_run(now));
    }

    #[test]
    fn an_age_may_be_longer_than_any_clock_counts() {
        let (size, age) = (2, Duration::MAX);
        let (mut pile, now) = (Pile::new(Some(Batch { size, age })), Instant::now());
        pile.push(0, now);
        assert!(!pile.has_run(now) && pile.due().is_none());
    }
}
