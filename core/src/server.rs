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

use tokio::sync::Semaphore;

pub use builder::{ServerBuilder, ServiceOptions};
pub(crate) use queue::QueueConfig;

use crate::connection::Connection;
use crate::error::Error;
use crate::partition;
use crate::running::{Running, Starting};
use crate::stop::Stop;
use calls::Calls;
use dispatch::Dispatcher;
use pace::Pace;

/// A running server. Dropping it stops it without waiting; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Server {
    running: Running,
    instance: String,
    dropped: Arc<AtomicU64>,
}

impl Server {
    async fn start(
        connection: Connection,
        queues: Vec<QueueConfig>,
        grace: Duration,
    ) -> Result<Self, Error> {
        let stop = Stop::new(grace);
        let mut starting = Starting::new(connection.clone(), stop.clone());
        let instance = crate::wire::random_name();
        let dropped = Arc::new(AtomicU64::new(0));
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
                let dispatcher = dispatch(config.clone());
                controlled.extend((0..partitions).map(|partition| {
                    let queue = partition::queue(&config.name, partition);
                    (queue, Arc::clone(&dispatcher.calls))
                }));
                let shared = Arc::clone(shared);
                starting.spawn(|ready| keyed::serve(shared, dispatcher, partitions, ready));
            }
            let dispatcher = dispatch(config);
            let name = dispatcher.config.name.clone();
            controlled.push((name, Arc::clone(&dispatcher.calls)));
            starting.spawn(|ready| queue::serve(Arc::clone(shared), dispatcher, ready));
        }
        let (shared, gently) = (Arc::clone(connection.shared()), stop.gently.clone());
        let listener = instance.clone();
        starting.spawn(|ready| control::listen(shared, controlled, listener, gently, ready));
        Ok(Self {
            running: starting.begun().await?,
            instance,
            dropped,
        })
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
    /// [`Code::Unavailable`](crate::Code::Unavailable), executed maybe.
    ///
    /// # Cancel safety
    /// The server goes on stopping when the future is dropped.
    pub async fn stop(&self) {
        self.running.stop().await;
    }

    /// Ends the grace time of a [`stop`](Self::stop), now or when it comes: running handlers are stopped and answered.
    pub fn stop_now(&self) {
        self.running.stop_now();
    }

    /// Serves until SIGINT (Ctrl-C) or SIGTERM, then stops in order. A second signal ends the grace time.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the signals cannot be listened to,
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the connection is closed before a signal came.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server without waiting.
    pub fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        self.running.run()
    }
}
