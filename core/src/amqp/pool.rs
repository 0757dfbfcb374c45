//! lapin's publish is a future of more than a kilobyte, which allocators serve slowly; so its boxes are
//! kept and used again.

use std::task::{Context, Poll, Waker};

use tokio_util::sync::ReusableBoxFuture;

/// Boxes beyond this are given back to the allocator.
const KEPT: usize = 1024;

pub(super) type Operation<T> = ReusableBoxFuture<'static, T>;

pub(super) struct Pool<T>(Vec<Operation<T>>);

impl<T: Send + 'static> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Boxes an operation and polls it once, which is when lapin queues its frames.
    pub(super) fn start(
        &mut self,
        operation: impl Future<Output = T> + Send + 'static,
    ) -> (Operation<T>, Poll<T>) {
        let mut started = match self.0.pop() {
            Some(mut spare) => {
                spare.set(operation);
                spare
            }
            None => ReusableBoxFuture::new(operation),
        };
        let outcome = started.poll(&mut Context::from_waker(Waker::noop()));
        (started, outcome)
    }

    /// Takes the box of a finished operation back.
    pub(super) fn put_back(&mut self, finished: Operation<T>) {
        if self.0.len() < KEPT {
            self.0.push(finished);
        }
    }
}
