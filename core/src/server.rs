//! The serving half. A request goes [`consume`] → [`dispatch`] → handler → [`reply`]; `amqp::Acks` settles it
//! when its reply has been written, [`calls`] knows which calls ran or run here.

mod builder;
mod calls;
mod consume;
mod control;
mod dispatch;
mod job;
mod keyed;
mod pace;
mod queue;
mod reply;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::task::TaskTracker;

pub use builder::{ServerBuilder, ServiceOptions};
pub(crate) use queue::QueueConfig;

use crate::connection::Connection;
use crate::error::{Code, Error, Executed};
use crate::partition;
use crate::stop::{self, Stop};
use calls::Calls;
use dispatch::Dispatcher;
use pace::Pace;

/// How long `start` waits for a connection and for the queues to be there.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server. Dropping it stops it without waiting; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Server {
    stop: Stop,
    tracker: TaskTracker,
    instance: String,
    dropped: Arc<AtomicU64>,
    _connection: Connection,
}

impl Server {
    async fn start(
        connection: Connection,
        queues: Vec<QueueConfig>,
        grace: Duration,
    ) -> Result<Self, Error> {
        let stop = Stop::new(grace);
        let tracker = TaskTracker::new();
        let instance = crate::wire::random_name();
        let dropped = Arc::new(AtomicU64::new(0));
        let mut running = Vec::new();
        let mut controlled = Vec::new();
        for config in queues {
            let shared = connection.shared();
            let slots = Arc::new(Semaphore::new(config.concurrency.into()));
            let dispatch = |config: QueueConfig| {
                let methods = config.service.descriptor().methods.len();
                Arc::new(Dispatcher {
                    paces: std::iter::repeat_with(Pace::default)
                        .take(methods)
                        .collect(),
                    config,
                    calls: Arc::new(Calls::new()),
                    stop: stop.clone(),
                    max_message_size: shared.settings.max_message_size,
                    dropped: Arc::clone(&dropped),
                    slots: Arc::clone(&slots),
                })
            };
            if let Some(partitions) = config.partitions {
                let (ready, is_ready) = oneshot::channel();
                let dispatcher = dispatch(config.clone());
                controlled.extend((0..partitions).map(|partition| {
                    let queue = partition::queue(&config.name, partition);
                    (queue, Arc::clone(&dispatcher.calls))
                }));
                let shared = Arc::clone(shared);
                tracker.spawn(keyed::serve(shared, dispatcher, partitions, ready));
                running.push(is_ready);
            }
            let (ready, is_ready) = oneshot::channel();
            let dispatcher = dispatch(config);
            let name = dispatcher.config.name.clone();
            controlled.push((name, Arc::clone(&dispatcher.calls)));
            tracker.spawn(queue::serve(Arc::clone(shared), dispatcher, ready));
            running.push(is_ready);
        }
        let (heard, mut hears) = watch::channel(false);
        let shared = Arc::clone(connection.shared());
        tracker.spawn(control::listen(
            shared,
            controlled,
            instance.clone(),
            stop.gently.clone(),
            heard,
        ));
        tracker.close();
        let server = Self {
            stop,
            tracker,
            instance,
            dropped,
            _connection: connection,
        };
        let started = async {
            for is_ready in running {
                is_ready.await.unwrap_or_else(|_| Err(closed()))?;
            }
            let _ = hears.wait_for(|heard| *heard).await;
            Ok(())
        };
        match tokio::time::timeout(START_TIMEOUT, started).await {
            Ok(Ok(())) => Ok(server),
            Ok(Err(error)) => {
                server.stop_now();
                server.stop().await;
                Err(error)
            }
            Err(_) => Err(Error::new(
                Code::Unavailable,
                format!("there was no connection to the broker within {START_TIMEOUT:?}"),
            )
            .with_executed(Executed::No)),
        }
    }

    /// The random name of this instance, as in the routing keys of its control messages.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// How many messages came that were no requests: of a reserved type, or naming neither a method nor a
    /// reply address.
    #[must_use]
    pub fn dropped_messages(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Stops in order: takes nothing new, gives back what has not started, lets handlers finish within the
    /// grace time, answers and acknowledges. What has not started and would not be run when delivered again (requests
    /// and casts without expiration of methods that are not idempotent, and at-most-once ones) is run here first. Handlers that take longer are stopped and answered with
    /// [`Code::Unavailable`], executed maybe.
    ///
    /// # Cancel safety
    /// The server goes on stopping when the future is dropped.
    pub async fn stop(&self) {
        self.stop.gently.cancel();
        self.tracker.wait().await;
    }

    /// Ends the grace time of a [`stop`](Self::stop), now or when it comes: running handlers are stopped and answered.
    pub fn stop_now(&self) {
        self.stop.now.cancel();
        self.stop.gently.cancel();
    }

    /// Serves until SIGINT (Ctrl-C) or SIGTERM, then stops in order. A second signal ends the grace time.
    ///
    /// # Errors
    /// [`Code::Internal`] when the signals cannot be listened to, [`Code::Unavailable`] when the connection is closed
    /// before a signal came.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server without waiting.
    pub fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        stop::run(self.stop.clone(), self.tracker.clone(), self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.gently.cancel();
    }
}

pub(crate) fn closed() -> Error {
    Error::new(Code::Unavailable, "the connection has been closed").with_executed(Executed::No)
}
