//! Which partitions this instance consumes: its share of them, one owner for each at a time, without overlap
//! when one is handed over.
//!
//! An owner holds the exclusive consumer of the partition's *lock queue*, where nothing is ever sent. The
//! exclusive consumer of the partition itself would not do: its cancel frees the queue while deliveries that
//! crossed it are still to be run, and quorum queues do not know exclusive consumers at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::round::Round;
use super::set::PartitionSet;
use crate::amqp::{Channel, Consumer};
use crate::connection::{Session, Shared, next_session};
use crate::error::{Code, Error, Executed};

/// The pause before the next attempt with a session that has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
    ready: oneshot::Sender<Result<(), Error>>,
) {
    let mut ready = Some(ready);
    let mut sessions = shared.sessions();
    loop {
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.stopped().cancelled() => break,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => break,
            },
        };
        let mut round = Round::new(Arc::clone(&session), set, owner);
        match session.unless_lost(round.join()).await {
            Ok(member) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
                let lost = round.run(member, stop).await;
                if !lost {
                    return;
                }
                tracing::warn!(queue = %set.base, "the partitions were lost; attaching again");
            }
            Err(error) => {
                round.leave().await;
                // At the start a refusal is told to whoever starts the server; later it may well pass.
                if error.code() != Code::Unavailable
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(Err(error));
                    return;
                }
                tracing::warn!(queue = %set.base, %error, "the partitions cannot be consumed now");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = shared.stopped().cancelled() => {}
            () = sleep(RETRY_AFTER) => {}
        }
    }
    if let Some(ready) = ready {
        let closed = Error::new(Code::Unavailable, "the connection has been closed");
        let _ = ready.send(Err(closed.with_executed(Executed::No)));
    }
}
