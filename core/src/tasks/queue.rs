//! What both sides of a task queue agree on: its name, how it is declared, how failures are retried.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::topology::QueueOptions;

/// How often a failing task is tried, and how long it rests in between.
///
/// ```
/// use std::time::Duration;
/// use leveret::Retry;
///
/// // Seven attempts, 0.5 s after the first failure, then twice as long each time, at most 30 s.
/// let retry = Retry::new(7).delay(Duration::from_millis(500), Duration::from_secs(30));
/// # let _ = retry;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    pub(crate) attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new(5)
    }
}

impl Retry {
    /// So many attempts in all, at least one. Default: 5.
    pub const fn new(attempts: u32) -> Self {
        Self {
            attempts: if attempts == 0 { 1 } else { attempts },
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        }
    }

    /// No second attempt: what fails is a dead letter.
    pub const fn never() -> Self {
        Self::new(1)
    }

    /// The delay after the first failure, and the longest one; it doubles in between, and each is shortened at random
    /// to as little as half, so that tasks that failed together do not come back together. Rounded up to 0.1 s.
    /// Default: 1 s and 60 s.
    pub const fn delay(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// The rest before the attempt after this one.
    pub(crate) fn rest(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self
            .first
            .saturating_mul(1 << doublings)
            .min(self.longest.max(self.first));
        let random = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        full.mul_f64(0.5 + random / 2.0)
    }
}

/// A queue of tasks of one type: a value that pushers and workers share, so that whoever comes first declares the same
/// queue.
///
/// ```
/// use leveret::{QueueOptions, Retry, TaskQueue};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Resize {
///     image: String,
///     width: u32,
/// }
///
/// fn resize() -> TaskQueue<Resize> {
///     TaskQueue::new("resize").retry(Retry::new(3))
/// }
/// # let _ = resize();
/// ```
#[must_use]
pub struct TaskQueue<T> {
    pub(crate) spec: Arc<QueueSpec>,
    of: PhantomData<fn() -> T>,
}

/// The part of it that does not depend on the type.
#[derive(Clone, Debug)]
pub(crate) struct QueueSpec {
    pub(crate) name: String,
    pub(crate) options: QueueOptions,
    pub(crate) retry: Retry,
    pub(crate) dedup_window: Duration,
    pub(crate) partitions: Option<u16>,
}

impl<T> Clone for TaskQueue<T> {
    fn clone(&self) -> Self {
        Self {
            spec: Arc::clone(&self.spec),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for TaskQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskQueue").field(&self.spec).finish()
    }
}

impl<T> TaskQueue<T> {
    /// A durable queue of this name, with the connection's namespace in front. Names are as those of services, but both
    /// together may be 190 bytes long; the ends `.dead`, `.suspect`, `.members` and `.p0` are taken. The queue of a durable
    /// subscription is named after the exchange and the group, with a dot between.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            spec: Arc::new(QueueSpec {
                name: name.into(),
                options: QueueOptions::classic(),
                retry: Retry::default(),
                dedup_window: Duration::from_secs(600),
                partitions: None,
            }),
            of: PhantomData,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut QueueSpec)) -> Self {
        change(Arc::make_mut(&mut self.spec));
        self
    }

    /// How the queue is declared: its kind, priorities, limits. Default: a durable classic queue, whose dead letters
    /// go to the queue of its name and `.dead`.
    pub fn options(self, options: QueueOptions) -> Self {
        self.with(|spec| spec.options = options)
    }

    /// How failures are retried. Default: five attempts.
    pub fn retry(self, retry: Retry) -> Self {
        self.with(|spec| spec.retry = retry)
    }

    /// For how long a task that was pushed with a de-duplication key is remembered once it is done. Default: 10 min.
    pub fn dedup_window(self, window: Duration) -> Self {
        self.with(|spec| spec.dedup_window = window)
    }

    /// Orders its tasks by their keys: those with the same [`key`](crate::Push::key) are done one after another, in the
    /// order in which they were pushed, by one worker at a time, while different keys are worked on beside one another,
    /// by all workers. The queue is divided into so many partitions (1 to 1,024; some four times as many as the workers
    /// that there will ever be at once, and 16 where nobody can tell), which is part of its contract: who pushes and who
    /// works must agree. A task that fails is tried again before the next of its key. When a worker dies, another takes
    /// its partitions over; one that is frozen or cut off from the broker may still be busy with a task while another
    /// begins with the next.
    pub fn keyed(self, partitions: u16) -> Self {
        self.with(|spec| spec.partitions = Some(partitions))
    }

    /// Whether there can be such a queue. Pushing and working ask by themselves; this tells before there is a
    /// connection.
    ///
    /// ```
    /// use leveret::TaskQueue;
    ///
    /// assert!(TaskQueue::<String>::new("emails").check().is_ok());
    /// assert!(TaskQueue::<String>::new("emails.dead").check().is_err());
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code) for a name that may not be used and for options that make no sense.
    pub fn check(&self) -> Result<(), Error> {
        self.spec.names("").map(drop)
    }

    /// The name that was given to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_are_never_the_longest_by_much() {
        let retry = Retry::new(9).delay(Duration::from_secs(1), Duration::from_secs(10));
        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (60, 10)] {
            let (full, rest) = (Duration::from_secs(full), retry.rest(attempt));
            assert!(rest >= full / 2 && rest <= full, "{attempt}: {rest:?}");
        }
    }
}
