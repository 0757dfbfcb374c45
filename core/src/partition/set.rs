//! The queues that partitions need, and how they are declared and removed.

use super::{lock, members, queue};
use crate::connection::Session;
use crate::error::Error;
use crate::tasks::delay::Delays;
use crate::topology::QueueOptions;

/// Partitioned queues and how they are consumed.
#[derive(Clone, Debug)]
pub(crate) struct PartitionSet {
    /// What the names of the partitions begin with.
    pub(crate) base: String,
    pub(crate) partitions: u16,
    /// How a partition's queue is declared.
    pub(crate) options: QueueOptions,
    /// Of each partition.
    pub(crate) prefetch: u16,
    /// What the owner needs besides. It is declared first, so that a refusal is told at the start.
    pub(crate) beside: Vec<(String, QueueOptions)>,
    /// By which delayed tasks come to the partitions, where there are any.
    pub(crate) delays: Option<Delays>,
}

impl PartitionSet {
    /// How the queues without messages are declared.
    pub(super) fn own_options(&self) -> QueueOptions {
        QueueOptions::classic().declare(self.options.declare)
    }

    /// Declares what belongs to one partition.
    pub(super) async fn declare(&self, session: &Session, partition: u16) -> Result<(), Error> {
        let link = &session.consume;
        let (queue, lock) = (queue(&self.base, partition), lock(&self.base, partition));
        let mut options = self.options.clone();
        // A partition has no consumer while it is handed over, and its one consumer is exclusive.
        options.auto_delete = false;
        options.single_active_consumer = false;
        link.declare_queue(&queue, &options).await?;
        if let Some(delays) = &self.delays {
            delays.bind(session, &queue).await?;
        }
        link.declare_queue(&lock, &self.own_options()).await
    }

    /// Deletes what is empty, when no instance is left.
    pub(super) async fn delete_idle(&self, session: &Session) {
        let members = members(&self.base);
        if !matches!(session.consume.count_consumers(&members).await, Ok(Some(0))) {
            return;
        }
        for partition in 0..self.partitions {
            session
                .delete_idle_queue(&queue(&self.base, partition))
                .await;
            session
                .delete_idle_queue(&lock(&self.base, partition))
                .await;
        }
        session.delete_idle_queue(&members).await;
    }
}
