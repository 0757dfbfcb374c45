//! How much may be in flight at once. lapin's outgoing queue has no bound, so this is the bound.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(crate) struct Limits {
    calls: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// The right to one call in flight. Held until the answer is there *and* the request has left lapin's
/// queue, even when the caller has long given up.
#[derive(Debug)]
pub(crate) struct Permit {
    _call: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Limits {
    pub(crate) fn new(calls: usize, bytes: usize) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            bytes: Arc::new(Semaphore::new(bytes)),
        }
    }

    pub(crate) fn try_acquire(&self, bytes: u32) -> Option<Permit> {
        Some(Permit {
            _call: Arc::clone(&self.calls).try_acquire_owned().ok()?,
            _bytes: Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?,
        })
    }

    /// First come, first served. The semaphores are never closed.
    pub(crate) async fn acquire(&self, bytes: u32) -> Option<Permit> {
        Some(Permit {
            _call: Arc::clone(&self.calls).acquire_owned().await.ok()?,
            _bytes: Arc::clone(&self.bytes)
                .acquire_many_owned(bytes)
                .await
                .ok()?,
        })
    }
}
