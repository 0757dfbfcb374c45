//! One life of a connection: its two links, which live and die together.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::closed;
use crate::amqp::{Address, Link, LinkOptions, LinkState};
use crate::error::{Code, Error, Executed};
use crate::partition::Budget;
use crate::post::{Declared, Posting};

pub(crate) struct Session {
    /// Requests and replies go out here.
    pub(crate) publish: Link,
    /// Requests and replies come in here, and acknowledgements go out.
    pub(crate) consume: Link,
    /// The login that may be written as `user_id`.
    pub(crate) login: Option<String>,
    pub(crate) address: Address,
    options: LinkOptions,
    /// Where messages leave that nobody answers, once there has been one.
    pub(crate) posting: Mutex<Option<Arc<Posting>>>,
    /// Exchanges and queues that were seen on this session.
    pub(crate) declared: Declared,
    /// Cancelled when the connection is being closed: a broker that hangs would keep everybody waiting.
    closing: CancellationToken,
    /// What the sets of partitions that are owned on it share.
    pub(crate) partitions: Arc<Budget>,
}

impl Session {
    pub(super) async fn connect(address: &Address, options: &LinkOptions) -> Result<Self, Error> {
        let consume = Link::connect(address, options).await?;
        let publish = Link::connect(address, options).await?;
        Ok(Self {
            partitions: Budget::new(consume.channel_max()),
            publish,
            consume,
            login: address.login().map(str::to_owned),
            address: address.clone(),
            options: options.clone(),
            posting: Mutex::new(None),
            declared: Declared::default(),
            closing: CancellationToken::new(),
        })
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.publish.is_lost() || self.consume.is_lost()
    }

    /// Why the broker takes no publishes, when it does not.
    pub(crate) fn blocked(&self) -> bool {
        self.publish.is_blocked()
    }

    /// Waits until publishes are taken again, or the session is lost.
    pub(crate) async fn unblocked(&self) {
        let mut state = self.publish.state();
        let _ = state
            .wait_for(|state| !matches!(state, LinkState::Blocked(_)))
            .await;
    }

    /// Waits until either link is lost.
    pub(crate) async fn lost(&self) {
        let (mut publish, mut consume) = (self.publish.state(), self.consume.state());
        let is_lost = |state: &LinkState| matches!(state, LinkState::Lost(_));
        tokio::select! {
            _ = publish.wait_for(is_lost) => {}
            _ = consume.wait_for(is_lost) => {}
        }
    }

    /// Waits for an answer of the broker, or for the end of the session or connection: lapin can leave an operation
    /// waiting for ever that was begun while its connection died.
    pub(crate) async fn unless_lost<T>(
        &self,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            outcome = operation => outcome,
            () = self.closing.cancelled() => Err(closed()),
            () = self.lost() => Err(Error::new(Code::Unavailable, "the connection was lost")
                .with_executed(Executed::No)),
        }
    }

    /// Deletes a queue that nobody consumes from and that holds nothing, on a link of its own: RabbitMQ closes
    /// the whole connection over a conditional delete of a quorum queue.
    pub(crate) async fn delete_idle_queue(&self, queue: &str) {
        match Link::connect(&self.address, &self.options).await {
            Ok(link) => {
                link.delete_idle_queue(queue).await;
                link.close().await;
            }
            Err(error) => tracing::debug!(queue, %error, "the queue stays"),
        }
    }

    /// One link is lost. What was delivered on the other can no longer be settled in order, and the broker would hold it
    /// for as long as any handler keeps this session.
    pub(super) fn hang_up(&self) {
        self.publish.hang_up();
        self.consume.hang_up();
    }

    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.publish.close().await;
        self.consume.close().await;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}
