//! Runs that go on where dropping a handler's future does not end them.

use tokio_util::task::task_tracker::TaskTrackerToken;

/// Keeps the run of a handler going for as long as it lives: until it is dropped the handler's place among those that run
/// at once stays taken, and in a keyed queue the key, even if the worker's timeout has dropped the handler's future. Made
/// by [`Message::guard`](crate::Message::guard).
#[derive(Debug)]
#[must_use = "the run may end when it is dropped"]
pub struct RunGuard {
    pub(super) _token: TaskTrackerToken,
}
