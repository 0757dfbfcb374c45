//! Bounded waiting, so that a test that waits in vain fails with a reason instead of hanging.

use std::time::{Duration, Instant};

/// How long any wait of the harness lasts before the test fails. Long, because a passing test never
/// uses it up and a loaded machine must not turn it into a flake.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Awaits `future`, failing the test with `what` if it takes longer than [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for: {what}"),
    }
}

/// Asks `condition` until it holds. For what has no event to wait for; prefer an event.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    eventually_some(what, async || condition().await.then_some(())).await;
}

/// Asks `probe` until it finds something, and returns that.
pub async fn eventually_some<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        // The probe itself is bounded too: a lost connection must not outlast the patience.
        if let Some(found) = within(what, probe()).await {
            return found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain for: {what}"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
