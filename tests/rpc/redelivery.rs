//! What may have run is not run again without need: redelivered requests, and ids that come twice.

use harness::{Raw, RawMessage, eventually};
use leveret::ServiceOptions;
use serde_json::json;

use crate::world::{World, failed, failure, json_request, uuid, value};

/// Puts a request into the queue, marked as delivered before, and returns where its answer goes.
async fn redeliver(world: &World, raw: &Raw, mut request: RawMessage) -> String {
    raw.declare(&world.queue()).await;
    let answers = raw.declare_reply_queue().await;
    request.reply_to = Some(answers.clone());
    assert!(raw.publish("", &world.queue(), request).await);
    let taker = world.raw().await;
    let taken = taker.consume(&world.queue(), 1).await.next().await;
    taken.nack(true).await;
    answers
}

fn hold(method: &str, expiration: bool) -> RawMessage {
    let mut request = json_request(method, &json!({"id": "a"}));
    request.expiration = expiration.then(|| "60000".into());
    request
}

async fn answer(world: &World, request: RawMessage) -> RawMessage {
    let raw = world.raw().await;
    let answers = redeliver(world, &raw, request).await;
    world.stage.release_all();
    let served = world.serve().await;
    let reply = raw.consume(&answers, 0).await.next().await.message;
    world.assert_all_acked(served).await;
    reply
}

#[tokio::test]
async fn a_redelivered_request_without_an_end_is_not_run() {
    let world = World::new().await;
    let reply = answer(&world, hold("hold", false)).await;
    assert_eq!(failure(&reply), failed("Aborted", "maybe"));
    assert_eq!(world.stage.events(), [""; 0]);
}

#[tokio::test]
async fn a_redelivered_request_with_an_expiration_runs() {
    let world = World::new().await;
    let reply = answer(&world, hold("hold", true)).await;
    assert_eq!(value(&reply), json!("a"));
}

#[tokio::test]
async fn a_redelivered_idempotent_request_runs() {
    let world = World::new().await;
    let reply = answer(&world, hold("hold_idempotent", false)).await;
    assert_eq!(value(&reply), json!("a"));
}

#[tokio::test]
async fn a_redelivered_at_most_once_request_is_not_run() {
    let world = World::new().await;
    let reply = answer(&world, hold("hold_once", true)).await;
    assert_eq!(failure(&reply), failed("Aborted", "maybe"));
    assert_eq!(world.stage.events(), [""; 0]);
}

#[tokio::test]
async fn a_redelivered_cast_without_an_end_is_dropped() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let cast = json_request("note", &json!({"line": "twice"}));
    assert!(raw.publish("", &world.queue(), cast.clone()).await);
    let taker = world.raw().await;
    let taken = taker.consume(&world.queue(), 1).await.next().await;
    taken.nack(true).await;
    let served = world.serve().await;
    let cast = json_request("note", &json!({"line": "once"}));
    assert!(raw.publish("", &world.queue(), cast).await);
    world.stage.wait("note once").await;
    world.assert_all_acked(served).await;
    assert_eq!(world.stage.events(), ["note once"]);
}

/// Sends the same request several times, as a caller that retries does, with a correlation id for each.
async fn send(world: &World, raw: &Raw, answers: &str, request: &RawMessage, ids: &[&str]) {
    for id in ids {
        let mut request = request.clone();
        request.reply_to = Some(answers.into());
        request.correlation_id = Some((*id).into());
        assert!(raw.publish("", &world.queue(), request).await);
    }
}

async fn replies(raw: &Raw, answers: &str, count: usize) -> Vec<(Option<String>, RawMessage)> {
    let mut consumer = raw.consume(answers, 0).await;
    let mut replies = Vec::new();
    for _ in 0..count {
        let reply = consumer.next().await.message;
        replies.push((reply.correlation_id.clone(), reply));
    }
    replies.sort_by(|(a, _), (b, _)| a.cmp(b));
    replies
}

#[tokio::test]
async fn a_repeated_id_joins_the_call_that_runs() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let mut request = hold("hold", true);
    request.message_id = Some(uuid(1));
    send(&world, &raw, &answers, &request, &["1"]).await;
    world.stage.wait("start a").await;
    send(&world, &raw, &answers, &request, &["2", "3", "4"]).await;
    eventually("the server has them", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;
    // What comes after them has been read after them.
    let next = json_request("add", &json!([1, 2]));
    let next = raw.call(&world.queue(), next).await;
    assert_eq!(value(&next), json!(3));
    assert_eq!(raw.queue(&answers).await, Some((0, 0)), "answered too soon");
    world.stage.release("a");
    for (n, (id, reply)) in replies(&raw, &answers, 4).await.iter().enumerate() {
        assert_eq!(id.as_deref(), Some(&*(n + 1).to_string()));
        assert_eq!(value(reply), json!("a"));
    }
    assert_eq!(world.stage.count("start a"), 1, "it ran twice");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_repeated_id_gets_the_answer_of_the_call_that_ran() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    world.stage.release_all();
    let mut request = hold("hold", true);
    request.message_id = Some(uuid(1));
    send(&world, &raw, &answers, &request, &["1"]).await;
    world.stage.wait("end a").await;
    send(&world, &raw, &answers, &request, &["2"]).await;
    let mut refused = json_request("refuse", &json!({}));
    refused.message_id = Some(uuid(2));
    send(&world, &raw, &answers, &refused, &["3", "4"]).await;
    let all = replies(&raw, &answers, 4).await;
    assert_eq!(value(&all[0].1), json!("a"));
    assert_eq!(value(&all[1].1), json!("a"));
    for (_, reply) in &all[2..] {
        assert_eq!(failure(reply), failed("FailedPrecondition", "yes"));
    }
    assert_eq!(world.stage.count("start a"), 1, "it ran twice");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn requests_without_an_id_are_never_the_same() {
    let world = World::new().await;
    let options = ServiceOptions::new().concurrency(2);
    let _served = world.serve_with(options).await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    send(&world, &raw, &answers, &hold("hold", true), &["1", "2"]).await;
    world.stage.wait_count("start", 2).await;
    world.stage.release_all();
    replies(&raw, &answers, 2).await;
}
