//! Queues that vanish under their users: an operator's mistake, an expiry, a policy.

use std::time::{Duration, Instant};

use harness::{Broker, RawMessage, eventually, within};
use leveret::{Code, Executed};

use crate::fixture::{
    LONG, Worker, assert_error, assert_lost, assert_right, connect, hold, serve, work,
};

#[tokio::test]
async fn a_deleted_reply_queue_ends_its_calls_and_is_replaced() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let raw = broker.raw().await;
    // A raw peer stands for the server: it sees where answers are to go.
    let queue = format!("{names}work");
    raw.declare(&queue).await;
    let mut requests = raw.consume(&queue, 0).await;
    let client = connect(broker.url(), &names).await;

    let mut calls = Vec::new();
    let mut reply_to = String::new();
    for id in 0..10 {
        let stub = work(&client, LONG);
        calls.push(tokio::spawn(async move { (id, stub.hold(id).await) }));
        let request = requests.next().await;
        reply_to = request.message.reply_to.clone().expect("a call");
        request.ack().await;
    }
    broker.delete_queue(&reply_to).await;
    assert_lost(calls).await;

    let stub = work(&client, LONG);
    let next = tokio::spawn(async move { stub.double(4).await });
    let request = requests.next().await;
    assert_ne!(request.message.reply_to.as_ref(), Some(&reply_to));
    let answer = RawMessage {
        body: b"8".to_vec(),
        correlation_id: request.message.correlation_id.clone(),
        ..RawMessage::default()
    };
    let reply_to = request.message.reply_to.as_deref().expect("a call");
    assert!(raw.publish("", reply_to, answer).await);
    let answer = within("the answer", next).await.expect("no panic");
    assert_eq!(answer.expect("an answer"), 8);
}

#[tokio::test]
async fn a_deleted_request_queue_is_declared_and_served_again() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let _server = serve(&home, &worker).await;
    let client = connect(broker.url(), &names).await;
    let running = hold(&client, &worker, 0..50).await;
    let queue = format!("{names}work");

    for round in 0..2 {
        broker.delete_queue(&queue).await;
        let start = Instant::now();
        loop {
            match work(&client, Duration::from_secs(5)).double(3).await {
                Ok(answer) => break assert_eq!(answer, 6),
                error => assert_error(&error, Code::NoSuchService, Executed::No),
            }
            assert!(start.elapsed() < Duration::from_secs(20), "round {round}");
        }
    }
    // They had been delivered, so their answers do not need the queue.
    worker.open();
    assert_right(running).await;
}

#[tokio::test]
async fn answers_leave_although_their_consumer_has_been_replaced() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let raw = broker.raw().await;
    let home = connect(broker.url(), &names).await;
    let client = connect(broker.url(), &names).await;
    // The last answer of the old consumer takes its channel along, and must not be overtaken by the end of it: a race,
    // so many rounds.
    for _ in 0..25 {
        let worker = Worker::default();
        let server = serve(&home, &worker).await;
        let running = hold(&client, &worker, 0..5).await;
        raw.delete(&format!("{names}work")).await;
        eventually("the queue, declared and served again", async || {
            let answer = work(&client, LONG).double(3).await;
            answer.is_ok()
        })
        .await;
        worker.open();
        assert_right(running).await;
        server.stop().await;
    }
}
