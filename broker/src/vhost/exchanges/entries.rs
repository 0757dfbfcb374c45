//! Bindings as routing needs them: small, in a row, and quick to take out.

use super::{BindingId, ExchangeId};
use crate::vhost::QueueId;

/// Where a message goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::vhost) enum Target {
    Queue(QueueId),
    Exchange(ExchangeId),
}

/// A binding as routing needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::vhost) struct Entry {
    pub(in crate::vhost) to: Target,
    pub(in crate::vhost) binding: BindingId,
}

#[cfg(test)]
impl Entry {
    pub(in crate::vhost) fn queue(queue: QueueId, binding: BindingId) -> Self {
        let to = Target::Queue(queue);
        Self { to, binding }
    }
}

/// Bindings in slots without gaps: one that is taken out is replaced by the last one.
#[derive(Debug, Default)]
pub(in crate::vhost) struct Entries(Vec<Entry>);

impl Entries {
    /// Returns the slot that the entry is in.
    pub(in crate::vhost) fn insert(&mut self, entry: Entry) -> usize {
        self.0.push(entry);
        self.0.len() - 1
    }

    /// Takes out the entry in a slot; returns the one that has moved there.
    pub(in crate::vhost) fn remove(&mut self, slot: usize) -> Option<BindingId> {
        self.0.swap_remove(slot);
        self.0.get(slot).map(|moved| moved.binding)
    }

    pub(in crate::vhost) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::vhost) fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.0.iter()
    }
}
