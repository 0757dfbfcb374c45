//! What comes to a caller's reply queue: the right answer counts, whatever else arrives.

use harness::{Raw, RawConsumer, RawDelivery, RawMessage, eventually, within};
use leveret::{Client, Code, Error, Executed};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::World;

/// A foreign server that reads one request and answers as the test says.
struct Foreign {
    raw: Raw,
    requests: RawConsumer,
    client: Client,
}

impl Foreign {
    async fn new(world: &World) -> Self {
        let raw = world.raw().await;
        raw.declare(&world.queue()).await;
        let requests = raw.consume(&world.queue(), 0).await;
        let client = world.connect().await.client();
        Self {
            raw,
            requests,
            client,
        }
    }

    async fn call(&mut self) -> (JoinHandle<Result<Value, Error>>, RawDelivery) {
        let call = self.client.call("probe", "echo", &[1]);
        let call = tokio::spawn(call.into_future());
        let request = self.requests.next().await;
        request.ack().await;
        (call, request)
    }

    async fn reply(&self, request: &RawDelivery, reply: RawMessage) {
        let to = request.message.reply_to.as_ref().expect("a reply queue");
        assert!(self.raw.publish("", to, reply).await);
    }

    /// The answer to a call whose request is answered with `reply`.
    async fn answered(&mut self, mut reply: RawMessage) -> Result<Value, Error> {
        let (call, request) = self.call().await;
        reply.correlation_id = request.message.correlation_id.clone();
        self.reply(&request, reply).await;
        within("the answer", call).await.expect("the task")
    }
}

fn reply(body: &str) -> RawMessage {
    RawMessage {
        kind: Some("leveret.reply".into()),
        content_type: Some("application/json".into()),
        body: body.into(),
        ..RawMessage::default()
    }
}

#[tokio::test]
async fn forged_late_and_second_replies_are_counted_and_ignored() {
    let world = World::new().await;
    let mut foreign = Foreign::new(&world).await;
    let (call, request) = foreign.call().await;
    let id = request.message.correlation_id.clone().expect("an id");
    // The neighbours of a known id are what a guesser would try.
    let number = u64::from_str_radix(&id, 16).unwrap_or_default();
    let forged = [
        None,
        Some(String::new()),
        Some("someone-else's".into()),
        Some("x".repeat(255)),
        Some(format!("{:x}", number ^ 1)),
        Some(format!("{:x}", number ^ (1 << 32))),
        Some(format!("{id}0")),
        // The same number, but not the same id.
        Some(format!("0{id}")),
        Some(format!("+{id}")),
    ];
    for correlation_id in forged.clone() {
        let message = RawMessage {
            correlation_id,
            ..reply("\"forged\"")
        };
        foreign.reply(&request, message).await;
    }
    let right = RawMessage {
        correlation_id: Some(id),
        ..reply("\"right\"")
    };
    foreign.reply(&request, right.clone()).await;
    foreign.reply(&request, right.clone()).await;
    let answer = within("the answer", call).await.unwrap().unwrap();
    assert_eq!(answer, json!("right"));
    let unclaimed = forged.len() as u64 + 1;
    eventually("all are counted", async || {
        foreign.client.unclaimed_replies() == unclaimed
    })
    .await;

    // Late: the call's id must not fit the next call, which takes its place.
    let (next, request) = foreign.call().await;
    foreign.reply(&request, right).await;
    eventually("the late one is counted", async || {
        foreign.client.unclaimed_replies() == unclaimed + 1
    })
    .await;
    assert!(!next.is_finished());
    let message = RawMessage {
        correlation_id: request.message.correlation_id.clone(),
        ..reply("\"next\"")
    };
    foreign.reply(&request, message).await;
    assert_eq!(next.await.unwrap().unwrap(), json!("next"));
}

#[tokio::test]
async fn answers_of_servers_without_leveret_are_values() {
    let world = World::new().await;
    let mut foreign = Foreign::new(&world).await;
    let untyped = RawMessage {
        body: b"832040".into(),
        ..RawMessage::default()
    };
    assert_eq!(foreign.answered(untyped).await.unwrap(), json!(832_040));
    let other = RawMessage {
        kind: Some("Result".into()),
        content_type: Some("text/plain".into()),
        body: b"forty two".into(),
        ..RawMessage::default()
    };
    assert_eq!(foreign.answered(other).await.unwrap(), json!("forty two"));
}

#[tokio::test]
async fn an_error_keeps_what_this_version_does_not_know() {
    let world = World::new().await;
    let mut foreign = Foreign::new(&world).await;
    let mut known = reply(
        r#"{"code": "Unavailable", "message": "later", "executed": "no", "retryable": true,
            "retry_after_ms": 250, "details": [1], "more": {}}"#,
    );
    known.kind = Some("leveret.error".into());
    let error = foreign.answered(known).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.executed(), Executed::No);
    assert_eq!(error.retry_after(), Some(crate::world::millis(250)));
    assert_eq!(error.details::<Value>(), Some(json!([1])));

    let mut newer = reply(r#"{"code": "Throttled", "executed": "perhaps", "message": ""}"#);
    newer.kind = Some("leveret.error".into());
    let error = foreign.answered(newer).await.unwrap_err();
    assert_eq!(error.code(), Code::Unknown);
    assert_eq!(error.wire_code(), "Throttled");
    assert_eq!(error.executed(), Executed::Maybe);
    assert!(!error.retryable());

    let mut garbage = reply("no json");
    garbage.kind = Some("leveret.error".into());
    let error = foreign.answered(garbage).await.unwrap_err();
    assert_eq!(error.code(), Code::Unknown);
    assert_eq!(error.executed(), Executed::Maybe);
}

#[tokio::test]
async fn a_value_that_cannot_be_read_ends_the_call() {
    let world = World::new().await;
    let mut foreign = Foreign::new(&world).await;
    let error = foreign.answered(reply("{\"cut")).await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert_eq!(error.executed(), Executed::Yes);
    let mut image = reply("");
    image.content_type = Some("image/png".into());
    let error = foreign.answered(image).await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert_eq!(error.executed(), Executed::Yes);
}

#[tokio::test]
async fn a_call_that_was_given_up_leaves_its_slot_to_the_next() {
    let world = World::new().await;
    let mut foreign = Foreign::new(&world).await;
    for _ in 0..10 {
        let (call, request) = foreign.call().await;
        // The lower half of an id is the slot: where slots are not given back, their numbers rise.
        let id = request.message.correlation_id.expect("an id");
        let id = u64::from_str_radix(&id, 16).expect("a number");
        assert_eq!(
            id & u64::from(u32::MAX),
            0,
            "an earlier call is still there"
        );
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
}
