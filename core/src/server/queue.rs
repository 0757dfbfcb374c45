//! Serves one queue for as long as the server lives: attaches to each session, again when it is lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::closed;
use super::consume::{Ended, Intake};
use super::dispatch::Dispatcher;
use super::job::Desk;
use crate::amqp::ConsumeOptions;
use crate::connection::{Session, Shared, next_session};
use crate::error::{Code, Error};
use crate::partition;
use crate::service::Service;
use crate::topology::QueueOptions;

/// The pause before a lost consumer is attached again, and between failed attempts.
const REATTACH_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);

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

pub(super) async fn serve(
    shared: Arc<Shared>,
    dispatcher: Arc<Dispatcher>,
    ready: oneshot::Sender<Result<(), Error>>,
) {
    let running = TaskTracker::new();
    attend(&shared, &dispatcher, &running, ready).await;
    // A stop without a connection has nobody to answer, but handlers get their time all the same.
    let grace_ends = dispatcher.stop.grace_ends();
    dispatcher.stop.finish(&running, grace_ends).await;
}

async fn attend(
    shared: &Shared,
    dispatcher: &Arc<Dispatcher>,
    running: &TaskTracker,
    ready: oneshot::Sender<Result<(), Error>>,
) {
    let (config, stop) = (&dispatcher.config, &dispatcher.stop);
    let mut ready = Some(ready);
    let mut sessions = shared.sessions();
    loop {
        let session = tokio::select! {
            biased;
            () = stop.gently.cancelled() => return,
            () = shared.stopped().cancelled() => return,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => return,
            },
        };
        let attaching = attach(&session, dispatcher, running);
        let pause = match session.unless_lost(attaching).await {
            Ok(intake) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
                let ended = tokio::select! {
                    ended = intake.run() => ended,
                    () = session.lost() => Ended::Lost,
                };
                if ended == Ended::Stopped {
                    if config.options.delete_when_idle {
                        session.delete_idle_queue(&config.name).await;
                    }
                    return;
                }
                tracing::warn!(queue = %config.name, "the consumer was lost; attaching again");
                REATTACH_AFTER
            }
            Err(error) => {
                // At the start a refusal is told to whoever starts the server; later it may well pass.
                if error.code() != Code::Unavailable
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(Err(error));
                    return;
                }
                tracing::warn!(queue = %config.name, %error, "the queue cannot be served now");
                RETRY_AFTER
            }
        };
        tokio::select! {
            () = stop.gently.cancelled() => {}
            () = shared.stopped().cancelled() => {}
            () = sleep(pause) => {}
        }
        if shared.stopped().is_cancelled()
            && let Some(ready) = ready.take()
        {
            let _ = ready.send(Err(closed()));
        }
    }
}

async fn attach(
    session: &Session,
    dispatcher: &Arc<Dispatcher>,
    running: &TaskTracker,
) -> Result<Intake, Error> {
    let config = &dispatcher.config;
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
        Arc::clone(dispatcher),
        desk,
        channel,
        consumer,
        running.clone(),
    ))
}
