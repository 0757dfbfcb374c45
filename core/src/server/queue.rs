//! Serves one queue for as long as the server lives.

use std::fmt;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::consume::Intake;
use super::dispatch::Dispatcher;
use super::job::Desk;
use crate::amqp::ConsumeOptions;
use crate::connection::{Attendant, Ended, Session, Shared, attend};
use crate::error::Error;
use crate::partition;
use crate::running::Ready;
use crate::service::Service;
use crate::topology::QueueOptions;

/// One queue to serve.
#[derive(Clone)]
pub(crate) struct QueueConfig {
    pub(super) name: String,
    pub(super) service: Arc<dyn Service>,
    pub(super) options: QueueOptions,
    pub(super) concurrency: u16,
    pub(super) prefetch: u16,
    /// How many partitions stand beside it, for the methods that are ordered by key.
    pub(super) partitions: Option<u16>,
}

impl QueueConfig {
    /// Whether a queue of this name belongs to it.
    pub(super) fn uses(&self, queue: &str) -> bool {
        let Some(rest) = queue.strip_prefix(&self.name) else {
            return false;
        };
        rest.is_empty() || self.partitions.is_some() && partition::is_suffix(rest)
    }
}

impl fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueConfig")
            .field("name", &self.name)
            .field("concurrency", &self.concurrency)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}

pub(super) async fn serve(shared: Arc<Shared>, dispatcher: Arc<Dispatcher>, ready: Ready) {
    let stop = dispatcher.stop.clone();
    let queue = Queue {
        dispatcher,
        running: TaskTracker::new(),
    };
    attend(&shared, &stop.gently, ready, &queue).await;
    // A stop without a connection has nobody to answer, but handlers get their time all the same.
    let grace_ends = stop.grace_ends();
    stop.finish(&queue.running, grace_ends).await;
}

struct Queue {
    dispatcher: Arc<Dispatcher>,
    /// Handlers of all sessions.
    running: TaskTracker,
}

impl Attendant for Queue {
    type Attached = Intake;

    fn queue(&self) -> &str {
        &self.dispatcher.config.name
    }

    async fn attach(&self, session: &Arc<Session>) -> Result<Intake, Error> {
        session.unless_lost(self.consume(session)).await
    }

    async fn work(&self, session: &Arc<Session>, intake: Intake) -> Ended {
        let ended = tokio::select! {
            ended = intake.run() => ended,
            () = session.lost() => Ended::Lost,
        };
        let config = &self.dispatcher.config;
        if ended == Ended::Stopped && config.options.delete_when_idle {
            session.delete_idle_queue(&config.name).await;
        }
        ended
    }
}

impl Queue {
    async fn consume(&self, session: &Session) -> Result<Intake, Error> {
        let config = &self.dispatcher.config;
        session
            .consume
            .declare_queue(&config.name, &config.options)
            .await?;
        // A channel for each queue, so that the broker's limits on one do not touch the others.
        let channel = session.consume.channel().await?;
        let replies = session.publish.channel().await?;
        let options = ConsumeOptions {
            no_ack: false,
            prefetch: config.prefetch,
        };
        let consumer = channel.consume(&config.name, options).await?;
        let desk = Desk::new(channel.clone(), replies, None);
        Ok(Intake::new(
            Arc::clone(&self.dispatcher),
            desk,
            channel,
            consumer,
            self.running.clone(),
        ))
    }
}
