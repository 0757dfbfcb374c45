//! The open connections: to count them, to stop them and to wait for their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::control::Control;
use crate::error::Refusal;

#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
    left: Notify,
}

#[derive(Default)]
struct Entries {
    last: u64,
    stopping: bool,
    connections: HashMap<u64, Entry>,
}

struct Entry {
    control: Arc<Control>,
    task: Option<AbortHandle>,
}

impl Registry {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection; `None` when there are `most`, or the broker stops.
    pub(crate) fn enter(&self, control: &Arc<Control>, most: usize) -> Option<u64> {
        let mut entries = self.entries();
        if entries.stopping || entries.connections.len() >= most {
            return None;
        }
        entries.last += 1;
        let id = entries.last;
        control.set_number(id);
        let entry = Entry {
            control: Arc::clone(control),
            task: None,
        };
        entries.connections.insert(id, entry);
        Some(id)
    }

    /// Names the task, so that it can be aborted.
    pub(crate) fn set_task(&self, id: u64, task: AbortHandle) {
        match self.entries().connections.get_mut(&id) {
            Some(entry) => entry.task = Some(task),
            // It has ended already.
            None => task.abort(),
        }
    }

    pub(crate) fn leave(&self, id: u64) {
        let mut entries = self.entries();
        entries.connections.remove(&id);
        if entries.connections.is_empty() {
            self.left.notify_waiters();
        }
    }

    /// Lets nobody in any more, and closes every connection with `refusal`.
    pub(crate) fn close_all(&self, refusal: &Refusal) {
        let mut entries = self.entries();
        entries.stopping = true;
        for entry in entries.connections.values() {
            entry.control.close(refusal.clone());
        }
    }

    /// Lets nobody in any more, and cuts every connection now.
    pub(crate) fn abort_all(&self) {
        let mut entries = self.entries();
        entries.stopping = true;
        for entry in entries.connections.values() {
            entry.control.abort();
            if let Some(task) = &entry.task {
                task.abort();
            }
        }
    }

    /// Waits until all are gone.
    pub(crate) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.entries().connections.is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Lets connections in again.
    pub(crate) fn reopen(&self) {
        self.entries().stopping = false;
    }
}
