//! More calls than fit: the limit on calls in flight bounds memory, and no permit and no entry is ever lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::{Broker, eventually, within};
use leveret::{Code, Connection, Executed, ServiceOptions};
use tokio::task::JoinSet;

use crate::fixture::{
    LONG, Worker, assert_error, assert_right, builder, connect, hold, memory, serve_with, work,
};

const CALLS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_far_above_the_limit_is_answered_right_in_bounded_memory() {
    // What one in flight costs at most: pending entry, permit, message in lapin's queues at either end.
    const BYTES_EACH: u64 = 8 * 1024;
    const IN_FLIGHT: u64 = 10_000;

    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let options = ServiceOptions::new().concurrency(256);
    let _server = serve_with(&home, &worker, options).await;

    // What as many calls cost that only wait for a permit: their tasks are the caller's own, so they set the level.
    let narrow = builder(broker.url(), &names).in_flight(1, 64 * 1024 * 1024);
    let narrow = narrow.connect().await.expect("a connection");
    let held = hold(&narrow, &worker, 0..1).await;
    let polled = Arc::new(AtomicU64::new(0));
    let mut waiting = JoinSet::new();
    for n in 0..CALLS {
        let (stub, polled) = (work(&narrow, LONG), Arc::clone(&polled));
        waiting.spawn(async move {
            polled.fetch_add(1, Ordering::Relaxed);
            stub.double(n).await
        });
    }
    eventually("all calls to wait", async || {
        polled.load(Ordering::Relaxed) == CALLS
    })
    .await;
    waiting.shutdown().await;
    worker.open();
    assert_right(held).await;

    let client = connect(broker.url(), &names).await;
    let stub = work(&client, LONG);
    let before = memory("VmHWM");
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let stub = stub.clone();
        calls.spawn(async move { (n, stub.double(n).await) });
    }
    while let Some(call) = within("a call", calls.join_next()).await {
        let (n, outcome) = call.expect("no panic");
        assert_eq!(outcome.expect("an answer"), n * 2);
    }
    let grown = memory("VmHWM") - before;
    let bound = IN_FLIGHT * BYTES_EACH / (1024 * 1024);
    assert!(grown < bound, "{grown} MiB, at most {bound} expected");
}

/// Lets `calls` calls wait for an answer that never comes; all end by their deadline.
async fn in_vain(client: &Connection, calls: usize, timeout: Duration) {
    let stub = work(client, timeout);
    let mut waiting = JoinSet::new();
    let start = Instant::now();
    for n in 0..calls as u64 {
        let stub = stub.clone();
        waiting.spawn(async move { stub.double(n).await });
    }
    while let Some(outcome) = within("a call", waiting.join_next()).await {
        let outcome = outcome.expect("no panic");
        let error = outcome.expect_err("nobody answers");
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error:?}");
    }
    assert!(
        start.elapsed() < timeout + Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_never_answered_leave_nothing_behind() {
    const LIMIT: usize = 1_000;
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let raw = broker.raw().await;
    let queue = format!("{names}work");
    raw.declare(&queue).await;
    let mut requests = raw.consume(&queue, 0).await;
    let sink = tokio::spawn(async move {
        loop {
            requests.next().await.ack().await;
        }
    });
    let client = builder(broker.url(), &names)
        .in_flight(LIMIT, 64 * 1024 * 1024)
        .connect()
        .await
        .expect("a connection");

    for _ in 0..5 {
        in_vain(&client, 1_000, Duration::from_millis(100)).await;
    }
    // More than fit: those that never got a permit end by their deadline as well.
    in_vain(&client, 3 * LIMIT, Duration::from_millis(100)).await;
    sink.abort();

    // Every permit is back, so a burst as large as the limit goes through without waiting for one.
    let home = connect(broker.url(), &names).await;
    let _ = sink.await;
    drop(raw);
    let _server = serve_with(&home, &Worker::default(), ServiceOptions::new()).await;
    let patient = client.client().with_timeout(LONG);
    let mut burst = JoinSet::new();
    for n in 0..LIMIT as u64 {
        let call = patient.call::<u64>("work", "double", &n).try_now();
        burst.spawn(async move { assert_eq!(call.await.expect("a permit"), n * 2) });
    }
    while let Some(call) = within("a call", burst.join_next()).await {
        call.expect("no panic");
    }
}

#[tokio::test]
async fn a_full_flight_refuses_who_will_not_wait() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let _server = serve_with(&home, &worker, ServiceOptions::new()).await;
    let client = builder(broker.url(), &names)
        .in_flight(10, 64 * 1024 * 1024)
        .connect()
        .await
        .expect("a connection");
    let held = hold(&client, &worker, 0..10).await;
    let eleventh = work(&client, LONG).double(1).try_now().await;
    assert_error(&eleventh, Code::ResourceExhausted, Executed::No);
    let eleventh = work(&client, Duration::from_millis(100)).double(1).await;
    assert_error(&eleventh, Code::DeadlineExceeded, Executed::No);
    worker.open();
    assert_right(held).await;
    assert_eq!(work(&client, LONG).double(1).await.expect("a permit"), 2);
}
