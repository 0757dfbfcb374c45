//! What others may do to a connection: the memory alarm holds its reader back, the fault levers break it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::Refusal;

/// One per connection; its task obeys.
#[derive(Default)]
pub(crate) struct Control {
    /// The connection's number in its broker; 0 outside of one.
    number: AtomicU64,
    orders: Mutex<Orders>,
    /// The memory is full and this connection publishes: it is not read.
    blocked: AtomicBool,
    wake: Arc<Notify>,
}

/// What the task has not yet been told.
#[derive(Default)]
pub(crate) struct Orders {
    pub(crate) abort: bool,
    pub(crate) close: Option<Refusal>,
    pub(crate) stall: Option<bool>,
    pub(crate) delay: Option<Option<Duration>>,
}

impl Control {
    /// Wakes `wake` with every order.
    pub(crate) fn new(wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            wake,
            ..Self::default()
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(crate) fn set_number(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
    }

    fn order(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    /// Cuts the socket.
    pub(crate) fn abort(&self) {
        self.order(|orders| orders.abort = true);
    }

    /// Closes the connection in order, as an operator does.
    pub(crate) fn close(&self, refusal: Refusal) {
        self.order(|orders| orders.close = Some(refusal));
    }

    /// Neither reads nor writes until it is told otherwise.
    pub(crate) fn stall(&self, stalled: bool) {
        self.order(|orders| orders.stall = Some(stalled));
    }

    /// Holds outgoing bytes back for that long, in order.
    pub(crate) fn delay(&self, delay: Option<Duration>) {
        self.order(|orders| orders.delay = Some(delay));
    }

    /// Reads no further; under the broker's lock, as is [`Self::unblocked`].
    pub(crate) fn block(&self) {
        self.blocked.store(true, Ordering::Release);
    }

    /// Reads on.
    pub(crate) fn unblocked(&self) {
        if self.blocked.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// What was ordered since the last time.
    pub(crate) fn take(&self) -> Orders {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}
