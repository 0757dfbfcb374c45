//! Clients of every kind, each doing the same over and over: whatever breaks, it connects again.

mod calls;
mod clients;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

/// How often each kind of client did what it does, and how often one was interrupted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicU64,
    messages: AtomicU64,
    bindings: AtomicU64,
    expired: AtomicU64,
    commits: AtomicU64,
    calls: AtomicU64,
    interrupted: AtomicU64,
}

impl Counts {
    pub(crate) const NAMES: &str =
        "connected  messages  bindings  expired  commits  calls  interrupted";

    fn all(&self) -> [(&'static str, u64); 7] {
        [
            ("connections", &self.connections),
            ("messages", &self.messages),
            ("bindings", &self.bindings),
            ("expired", &self.expired),
            ("commits", &self.commits),
            ("calls", &self.calls),
            ("interrupted", &self.interrupted),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// # Errors
    ///
    /// When something has not happened at all: then nothing was tested.
    pub(crate) fn all_moved(&self) -> Result<(), String> {
        match self.all().iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(format!("no {name} at all")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = [9, 8, 8, 7, 7, 5, 11];
        for ((_, count), width) in self.all().into_iter().zip(widths) {
            write!(f, "{count:width$}  ")?;
        }
        Ok(())
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Goes on until it is dropped.
pub(crate) fn start(url: &str, counts: &Arc<Counts>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    macro_rules! over_and_over {
        ($($client:path),*) => {$({
            let (url, counts) = (url.to_owned(), Arc::clone(counts));
            tasks.spawn(async move {
                loop {
                    // A fault that leaves a client waiting for ever must not end its work for ever.
                    let round = tokio::time::timeout(Duration::from_secs(5), $client(&url, &counts));
                    if !matches!(round.await, Ok(Ok(()))) {
                        count(&counts.interrupted);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        })*};
    }
    over_and_over!(
        clients::come_and_go,
        clients::come_and_go,
        clients::publish_work,
        clients::do_work,
        clients::do_work,
        clients::bind_and_unbind,
        clients::let_expire,
        clients::commit_and_roll_back
    );
    let calls = calls::start(url, counts);
    tasks.spawn(calls);
    tasks
}
