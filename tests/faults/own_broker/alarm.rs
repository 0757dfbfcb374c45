//! A broker short of memory, which stops reading from whoever publishes: nothing hangs, nothing grows, nothing is lost.

use std::time::{Duration, Instant};

use harness::{Broker, eventually, within};
use leveret::{Code, Connection, ConnectionState, Error, Executed, Server, WhenDown};

use crate::fixture::{
    LONG, WorkClient, Worker, assert_error, assert_right, builder, hold, memory, record_states,
    serve, wait_state, work,
};

const HEARTBEAT: Duration = Duration::from_secs(1);

async fn stage(broker: &Broker) -> (Connection, Connection, Server, Worker) {
    let worker = Worker::default();
    let connect = async || {
        let connection = builder(broker.url(), "").heartbeat(HEARTBEAT).connect();
        connection.await.expect("a connection")
    };
    let home = connect().await;
    let server = serve(&home, &worker).await;
    (connect().await, home, server, worker)
}

fn patient(connection: &Connection, timeout: Duration) -> WorkClient {
    let client = connection.client().when_blocked(WhenDown::Wait);
    WorkClient::new(client.with_timeout(timeout))
}

/// RabbitMQ tells a connection that it is blocked when it next publishes.
async fn block(connection: &Connection) {
    let stub = patient(connection, LONG);
    tokio::spawn(async move { stub.double(0).await });
    wait_state(connection, ConnectionState::Blocked).await;
}

#[tokio::test]
async fn calls_fail_or_wait_by_choice_and_the_connection_lives_on() {
    let broker = Broker::own().await;
    let (client, _home, _server, _worker) = stage(&broker).await;
    let states = record_states(&client);
    broker.set_memory_alarm(true).await;
    block(&client).await;

    let start = Instant::now();
    // The default is to fail.
    let outcome = work(&client, LONG).double(1).await;
    assert_error(&outcome, Code::Unavailable, Executed::No);
    assert!(start.elapsed() < Duration::from_secs(5));
    // Long enough for either side to miss the other's heartbeats, if those were blocked too.
    let outcome = patient(&client, HEARTBEAT * 5).double(1).await;
    assert_error(&outcome, Code::DeadlineExceeded, Executed::No);

    let stub = patient(&client, LONG);
    let waiting = tokio::spawn(async move { stub.double(4).await });
    broker.set_memory_alarm(false).await;
    let answer = within("the waiting call", waiting).await.expect("no panic");
    assert_eq!(answer.expect("an answer"), 8);
    wait_state(&client, ConnectionState::Connected).await;
    assert_eq!(
        *states.borrow(),
        [
            ConnectionState::Connected,
            ConnectionState::Blocked,
            ConnectionState::Connected
        ]
    );
}

#[tokio::test]
async fn handlers_that_run_keep_their_acknowledgements_and_answers() {
    let broker = Broker::own().await;
    let (client, home, _server, worker) = stage(&broker).await;
    let calls = hold(&client, &worker, 0..20).await;
    for id in 100..120 {
        work(&client, LONG).hold_cast(id).await.expect("a cast");
    }
    worker.wait_started(40).await;
    broker.set_memory_alarm(true).await;
    // Answers leave on the connection that requests leave on.
    block(&home).await;
    worker.open();
    worker.wait_finished(40).await;
    // The casts are acknowledged all the same: that goes over the other connection.
    eventually("the acknowledgements of the casts", async || {
        let queue = broker.queue("work").await;
        queue.is_some_and(|queue| queue.unacknowledged <= 20)
    })
    .await;

    broker.set_memory_alarm(false).await;
    assert_right(calls).await;
    worker.assert_none_ran_twice();
    // The caller's connection may hear of the end of the alarm last.
    let answer = patient(&client, LONG).double(2).await;
    assert_eq!(answer.expect("an answer"), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_cannot_be_sent_take_no_memory() {
    const CALLS: usize = 5_000;
    let broker = Broker::own().await;
    let (client, _home, _server, _worker) = stage(&broker).await;
    let round = async || -> Vec<Result<String, Error>> {
        let stub = patient(&client, Duration::from_millis(300));
        let text = "x".repeat(1024);
        let calls: Vec<_> = (0..CALLS)
            .map(|_| {
                let (stub, text) = (stub.clone(), text.clone());
                tokio::spawn(async move { stub.echo(text).await })
            })
            .collect();
        let mut outcomes = Vec::with_capacity(CALLS);
        for call in calls {
            outcomes.push(within("a call", call).await.expect("no panic"));
        }
        outcomes
    };
    // Warm up: buffers and tables grow to their usual size.
    round().await;
    broker.set_memory_alarm(true).await;
    // The first round meets a broker that has not yet said that it is blocked.
    round().await;
    wait_state(&client, ConnectionState::Blocked).await;
    let before = memory("VmRSS");
    for _ in 0..4 {
        for outcome in round().await {
            assert_error(&outcome, Code::DeadlineExceeded, Executed::No);
        }
    }
    let after = memory("VmRSS");
    assert!(
        after < before + 20,
        "{before} MiB before, {after} MiB after"
    );
    broker.set_memory_alarm(false).await;
    // What was not sent is not sent late either: its expiration has passed, or it left the queue.
    let answer = patient(&client, LONG).double(4).await;
    assert_eq!(answer.expect("an answer"), 8);
}

#[tokio::test]
async fn a_server_stops_in_time_and_a_connection_closes_in_time() {
    let broker = Broker::own().await;
    let (client, home, server, worker) = stage(&broker).await;
    let _calls = hold(&client, &worker, 0..20).await;
    broker.set_memory_alarm(true).await;
    block(&home).await;
    block(&client).await;
    worker.open();
    worker.wait_finished(20).await;

    // The grace time is 1 s.
    let start = Instant::now();
    within("the server's end", server.stop()).await;
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    let start = Instant::now();
    within("the close", home.close()).await;
    within("the close", client.close()).await;
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}
