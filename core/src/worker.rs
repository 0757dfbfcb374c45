//! The working side of tasks and events. A message goes [`consumer`] → handler → [`settle`]; [`common`] is what
//! all consumers of a worker share, [`source`] says where a message comes from, [`seen`] what to make of one that comes
//! again.

mod builder;
mod common;
mod consumer;
mod copies;
mod guard;
mod keyed;
mod marks;
mod message;
mod outcome;
mod pile;
mod rate;
mod seen;
mod settle;
mod slots;
mod source;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, oneshot};
use tokio_util::task::TaskTracker;

pub use builder::WorkerBuilder;
pub use guard::RunGuard;
pub use message::Message;
pub use outcome::Outcome;
pub(crate) use source::{Exchange, Source};

use crate::connection::Connection;
use crate::error::{Code, Error, Executed};
use crate::server::closed;
use crate::stop::{self, Stop};
use common::{Batch, Common, Handler};
use rate::Rate;
use seen::Seen;
use slots::Slots;

/// How long `start` waits for a connection and for the queues to be there.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running worker or subscription. Dropping it stops it without waiting; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Worker {
    stop: Stop,
    tracker: TaskTracker,
    _connection: Connection,
}

/// What a worker is to do, and how.
struct Workload {
    source: Source,
    concurrency: u16,
    prefetch: u16,
    rate: Option<Rate>,
    batch: Option<Batch>,
    grace: Duration,
}

impl Worker {
    async fn start(
        connection: Connection,
        workload: Workload,
        handler: impl Handler,
    ) -> Result<Self, Error> {
        let stop = Stop::new(workload.grace);
        let tracker = TaskTracker::new();
        let common = Arc::new(Common {
            connection: connection.clone(),
            source: Arc::new(workload.source),
            handler,
            slots: Slots::new(workload.concurrency),
            prefetch: workload.prefetch,
            rate: workload.rate,
            batch: workload.batch,
            stop: stop.clone(),
            seen: Arc::new(Seen::default()),
            running: TaskTracker::new(),
            setting_aside: RwLock::new(()),
        });
        let mut starting = Vec::new();
        if let Some((names, partitions)) = common.source.partitions() {
            let (ready, is_ready) = oneshot::channel();
            tracker.spawn(keyed::serve(Arc::clone(&common), names, partitions, ready));
            starting.push(is_ready);
        } else {
            for &lane in common.source.lanes() {
                let (ready, is_ready) = oneshot::channel();
                tracker.spawn(consumer::serve(Arc::clone(&common), lane, ready));
                starting.push(is_ready);
            }
        }
        tracker.close();
        let worker = Self {
            stop,
            tracker,
            _connection: connection,
        };
        let started = async {
            for is_ready in starting {
                is_ready.await.unwrap_or_else(|_| Err(closed()))?;
            }
            Ok(())
        };
        match tokio::time::timeout(START_TIMEOUT, started).await {
            Ok(Ok(())) => Ok(worker),
            Ok(Err(error)) => {
                worker.stop_now();
                worker.stop().await;
                Err(error)
            }
            Err(_) => Err(Error::new(
                Code::Unavailable,
                format!("there was no connection to the broker within {START_TIMEOUT:?}"),
            )
            .with_executed(Executed::No)),
        }
    }

    /// Stops in order: takes nothing new, gives back what has not started, and lets handlers finish within the grace
    /// time. What they have not done then goes back to the queue.
    ///
    /// # Cancel safety
    /// The worker goes on stopping when the future is dropped.
    pub async fn stop(&self) {
        self.stop.gently.cancel();
        self.tracker.wait().await;
    }

    /// Ends the grace time of a [`stop`](Self::stop), now or when it comes: handlers are dropped, and their tasks go
    /// back to the queue.
    pub fn stop_now(&self) {
        self.stop.now.cancel();
        self.stop.gently.cancel();
    }

    /// Works until SIGINT (Ctrl-C) or SIGTERM, then stops in order. A second signal ends the grace time.
    ///
    /// # Errors
    /// [`Code::Internal`] when the signals cannot be listened to, [`Code::Unavailable`] when the connection is closed
    /// before a signal came.
    ///
    /// # Cancel safety
    /// Dropping the future stops the worker without waiting.
    pub fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        stop::run(self.stop.clone(), self.tracker.clone(), self)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.gently.cancel();
    }
}
