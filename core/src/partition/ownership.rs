//! Which partitions this instance consumes: its share of them, one owner for each at a time, without overlap
//! when one is handed over.
//!
//! An owner holds the exclusive consumer of the partition's *lock queue*, where nothing is ever sent. The
//! exclusive consumer of the partition itself would not do: its cancel frees the queue while deliveries that
//! crossed it are still to be run, and quorum queues do not know exclusive consumers at all.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::round::{Member, Round};
use super::set::PartitionSet;
use crate::amqp::{Channel, Consumer};
use crate::connection::{Attendant, Ended, Session, Shared, attend};
use crate::error::Error;
use crate::running::Ready;

/// A partition that is this instance's.
pub(crate) struct Held {
    pub(crate) partition: u16,
    pub(crate) session: Arc<Session>,
    /// The channel of the consumer.
    pub(crate) channel: Channel,
    pub(crate) consumer: Consumer,
    /// Cancelled when somebody else is to have it.
    pub(crate) give_up: CancellationToken,
}

/// Works on partitions.
pub(crate) trait Owner: Send + Sync + 'static {
    /// Works on one for as long as it is ours: until `give_up` is cancelled, the consumer has ended, the
    /// session is lost, or the work is stopped. Another instance begins with it as soon as this returns, so
    /// first the consumer is cancelled, and all that has begun is finished, however the work ended, unless the
    /// session is lost. What is not acknowledged then goes back with the channel, in its order.
    fn attend(self: Arc<Self>, held: Held) -> impl Future<Output = ()> + Send;
}

/// Takes and gives up partitions until `stop` is cancelled; returns when the owner is done with all of them.
/// `ready` hears when the first share has been taken, or why none can be.
pub(crate) async fn own<O: Owner>(
    shared: &Shared,
    set: &PartitionSet,
    owner: &Arc<O>,
    stop: &CancellationToken,
    ready: Ready,
) {
    attend(shared, stop, ready, &Sharing { set, owner, stop }).await;
}

struct Sharing<'a, O> {
    set: &'a PartitionSet,
    owner: &'a Arc<O>,
    stop: &'a CancellationToken,
}

impl<'a, O: Owner> Attendant for Sharing<'a, O> {
    type Attached = (Round<'a, O>, Member);

    fn queue(&self) -> &str {
        &self.set.base
    }

    async fn attach(&self, session: &Arc<Session>) -> Result<Self::Attached, Error> {
        let mut round = Round::new(Arc::clone(session), self.set, self.owner);
        match session.unless_lost(round.join()).await {
            Ok(member) => Ok((round, member)),
            Err(error) => {
                round.leave().await;
                Err(error)
            }
        }
    }

    async fn work(&self, _session: &Arc<Session>, (mut round, member): Self::Attached) -> Ended {
        round.run(member, self.stop).await
    }
}
