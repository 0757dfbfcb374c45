//! Calls to nobody: they fail as soon as it can be known, and say that nothing was executed.

use std::time::Instant;

use leveret::{Code, Executed};

use crate::world::{LONG, World, millis};

#[tokio::test]
async fn a_service_that_nobody_declared_is_known_at_once() {
    let world = World::new().await;
    let client = world.connect().await.client().with_timeout(LONG);
    let start = Instant::now();
    let error = client.call::<()>("nobody", "m", &()).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchService);
    assert_eq!(error.executed(), Executed::No);
    assert!(!error.retryable());
    let error = client.cast("nobody", "m", &()).timeout(LONG).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchService);
    assert_eq!(error.executed(), Executed::No);
    assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_missing_service_fails_its_own_callers_only() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    let client = probe.client().clone();
    // Returns and confirms come on one channel; each must reach the call that it belongs to.
    let calls = (0..200_i64).map(|n| {
        let (probe, client) = (crate::probe::ProbeClient::new(&client), client.clone());
        tokio::spawn(async move {
            if n % 3 == 0 {
                let error = client.call::<i64>("nobody", "add", &(n, n)).await;
                assert_eq!(error.unwrap_err().code(), Code::NoSuchService, "{n}");
            } else {
                assert_eq!(probe.add(n, Some(n)).await.unwrap(), 2 * n);
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn fail_fast_asks_whether_anybody_consumes() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let patient = world.connect().await.client();
    let start = Instant::now();
    let hasty = patient.clone().with_fail_fast(true).with_timeout(LONG);
    let error = hasty
        .call::<i64>("probe", "add", &(1, 1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.executed(), Executed::No);
    assert!(error.retryable());
    assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
    assert_eq!(raw.queue(&world.queue()).await, Some((0, 0)), "was sent");

    // Nothing was ever declared: still the truth, and not "nobody consumes".
    let error = hasty.call::<i64>("nobody", "add", &()).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchService);

    // What was seen is believed for a second, then looked at again.
    let _served = world.serve().await;
    harness::eventually("the server is seen", async || {
        hasty.call::<i64>("probe", "add", &(1, 1)).await.is_ok()
    })
    .await;
    let sum: i64 = patient
        .call("probe", "add", &(1, 1))
        .timeout(millis(20_000))
        .await
        .unwrap();
    assert_eq!(sum, 2);
}
