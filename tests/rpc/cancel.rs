//! A caller that gives up ends the work: the handler that runs, and the request that has not begun.

use std::time::Duration;

use harness::{Raw, RawMessage, eventually, within};
use leveret::{Code, Executed, ServiceOptions};
use serde_json::json;

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
        assert!(raw.publish(&exchange, &key, message).await, "nobody listens");
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
async fn the_caller_s_deadline_stops_the_handler_of_a_request_without_one() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    // The select drops the call as a caller's own timeout does.
    let call = probe.hold("a".into()).timeout(LONG).into_future();
    let given_up = async {
        world.stage.wait("start a").await;
    };
    tokio::select! {
        _ = call => panic!("nobody let it go"),
        () = given_up => {}
    }
    world.stage.wait("stop a").await;
}

#[tokio::test]
async fn a_call_dropped_while_it_is_queued_never_starts() {
    let world = World::new().await;
    // The second request waits in the broker, the third at the server.
    for prefetch in [1, 2] {
        let served = world
            .serve_with(ServiceOptions::new().concurrency(1).prefetch(prefetch))
            .await;
        let probe = world.client().await;
        let (busy, queued) = (format!("busy{prefetch}"), format!("queued{prefetch}"));
        let running = tokio::spawn(probe.hold(busy.clone()).timeout(LONG).into_future());
        world.stage.wait(&format!("start {busy}")).await;
        let call = tokio::spawn(probe.hold(queued.clone()).timeout(LONG).into_future());
        let raw = world.raw().await;
        let waiting = u32::from(prefetch == 1);
        eventually("the request has arrived", async || {
            raw.queue(&world.queue()).await == Some((waiting, 1)) && !call.is_finished()
        })
        .await;
        if prefetch == 2 {
            // No event tells that the call was sent and taken; one more that stays in the queue does.
            let third = json_request("note", &json!({"line": "after"}));
            assert!(raw.publish("", &world.queue(), third).await);
        }
        call.abort();
        let _ = call.await;
        // A cancelled handler shows that cancels sent before have come.
        let marker = format!("marker{prefetch}");
        let other = world.serve_on(
            world.connect().await,
            &world.stage,
            ServiceOptions::new().concurrency(1),
        );
        drop(other);
        settle_cancels(&world, &raw).await;
        world.stage.release(&busy);
        assert_eq!(within("the busy call", running).await.unwrap().unwrap(), busy);
        world.stage.release(&marker);
        assert_eq!(probe.hold(marker.clone()).await.unwrap(), marker);
        assert_eq!(world.stage.count(&format!("start {queued}")), 0, "it ran");
        world.assert_all_acked(served).await;
    }
}

/// Waits until no cancel is under way: the control queues are empty and their consumers have had a moment.
async fn settle_cancels(_world: &World, raw: &Raw) {
    // Best effort by design: a cancel is never answered, and the queue it goes to is exclusive to the server.
    drop(raw.queue("").await);
    tokio::time::sleep(Duration::from_millis(300)).await;
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
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let exchange = format!("{}leveret.control", world.namespace);
    let server = world.serve().await;
    let control = raw.declare_reply_queue().await;
    let key = format!("queue.{}", world.queue());
    raw.channel()
        .queue_bind(
            control.as_str().into(),
            exchange.as_str().into(),
            key.as_str().into(),
            Default::default(),
            Default::default(),
        )
        .await
        .expect("a binding");
    let mut cancels = raw.consume(&control, 0).await;
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
    world.assert_all_acked(server).await;
}
