//! The way out and back on one session: a confirm channel for requests, a consumer for replies, and the
//! calls that wait between them. A session's end, or a lost reply queue, ends the route and its calls.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::cancel::{self, Cancel, Order};
use super::limits::Permit;
use super::pending::{Key, Outcome, Pending, connection_lost};
use crate::amqp::{self, ConsumeOptions, Consumer, Publisher};
use crate::connection::{ReplyPath, Session, Shared};
use crate::error::Error;
use crate::wire;

/// The pseudo-queue of direct reply-to (<https://www.rabbitmq.com/docs/direct-reply-to>).
const DIRECT: &str = "amq.rabbitmq.reply-to";

/// What is attached to a request until its confirm has come.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) key: Key,
    pub(super) cast: bool,
    pub(super) _permit: Arc<Permit>,
}

impl amqp::Ticket for Ticket {
    fn is_waited_for(&self) -> bool {
        self.cast
    }
}

pub(super) struct Route {
    pub(super) session: Arc<Session>,
    pub(super) publisher: Publisher<Ticket>,
    pub(super) pending: Arc<Pending>,
    pub(super) reply_to: String,
    pub(super) login: Option<String>,
    cancels: mpsc::Sender<Order>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("reply_to", &self.reply_to)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// Sets a route up. The reply consumer is there before the first request can be.
    pub(super) async fn open(
        shared: &Shared,
        session: &Arc<Session>,
    ) -> Result<(Arc<Self>, Consumer), Error> {
        let consume = ConsumeOptions {
            no_ack: true,
            prefetch: 0,
        };
        let requests = session.publish.channel().await?;
        let (reply_to, consumer) = match shared.settings.reply_path {
            ReplyPath::Queue => {
                let channel = session.consume.channel().await?;
                let queue = format!("{}{}", wire::REPLY_QUEUE_PREFIX, wire::random_name());
                channel.declare_exclusive(&queue).await?;
                let consumer = channel.consume(&queue, consume).await?;
                (queue, consumer)
            }
            // The broker insists that requests leave on the channel that consumes their replies.
            ReplyPath::Direct => (DIRECT.to_owned(), requests.consume(DIRECT, consume).await?),
        };
        let pending = Arc::new(Pending::new());
        let publisher = Publisher::open(requests, Arc::clone(&pending)).await?;
        let login = shared
            .settings
            .user_id
            .clone()
            .or_else(|| session.login.clone());
        let cancels = cancel::start(Arc::clone(session), shared.scoped(wire::CONTROL_EXCHANGE));
        let route = Self {
            session: Arc::clone(session),
            publisher,
            pending,
            reply_to,
            login,
            cancels,
        };
        Ok((Arc::new(route), consumer))
    }

    /// Whether requests can be sent on it.
    pub(super) fn is_open(&self) -> bool {
        self.publisher.is_open()
    }

    pub(super) fn cancel(&self, queue: &str, id: Uuid) {
        let cancel = Cancel {
            queue: queue.to_owned(),
            message_id: id.to_string(),
        };
        if self.cancels.try_send(Order::Cancel(cancel)).is_err() {
            tracing::debug!(queue, "a cancel was dropped");
        }
    }

    /// Waits until the cancels so far have been written.
    pub(super) async fn flush_cancels(&self) {
        let (done, written) = oneshot::channel();
        if self.cancels.send(Order::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Hands replies to their callers until the consumer ends.
    pub(super) async fn receive(&self, consumer: &mut Consumer, unclaimed: &AtomicU64) {
        while let Some(delivery) = consumer.next().await {
            let key = delivery.correlation_id().and_then(Key::parse);
            let claimed = key.is_some_and(|key| {
                self.pending
                    .complete(key, Outcome::Reply(Box::new(delivery)))
            });
            if !claimed {
                unclaimed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!("a reply came too late, or twice, or was never asked for");
            }
        }
    }

    pub(super) fn close(&self) {
        self.pending.close(connection_lost);
    }
}
