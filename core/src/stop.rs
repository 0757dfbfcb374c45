//! Stopping in order, on request or by a signal: the same for servers and workers.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::after;
use crate::connection::closed;
use crate::error::{Code, Error};

/// The two steps of stopping.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// Take nothing new.
    pub(crate) gently: CancellationToken,
    /// The grace time is over.
    pub(crate) now: CancellationToken,
    pub(crate) grace: Duration,
}

impl Stop {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            gently: CancellationToken::new(),
            now: CancellationToken::new(),
            grace,
        }
    }

    /// When a grace time that begins now is over.
    pub(crate) fn grace_ends(&self) -> Instant {
        after(self.grace)
    }

    /// Lets handlers finish until the grace time is over, and ends them then.
    pub(crate) async fn finish(&self, running: &TaskTracker, grace_ends: Instant) {
        running.close();
        tokio::select! {
            () = running.wait() => {}
            () = async {
                self.no_more_grace(grace_ends).await;
                // Every handler now ends with an answer of its own.
                self.now.cancel();
                running.wait().await;
            } => {}
        }
    }

    pub(crate) async fn no_more_grace(&self, grace_ends: Instant) {
        tokio::select! {
            () = sleep_until(grace_ends) => {}
            () = self.now.cancelled() => {}
        }
    }
}

/// Runs `whole`, whose tasks are `running`, until SIGINT or SIGTERM, and stops it in order. A second signal ends the grace
/// time. Dropping the future drops `whole`.
pub(crate) fn run<T: Send>(
    stop: Stop,
    running: TaskTracker,
    whole: T,
) -> impl Future<Output = Result<(), Error>> + Send {
    // Listened to from the call on, so that a program can say that it is ready before it awaits.
    let signals = Signals::new();
    async move {
        let _whole = whole;
        let mut signals = signals.map_err(|error| {
            Error::new(Code::Internal, "signals cannot be listened to").with_source(error)
        })?;
        tokio::select! {
            () = signals.next() => {}
            () = running.wait() => return Err(closed()),
        }
        tracing::info!("stopping");
        stop.gently.cancel();
        tokio::select! {
            () = running.wait() => {}
            () = async {
                signals.next().await;
                tracing::warn!("stopping at once");
                stop.now.cancel();
                std::future::pending::<()>().await;
            } => {}
        }
        Ok(())
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::LONGEST;

    #[tokio::test]
    async fn a_grace_time_may_be_longer_than_any_clock_counts() {
        let stop = Stop::new(Duration::MAX);
        let grace_ends = stop.grace_ends();
        assert!(grace_ends > Instant::now() + LONGEST / 2);
        let running = TaskTracker::new();
        let token = running.token();
        let mut finish = std::pin::pin!(stop.finish(&running, grace_ends));
        assert!(futures_util::poll!(&mut finish).is_pending());
        assert!(!stop.now.is_cancelled());
        drop(token);
        finish.await;
    }

    #[test]
    fn a_grace_time_ends_when_it_says() {
        let stop = Stop::new(Duration::from_secs(60));
        let before = Instant::now() + stop.grace;
        let grace_ends = stop.grace_ends();
        assert!(before <= grace_ends && grace_ends <= Instant::now() + stop.grace);
    }
}
