//! What anybody who knows a client's reply address can do to the client: nothing.

use harness::{Raw, eventually, within};
use leveret::ReplyPath;
use serde_json::{Value, json};

use crate::headers::{hostile, may_be_refused};
use crate::peer::{Message, Outcome};
use crate::victim::Scene;

#[tokio::test]
async fn hostile_replies_to_a_queue_are_ignored() {
    hostile_replies_are_ignored(ReplyPath::Queue).await;
}

#[tokio::test]
async fn hostile_direct_replies_are_ignored() {
    hostile_replies_are_ignored(ReplyPath::Direct).await;
}

async fn hostile_replies_are_ignored(reply_path: ReplyPath) {
    let mut scene = Scene::set(reply_path, "").await;
    let raw = scene.broker.raw().await;
    let address = reply_address(&scene, &raw).await;
    let mut ignored = 0;
    for (name, properties) in hostile() {
        let message = Message {
            routing_key: address.as_bytes(),
            properties: &properties,
            body: b"{}",
            ..Message::default()
        };
        match scene.publish(message).await {
            Outcome::Taken => ignored += 1,
            // Up to RabbitMQ 4.1 a direct reply is returned even when it is delivered.
            Outcome::Returned if reply_path == ReplyPath::Direct => ignored += 1,
            Outcome::Refused(_) if may_be_refused(&name) => {}
            other => panic!("{name}: {other:?}"),
        }
        eventually(&format!("{name} ignored"), async || {
            scene.client.unclaimed_replies() == ignored
        })
        .await;
        scene.assert_unhurt(&name).await;
    }
}

/// Where the client waits for its replies.
async fn reply_address(scene: &Scene, raw: &Raw) -> String {
    let probe = format!("{}probe", scene.names);
    raw.declare(&probe).await;
    let mut requests = raw.consume(&probe, 1).await;
    let client = scene.client.clone();
    let queue = probe.clone();
    let call = tokio::spawn(async move {
        let answer = client.call_queue::<Value>(&queue, "probe", &json!({}));
        let _ = answer.await;
    });
    let request = within("a request", requests.next()).await;
    call.abort();
    raw.delete(&probe).await;
    request.message.reply_to.expect("a reply address")
}
