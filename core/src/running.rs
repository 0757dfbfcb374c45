//! The handle of a server or worker at work: its parts are started together, and stopped in order.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, closed};
use crate::error::{Code, Error, Executed};
use crate::stop::{self, Stop};

/// How long a start waits for a connection and for the queues to be there.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Tells whether a part has begun. Dropped, it means that the connection was closed first.
pub(crate) type Ready = oneshot::Sender<Result<(), Error>>;

/// Parts that have been started and may not have begun.
pub(crate) struct Starting {
    running: Running,
    ready: Vec<oneshot::Receiver<Result<(), Error>>>,
}

/// Dropped, it stops without waiting.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Stop,
    tracker: TaskTracker,
    _connection: Connection,
}

impl Starting {
    pub(crate) fn new(connection: Connection, stop: Stop) -> Self {
        Self {
            running: Running {
                stop,
                tracker: TaskTracker::new(),
                _connection: connection,
            },
            ready: Vec::new(),
        }
    }

    pub(crate) fn spawn<F>(&mut self, part: impl FnOnce(Ready) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ready, is_ready) = oneshot::channel();
        self.running.tracker.spawn(part(ready));
        self.ready.push(is_ready);
    }

    /// Waits until all have begun; stops them when one cannot.
    pub(crate) async fn begun(self) -> Result<Running, Error> {
        let Self { running, ready } = self;
        running.tracker.close();
        let begun = async {
            for is_ready in ready {
                is_ready.await.unwrap_or_else(|_| Err(closed()))?;
            }
            Ok(())
        };
        match tokio::time::timeout(START_TIMEOUT, begun).await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(error)) => {
                running.stop_now();
                running.stop().await;
                Err(error)
            }
            Err(_) => Err(Error::new(
                Code::Unavailable,
                format!("there was no connection to the broker within {START_TIMEOUT:?}"),
            )
            .with_executed(Executed::No)),
        }
    }
}

impl Running {
    pub(crate) async fn stop(&self) {
        self.stop.gently.cancel();
        self.tracker.wait().await;
    }

    pub(crate) fn stop_now(&self) {
        self.stop.now.cancel();
        self.stop.gently.cancel();
    }

    /// Waits for a signal, and stops then.
    pub(crate) fn run(self) -> impl Future<Output = Result<(), Error>> + Send {
        stop::run(self.stop.clone(), self.tracker.clone(), self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.gently.cancel();
    }
}
