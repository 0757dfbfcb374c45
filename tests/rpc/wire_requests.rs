//! Unusual but lawful messages: what is dropped, what is a cast, what is copied into the reply.

use harness::{RawMessage, eventually};
use serde_json::json;

use crate::world::{World, body, json_request, value};

#[tokio::test]
async fn messages_that_are_no_requests_are_dropped_and_counted() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let message = |kind: Option<&str>, reply_to: Option<&str>| RawMessage {
        kind: kind.map(Into::into),
        reply_to: reply_to.map(Into::into),
        ..json_request("", &json!({"a": 1}))
    };
    let dropped = [
        message(Some("leveret.reply"), Some(&answers)),
        message(Some("leveret.error"), Some(&answers)),
        message(Some("leveret.cancel"), Some(&answers)),
        message(Some("leveret.from-the-future"), Some(&answers)),
        message(None, None),
        message(Some(""), Some("")),
    ];
    let count = dropped.len() as u64;
    for message in dropped {
        assert!(raw.publish("", &world.queue(), message).await);
    }
    eventually("all are counted", async || {
        served.server.dropped_messages() >= count
    })
    .await;
    let sum = raw
        .call(&world.queue(), json_request("add", &json!([1, 2])))
        .await;
    assert_eq!(value(&sum), json!(3));
    assert_eq!(served.server.dropped_messages(), count);
    assert_eq!(world.stage.count("start add"), 1, "a stray message has run");
    world.assert_all_acked(served).await;
    assert_eq!(raw.queue(&answers).await, Some((0, 0)), "was answered");
}

#[tokio::test]
async fn a_reply_never_runs_as_a_request() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    // The forged reply address makes the server answer itself, once with a value and once with an error.
    for method in ["add", "unknown"] {
        let mut request = json_request(method, &json!([1, 2]));
        request.reply_to = Some(world.queue());
        assert!(raw.publish("", &world.queue(), request).await);
    }
    eventually("both replies are dropped", async || {
        served.server.dropped_messages() == 2
    })
    .await;
    assert_eq!(world.stage.count("start add"), 1);
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_method_without_a_reply_address_is_a_cast() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let cast = json_request("note", &json!({"line": "hello"}));
    assert!(raw.publish("", &world.queue(), cast).await);
    world.stage.wait("note hello").await;
    assert_eq!(served.server.dropped_messages(), 0);
    world.assert_all_acked(served).await;
    assert_eq!(world.stage.events(), ["note hello"]);
}

#[tokio::test]
async fn a_oneway_method_with_a_reply_address_is_answered_with_nil() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    let call = json_request("note", &json!({"line": "hello"}));
    assert_eq!(value(&raw.call(&world.queue(), call).await), json!(null));
    assert_eq!(world.stage.events(), ["note hello"]);
}

#[tokio::test]
async fn correlation_ids_are_copied_whatever_they_are() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    let longest = "ä".repeat(127) + "x";
    assert_eq!(longest.len(), 255);
    for id in ["1", "not a uuid; \u{1}\n", &longest] {
        let mut request = json_request("add", &json!([1, 2]));
        request.correlation_id = Some(id.into());
        // `call` compares the ids.
        let reply = raw.call(&world.queue(), request).await;
        assert_eq!(value(&reply), json!(3));
    }
    let answers = raw.declare_reply_queue().await;
    let mut replies = raw.consume(&answers, 0).await;
    for method in ["add", "unknown"] {
        let mut request = json_request(method, &json!([1, 2]));
        request.reply_to = Some(answers.clone());
        assert!(raw.publish("", &world.queue(), request).await);
        assert_eq!(replies.next().await.message.correlation_id, None);
    }
}

#[tokio::test]
async fn replies_carry_what_the_protocol_says_and_nothing_else() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    let mut request = json_request("add", &json!([1, 2]));
    request.app_id = Some("tester".into());
    request.user_id = Some("guest".into());
    request.message_id = Some(crate::world::uuid(1));
    request.headers = [("team".into(), "blue".into())].into();
    request.expiration = Some("20000".into());
    request.delivery_mode = Some(2);
    let reply = raw.call(&world.queue(), request).await;
    let expected = RawMessage {
        body: b"3".into(),
        kind: Some("leveret.reply".into()),
        content_type: Some("application/json".into()),
        correlation_id: Some("raw-call".into()),
        delivery_mode: Some(1),
        ..RawMessage::default()
    };
    assert_eq!(reply, expected);
}

#[tokio::test]
async fn requests_carry_what_the_protocol_says() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let mut requests = raw.consume(&world.queue(), 0).await;
    let connection = world.builder().name("tester").connect().await.unwrap();
    let probe = crate::probe::ProbeClient::new(&connection);
    let call = probe.add(1, None).metadata("team", "blue").into_future();
    let call = tokio::spawn(call);
    let request = requests.next().await;
    let sent = &request.message;
    assert_eq!(sent.kind.as_deref(), Some("add"));
    assert_eq!(sent.content_type.as_deref(), Some("application/msgpack"));
    assert_eq!(sent.delivery_mode, Some(1));
    assert_eq!(sent.app_id.as_deref(), Some("tester"));
    assert_eq!(sent.user_id.as_deref(), Some("guest"));
    assert_eq!(
        sent.headers,
        [("team".to_owned(), "blue".to_owned())].into()
    );
    assert_eq!(sent.content_encoding, None);
    assert_eq!(body(sent), json!({"a": 1, "b": null}));
    let id = sent.message_id.as_deref().expect("a message id");
    assert_eq!(id.len(), 36, "{id}");
    let reply_to = sent.reply_to.as_deref().expect("a reply queue");
    let random = reply_to.strip_prefix("leveret.r.").expect("its prefix");
    assert_eq!(random.len(), 16, "{reply_to}");
    assert!(
        sent.correlation_id
            .as_ref()
            .is_some_and(|id| !id.is_empty())
    );
    // Exclusive: another connection may not even look at it.
    assert_eq!(world.raw().await.queue(reply_to).await, None);
    request.ack().await;
    call.abort();
}
