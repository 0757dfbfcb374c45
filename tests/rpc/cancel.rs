//! A caller that gives up ends the work: the handler that runs, and the request that has not begun.

use std::time::Duration;

use futures_util::FutureExt;
use harness::{Raw, RawConsumer, RawMessage, eventually, within};
use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use leveret::{Code, Executed, ServiceOptions};
use serde_json::json;

use crate::probe::ProbeClient;
use crate::world::{LONG, World, failed, failure, json_request, uuid, value};

impl World {
    async fn cancel(&self, raw: &Raw, id: &str) {
        let message = RawMessage {
            kind: Some("leveret.cancel".into()),
            correlation_id: Some(id.into()),
            ..RawMessage::default()
        };
        let exchange = format!("{}leveret.control", self.namespace);
        let key = format!("queue.{}", self.queue());
        assert!(
            raw.publish(&exchange, &key, message).await,
            "nobody listens"
        );
    }

    /// Hears the cancels that the servers hear.
    async fn cancels(&self, raw: &Raw) -> RawConsumer {
        let queue = raw.declare_reply_queue().await;
        let exchange = format!("{}leveret.control", self.namespace);
        let key = format!("queue.{}", self.queue());
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        raw.channel()
            .queue_bind(
                queue.as_str().into(),
                exchange.into(),
                key.into(),
                options,
                arguments,
            )
            .await
            .expect("a binding");
        raw.consume(&queue, 0).await
    }
}

#[tokio::test]
async fn dropping_the_call_stops_its_handler() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    let other = tokio::spawn(probe.hold("b".into()).timeout(LONG).into_future());
    world.stage.wait_all(&["start a", "start b"]).await;
    call.abort();
    world.stage.wait("stop a").await;
    assert_eq!(world.stage.count("stop b"), 0, "another call was stopped");
    world.stage.release("b");
    assert_eq!(within("the other", other).await.unwrap().unwrap(), "b");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_call_dropped_just_before_the_close_stops_its_handler() {
    let world = World::new().await;
    let _served = world.serve().await;
    // It was a race, and hardly ever won.
    for n in 0..5 {
        let connection = world.connect().await;
        let probe = ProbeClient::new(&connection);
        let call = tokio::spawn(probe.hold(n.to_string()).timeout(LONG).into_future());
        world.stage.wait(&format!("start {n}")).await;
        call.abort();
        let _ = call.await;
        connection.close().await;
        world.stage.wait(&format!("stop {n}")).await;
    }
}

#[tokio::test]
async fn a_call_dropped_while_it_is_queued_never_starts() {
    // With a prefetch of 1 it waits in the broker, with 2 at the server.
    for prefetch in [1, 2] {
        let world = World::new().await;
        let options = ServiceOptions::new().concurrency(1).prefetch(prefetch);
        let served = world.serve_with(options).await;
        let raw = world.raw().await;
        let mut cancels = world.cancels(&raw).await;
        let mut busy = json_request("hold", &json!({"id": "busy"}));
        busy.message_id = Some(uuid(1));
        assert!(raw.publish("", &world.queue(), busy).await);
        world.stage.wait("start busy").await;

        let probe = world.client().await;
        // The first cast waits for the connection, so that the call is sent when it is first polled; the second
        // is confirmed after it.
        probe.note("before".into()).await.unwrap();
        let mut call = probe.hold("queued".into()).timeout(LONG).into_future();
        assert!(futures_util::poll!(&mut call).is_pending());
        probe.note("after".into()).await.unwrap();
        let ready = 4 - u32::from(prefetch);
        eventually("all have arrived", async || {
            raw.queue(&world.queue()).await == Some((ready, 1))
        })
        .await;
        drop(call);
        cancels.next().await;
        // Cancels come in order: when this one has been heard, the one before has.
        world.cancel(&raw, &uuid(1)).await;
        world.stage.wait("stop busy").await;
        world.stage.wait("note after").await;
        assert_eq!(
            world.stage.events(),
            ["start busy", "stop busy", "note before", "note after"]
        );
        world.assert_all_acked(served).await;
    }
}

#[tokio::test]
async fn a_foreign_cancel_is_answered_with_cancelled() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let mut replies = raw.consume(&answers, 0).await;
    let mut request = json_request("hold", &json!({"id": "a"}));
    request.reply_to = Some(answers.clone());
    request.message_id = Some(uuid(1));
    assert!(raw.publish("", &world.queue(), request.clone()).await);
    world.stage.wait("start a").await;
    // Others first: they must not touch the call.
    world.cancel(&raw, &uuid(7)).await;
    world.cancel(&raw, "not an id").await;
    world.cancel(&raw, &uuid(1)).await;
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("Cancelled", "maybe"));
    assert_eq!(world.stage.events(), ["start a", "stop a"]);

    // The id that was cancelled before it came.
    request.message_id = Some(uuid(7));
    assert!(raw.publish("", &world.queue(), request).await);
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("Cancelled", "no"));
    assert_eq!(world.stage.count("start a"), 1);

    // A cancel for a call that has ended changes nothing.
    let mut done = json_request("add", &json!([1, 2]));
    done.reply_to = Some(answers);
    done.message_id = Some(uuid(9));
    assert!(raw.publish("", &world.queue(), done.clone()).await);
    assert_eq!(value(&replies.next().await.message), json!(3));
    world.cancel(&raw, &uuid(9)).await;
    assert!(raw.publish("", &world.queue(), done).await);
    assert_eq!(value(&replies.next().await.message), json!(3));
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_blocking_handler_sees_the_cancel() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold_thread("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    call.abort();
    world.stage.wait("cancelled a").await;
    world.stage.release("a");
}

#[tokio::test]
async fn every_instance_hears_a_cancel() {
    let world = World::new().await;
    let one = ServiceOptions::new().concurrency(1);
    let _first = world.serve_with(one.clone()).await;
    let _second = world.serve_with(one).await;
    let probe = world.client().await;
    let calls = ["a", "b"].map(|id| {
        let call = probe.hold(id.into()).timeout(LONG);
        tokio::spawn(call.into_future())
    });
    // With one at a time each instance has one of them.
    world.stage.wait_all(&["start a", "start b"]).await;
    for call in calls {
        call.abort();
    }
    world.stage.wait_all(&["stop a", "stop b"]).await;
}

#[tokio::test]
async fn a_deadline_on_the_caller_s_side_cancels_too() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let mut cancels = world.cancels(&raw).await;
    let probe = world.client().await;
    let error = probe
        .hold("a".into())
        .timeout(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::Maybe);
    let cancel = cancels.next().await.message;
    assert_eq!(cancel.kind.as_deref(), Some("leveret.cancel"));
    assert_eq!(cancel.delivery_mode, Some(1));
    assert!(cancel.body.is_empty() && cancel.reply_to.is_none());
    assert_eq!(cancel.correlation_id.map(|id| id.len()), Some(36));
    world.stage.wait("stop a").await;
    world.assert_all_acked(served).await;
}

/// There is no control exchange, and each look for it costs a channel.
#[tokio::test]
async fn calls_that_nobody_can_cancel_use_no_connection_up() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let url = format!("{}?channel_max=64", world.broker.url());
    let builder = leveret::Connection::builder(&url).namespace(&world.namespace);
    let connection = builder.connect().await.expect("a connection");
    let probe = ProbeClient::new(&connection);
    let mut states = connection.states();
    while states.changed().now_or_never().is_some() {}
    for _ in 0..100 {
        let late = probe.add(1, None).timeout(Duration::from_millis(5)).await;
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    }
    let changed = states.changed().now_or_never();
    assert_eq!(changed, None, "the connection was replaced");
}
