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

use tokio::sync::RwLock;
use tokio_util::task::TaskTracker;

pub use builder::WorkerBuilder;
pub use guard::RunGuard;
pub use message::Message;
pub use outcome::Outcome;
pub(crate) use source::{Exchange, Source};

use crate::connection::Connection;
use crate::error::Error;
use crate::running::{Running, Starting};
use crate::stop::Stop;
use common::{Batch, Common, Handler};
use rate::Rate;
use seen::Seen;
use slots::Slots;

/// A running worker or subscription. Dropping it stops it without waiting; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Worker {
    running: Running,
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
        handler: Box<dyn Handler>,
    ) -> Result<Self, Error> {
        let stop = Stop::new(workload.grace);
        let mut starting = Starting::new(connection.clone(), stop.clone());
        let common = Arc::new(Common {
            connection,
            source: Arc::new(workload.source),
            handler,
            slots: Slots::new(workload.concurrency),
            prefetch: workload.prefetch,
            rate: workload.rate,
            batch: workload.batch,
            stop,
            seen: Arc::new(Seen::default()),
            running: TaskTracker::new(),
            setting_aside: RwLock::new(()),
        });
        if let Some((names, partitions)) = common.source.partitions() {
            starting.spawn(|ready| keyed::serve(common, names, partitions, ready));
        } else {
            for &lane in common.source.lanes() {
                starting.spawn(|ready| consumer::serve(Arc::clone(&common), lane, ready));
            }
        }
        Ok(Self {
            running: starting.begun().await?,
        })
    }

    /// Stops in order: takes nothing new, gives back what has not started, and lets handlers finish within the grace
    /// time. What they have not done then goes back to the queue.
    ///
    /// # Cancel safety
    /// The worker goes on stopping when the future is dropped.
    pub async fn stop(&self) {
        self.running.stop().await;
    }

    /// Ends the grace time of a [`stop`](Self::stop), now or when it comes: handlers are dropped, and their tasks go
    /// back to the queue.
    pub fn stop_now(&self) {
        self.running.stop_now();
    }

    /// Works until SIGINT (Ctrl-C) or SIGTERM, then stops in order. A second signal ends the grace time.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the signals cannot be listened to,
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the connection is closed before a signal came.
    ///
    /// # Cancel safety
    /// Dropping the future stops the worker without waiting.
    pub fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        self.running.run()
    }
}
