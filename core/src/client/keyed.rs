//! Calls that are ordered by a key: the key decides the partition, and with it the queue.

use std::borrow::Cow;

use super::outgoing::Outgoing;
use crate::error::{Code, Error, Executed};
use crate::partition;

impl Outgoing {
    /// Sends it to the partition of its key.
    pub(super) fn order_by(&mut self, key: Result<String, Error>, partitions: u16) {
        let key = key.and_then(|key| {
            partition::check(partitions)?;
            if self.key.is_some() {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "the call has a key already: it was given one twice, or its method has one of its own",
                )
                .with_executed(Executed::No));
            }
            Ok(key)
        });
        match key {
            Ok(key) => {
                let partition = partition::of(&key, partitions);
                self.target.queue = Cow::Owned(partition::queue(&self.target.queue, partition));
                self.key = Some(key);
            }
            Err(error) => {
                self.refused.get_or_insert(error);
            }
        }
    }

    /// The queue that has consumers while somebody serves the request. A partition has none for a moment when it
    /// is handed over, but its service has members.
    pub(super) fn served_queue(&self) -> Cow<'_, str> {
        let queue = &*self.target.queue;
        match queue.rsplit_once(".p") {
            Some((base, _)) if self.key.is_some() => Cow::Owned(partition::members(base)),
            _ => Cow::Borrowed(queue),
        }
    }
}
