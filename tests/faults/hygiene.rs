//! What is left when somebody lets go without saying goodbye: no connection, no thread, no queue, no hang.

use std::time::{Duration, Instant};

use harness::{Broker, eventually, within};
use leveret::{Code, ConnectionState, Executed};

use crate::fixture::{
    LONG, Worker, assert_error, builder, connect, hold, lapin_threads, serve, work,
};

/// Connections of this test: their name is its namespace.
async fn connections(broker: &Broker, names: &str) -> usize {
    let listed = broker.connections().await;
    let mine = listed.iter().filter(|one| one.name.contains(names));
    mine.count()
}

/// Queues that Leveret made for itself, without those of other tests: what is here now.
async fn own_queues(broker: &Broker) -> Vec<String> {
    let names = broker.queues().await.into_iter().map(|queue| queue.name);
    names.filter(|name| name.starts_with("leveret.")).collect()
}

#[tokio::test]
async fn the_last_handle_takes_everything_with_it() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let home = connect(broker.url(), &names).await;
    let server = serve(&home, &Worker::default()).await;
    let threads = lapin_threads();
    let raw = broker.raw().await;

    let client = builder(broker.url(), &names)
        .name(&names)
        .connect()
        .await
        .expect("a connection");
    let stub = work(&client, LONG);
    assert_eq!(stub.double(2).await.expect("an answer"), 4);
    assert_eq!(connections(&broker, &names).await, 2);
    let queues = own_queues(&broker).await;

    drop(client);
    // A client holds its connection.
    assert_eq!(stub.double(3).await.expect("an answer"), 6);
    drop(stub);
    eventually("the end of the connections", async || {
        connections(&broker, &names).await == 0
    })
    .await;
    eventually("the end of the reply queue", async || {
        let mut left = 0;
        for queue in &queues {
            left += usize::from(raw.queue(queue).await.is_some());
        }
        left < queues.len()
    })
    .await;
    // The raw peer's thread was started after the count.
    eventually("the end of lapin's threads", async || {
        lapin_threads() <= threads + 1
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn closing_ends_pending_calls_and_everything_after_them() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let _server = serve(&home, &worker).await;
    let client = connect(broker.url(), &names).await;
    let calls = hold(&client, &worker, 0..10).await;
    let other = client.clone();
    within("the close", client.close()).await;
    assert_eq!(other.state(), ConnectionState::Closed);
    crate::fixture::assert_lost(calls).await;
    let late = work(&other, LONG).double(1).await;
    assert_error(&late, Code::Unavailable, Executed::No);
    within("a second close", other.close()).await;
    worker.open();
}

#[tokio::test]
async fn a_lazy_connection_that_never_came_up_can_be_closed_or_dropped() {
    let url = format!("amqp://127.0.0.1:{}/%2f", harness::free_port());
    let connection = builder(&url, "").connect_lazy().expect("a good URL");
    let stub = work(&connection, LONG);
    let call = tokio::spawn(async move { stub.double(1).await });
    tokio::task::yield_now().await;
    within("the close", connection.close()).await;
    let outcome = within("the call", call).await.expect("no panic");
    assert_error(&outcome, Code::Unavailable, Executed::No);
    drop(builder(&url, "").connect_lazy());
}

#[tokio::test]
async fn a_dropped_server_stops_taking_requests_and_finishes_its_own() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let server = serve(&home, &worker).await;
    let client = connect(broker.url(), &names).await;
    let calls = hold(&client, &worker, 0..10).await;
    let raw = broker.raw().await;
    let queue = format!("{names}work");

    drop(server);
    eventually("the end of the consumer", async || {
        raw.queue(&queue)
            .await
            .is_some_and(|(_, consumers)| consumers == 0)
    })
    .await;
    worker.open();
    crate::fixture::assert_right(calls).await;
    let late = work(&client, Duration::from_millis(200)).double(1).await;
    assert_error(&late, Code::DeadlineExceeded, Executed::Maybe);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_leaves_nothing_unanswered_or_unacknowledged() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let client = connect(broker.url(), &names).await;
    let home = connect(broker.url(), &names).await;
    let raw = broker.raw().await;
    for _ in 0..20 {
        let worker = Worker::default();
        let server = serve(&home, &worker).await;
        let calls = hold(&client, &worker, 0..64).await;
        worker.open();
        within("the server's end", server.stop()).await;
        crate::fixture::assert_right(calls).await;
        let left = raw.queue(&format!("{names}work")).await;
        assert_eq!(left, Some((0, 0)), "messages and consumers");
    }
}

#[test]
fn a_runtime_that_ends_under_everything_does_not_hang() {
    let start = Instant::now();
    for workers in [1, 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .expect("a runtime");
        // The broker outlives the runtime, as a broker does.
        let outside = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let broker = outside.block_on(Broker::shared());
        let names = broker.namespace();
        let kept = runtime.block_on(async {
            let worker = Worker::default();
            let home = connect(broker.url(), &names).await;
            let server = serve(&home, &worker).await;
            let client = connect(broker.url(), &names).await;
            let calls = hold(&client, &worker, 0..50).await;
            (home, server, client, calls)
        });
        let ended = std::thread::spawn(move || drop(runtime));
        while !ended.is_finished() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the runtime hangs"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        // Handles that are left over can be dropped outside of any runtime.
        drop(kept);
        outside.block_on(eventually("the end of lapin's threads", async || {
            lapin_threads() == 0
        }));
    }
}
