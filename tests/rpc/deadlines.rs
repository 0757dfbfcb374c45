//! Every call has a deadline: the caller never waits longer, and the server does not work for nobody.

use std::time::Instant;

use harness::within;
use leveret::{Code, Executed, ServiceOptions};
use serde_json::json;

use crate::probe::ProbeClient;
use crate::world::{LONG, World, failed, failure, json_request, millis};

#[tokio::test]
async fn a_call_that_nobody_answers_ends_at_its_deadline() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let probe = world.client().await;
    let start = Instant::now();
    let error = probe.add(1, None).timeout(millis(300)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::Maybe);
    let waited = start.elapsed();
    assert!(waited >= millis(300) && waited < LONG / 4, "{waited:?}");
    // The broker discards what nobody waits for.
    harness::eventually("the request expires", async || {
        raw.queue(&world.queue()).await == Some((0, 0))
    })
    .await;
}

#[tokio::test]
async fn the_request_says_how_long_the_caller_waits() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let mut requests = raw.consume(&world.queue(), 0).await;
    let connection = world.connect().await;
    let client = connection.client().with_timeout(millis(30_000));
    let (plain, short) = (ProbeClient::new(&connection), ProbeClient::new(&client));
    // Call before client before method before 10 s.
    let calls = [
        (plain.hold("a".into()), 10_000),
        (plain.hold_briefly("b".into()), 400),
        (short.hold_briefly("c".into()), 30_000),
        (short.hold("d".into()), 30_000),
        (short.hold("e".into()).timeout(millis(20_000)), 20_000),
        (plain.hold_briefly("f".into()).timeout(LONG), 60_000),
    ];
    for (call, timeout) in calls {
        let call = tokio::spawn(call.into_future());
        let request = requests.next().await;
        let expiration = request.message.expiration.as_deref().expect("one");
        let expiration: u64 = expiration.parse().expect("digits");
        let least = (timeout / 2).max(1);
        assert!(
            (least..=timeout).contains(&expiration),
            "{expiration} for {timeout}"
        );
        request.ack().await;
        call.abort();
    }
}

#[tokio::test]
async fn nothing_is_sent_without_time_left() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let probe = world.client().await;
    let error = probe.add(1, None).timeout(millis(0)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::No);
    // The next request comes after it, so the queue shows whether it came.
    let second = tokio::spawn(probe.add(2, None).into_future());
    let mut requests = raw.consume(&world.queue(), 0).await;
    let first = requests.next().await;
    assert_eq!(
        crate::world::body(&first.message),
        json!({"a": 2, "b": null})
    );
    second.abort();
}

#[tokio::test]
async fn a_request_that_expired_on_the_server_is_not_executed() {
    let world = World::new().await;
    let served = world
        .serve_with(ServiceOptions::new().concurrency(1).prefetch(2))
        .await;
    let probe = world.client().await;
    let busy = tokio::spawn(probe.hold("busy".into()).timeout(LONG).into_future());
    world.stage.wait("start busy").await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let mut request = json_request("hold", &json!({"id": "late"}));
    request.reply_to = Some(answers.clone());
    // Long enough to reach the server, which has room for one more.
    request.expiration = Some("1000".into());
    let sent = Instant::now();
    assert!(raw.publish("", &world.queue(), request).await);
    harness::eventually("the server has the request", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;
    assert!(sent.elapsed() < millis(1000), "too slow to mean anything");
    harness::eventually("its deadline", async || sent.elapsed() > millis(1100)).await;
    world.stage.release_all();
    let mut replies = raw.consume(&answers, 0).await;
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("DeadlineExceeded", "no"));
    assert_eq!(
        within("the busy call", busy).await.unwrap().unwrap(),
        "busy"
    );
    assert_eq!(world.stage.events(), ["start busy", "end busy"]);
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_running_handler_is_stopped_at_the_deadline() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let mut request = json_request("hold", &json!({"id": "a"}));
    request.expiration = Some("400".into());
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(failure(&reply), failed("DeadlineExceeded", "maybe"));
    assert_eq!(world.stage.events(), ["start a", "stop a"]);
    // A thread cannot be stopped; it is told, and its caller does not wait for it.
    let mut request = json_request("hold_thread", &json!({"id": "b"}));
    request.expiration = Some("400".into());
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(failure(&reply), failed("DeadlineExceeded", "maybe"));
    world.stage.wait("cancelled b").await;
    world.stage.release("b");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn the_method_s_own_timeout_ends_the_call_and_the_handler() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    let error = probe.hold_briefly("a".into()).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::Maybe);
    world.stage.wait("stop a").await;
}
