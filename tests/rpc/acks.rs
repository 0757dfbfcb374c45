//! When a request is acknowledged: after its reply, so that a crash loses no call; before, where asked for.

use tokio::process::Command;

use harness::{Process, binary, eventually, within};
use leveret::{Code, Executed, ServiceOptions};
use serde_json::json;

use crate::world::{LONG, World, body, failed, failure, json_request, value};

/// A server in a process of its own, with concurrency 1 and prefetch 1.
pub(crate) async fn server_process(world: &World) -> Process {
    let mut command = Command::new(binary("rpc-server"));
    command
        .arg(&world.namespace)
        .env("AMQP_URL", world.broker.url());
    let server = Process::spawn(command);
    server.wait_line("ready").await;
    server
}

#[tokio::test]
async fn a_killed_server_s_calls_are_answered_by_another() {
    let world = World::new().await;
    let mut first = server_process(&world).await;
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    first.wait_line("start a").await;
    first.kill().await;
    let served = world.serve().await;
    world.stage.wait("start a").await;
    world.stage.release("a");
    assert_eq!(within("the answer", call).await.unwrap().unwrap(), "a");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn the_next_server_sees_that_the_request_was_delivered_before() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let answers = raw.declare_reply_queue().await;
    let mut request = json_request("seen", &json!({}));
    request.reply_to = Some(answers.clone());
    request.expiration = Some("60000".into());
    assert!(raw.publish("", &world.queue(), request).await);
    let dead = world.raw().await;
    dead.consume(&world.queue(), 1).await.next().await;
    drop(dead);
    let _served = world.serve().await;
    let reply = raw.consume(&answers, 0).await.next().await.message;
    assert_eq!(value(&reply)["redelivered"], json!(true));
}

#[tokio::test]
async fn at_most_once_is_acknowledged_when_it_starts() {
    let world = World::new().await;
    let mut first = server_process(&world).await;
    let raw = world.raw().await;
    for id in ["a", "b"] {
        let request = json_request("hold_once", &json!({ "id": id }));
        assert!(raw.publish("", &world.queue(), request).await);
    }
    first.wait_line("start a").await;
    // With a prefetch of 1 the second is delivered only when the first has been acknowledged.
    eventually("the second is delivered", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;
    first.kill().await;
    eventually("the second is back", async || {
        raw.queue(&world.queue()).await == Some((1, 0))
    })
    .await;
    let request = raw.consume(&world.queue(), 0).await.next().await.message;
    assert_eq!(body(&request), json!({"id": "b"}), "the first came back");
}

#[tokio::test]
async fn at_most_once_is_answered_like_any_other_call() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    world.stage.release_all();
    assert_eq!(probe.hold_once("a".into()).await.unwrap(), "a");
    // Its tag must not be acknowledged a second time, which would close the channel.
    for n in 0..20 {
        assert_eq!(probe.hold_once(n.to_string()).await.unwrap(), n.to_string());
    }
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_request_is_unacknowledged_until_it_is_answered() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    let held = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    // Calls after it are done and acknowledged; a `multiple` must not have covered the held one.
    for n in 0..20 {
        assert_eq!(probe.add(n, Some(n)).await.unwrap(), 2 * n);
    }
    within("the end of the connection", served.connection.close()).await;
    let raw = world.raw().await;
    eventually("the held request is back", async || {
        raw.queue(&world.queue()).await == Some((1, 0))
    })
    .await;
    held.abort();
}

#[tokio::test]
async fn a_slow_request_does_not_hold_the_others_back() {
    let world = World::new().await;
    let options = ServiceOptions::new().concurrency(4).prefetch(4);
    let served = world.serve_with(options).await;
    let probe = world.client().await;
    let slow = tokio::spawn(probe.hold("slow".into()).timeout(LONG).into_future());
    world.stage.wait("start slow").await;
    // Ten times the window: without single acknowledgements it would close after three.
    for n in 0..40 {
        assert_eq!(probe.add(n, Some(1)).timeout(LONG).await.unwrap(), n + 1);
    }
    world.stage.release("slow");
    assert_eq!(
        within("the slow call", slow).await.unwrap().unwrap(),
        "slow"
    );
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_reply_that_nobody_takes_costs_nothing() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let mut request = json_request("add", &json!([1, 2]));
    request.reply_to = Some("leveret.r.gone-for-ever-000".into());
    for _ in 0..5 {
        assert!(raw.publish("", &world.queue(), request.clone()).await);
    }
    let reply = json_request("add", &json!([1, 2]));
    let reply = raw.call(&world.queue(), reply).await;
    assert_eq!(value(&reply), json!(3));
    assert_eq!(world.stage.count("start add"), 6);
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_call_that_was_lost_with_its_server_ends_at_the_deadline() {
    let world = World::new().await;
    let mut first = server_process(&world).await;
    let probe = world.client().await;
    let call = probe
        .hold_once("a".into())
        .timeout(std::time::Duration::from_secs(2))
        .into_future();
    let call = tokio::spawn(call);
    first.wait_line("start a").await;
    first.kill().await;
    let error = within("the deadline", call).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::Maybe);
}

#[tokio::test]
async fn what_a_killed_server_had_not_started_is_not_lost() {
    let world = World::new().await;
    let mut first = server_process(&world).await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    for id in ["a", "b"] {
        let mut request = json_request("hold", &json!({ "id": id }));
        request.reply_to = Some(answers.clone());
        assert!(raw.publish("", &world.queue(), request).await);
    }
    first.wait_line("start a").await;
    first.kill().await;
    world.stage.release_all();
    let served = world.serve().await;
    let mut replies = raw.consume(&answers, 0).await;
    let mut seen = [replies.next().await, replies.next().await]
        .map(|reply| (reply.message.kind.clone(), body(&reply.message), reply));
    seen.sort_by_key(|(kind, ..)| kind.clone());
    // Without an expiration the first could loop for ever; the second was never delivered before.
    assert_eq!(failure(&seen[0].2.message), failed("Aborted", "maybe"));
    assert_eq!(value(&seen[1].2.message), json!("b"));
    assert_eq!(world.stage.count("start a"), 0);
    world.assert_all_acked(served).await;
}
