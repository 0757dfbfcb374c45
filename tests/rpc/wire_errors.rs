//! Requests that a server cannot run: each costs one error reply, is acknowledged, and never comes back.

use harness::{RawMessage, eventually};
use leveret::Code;
use serde_json::{Value, json};

use crate::world::{World, failed, failure, json_request, uuid, value};

fn with(method: &str, change: impl FnOnce(&mut RawMessage)) -> RawMessage {
    let mut request = json_request(method, &json!({"a": 1, "b": 2}));
    change(&mut request);
    request
}

fn bad_requests() -> Vec<(&'static str, RawMessage, (&'static str, &'static str))> {
    let json = |method: &str, body: Value| json_request(method, &body);
    let invalid = ("InvalidArgument", "no");
    let unimplemented = ("Unimplemented", "no");
    let header = |key: &str, value: &str| {
        with("add", |request| {
            request.headers.insert(key.into(), value.into());
        })
    };
    vec![
        (
            "unknown method",
            json("subtract", json!({})),
            ("NoSuchMethod", "no"),
        ),
        (
            "undecodable",
            with("add", |r| r.body = b"{\"a\":".into()),
            invalid,
        ),
        (
            "trailing bytes",
            with("add", |r| r.body = b"[1] [2]".into()),
            invalid,
        ),
        ("wrong type", json("add", json!({"a": "one"})), invalid),
        ("fraction", json("add", json!({"a": 1.5})), invalid),
        (
            "out of range",
            json("add", json!({"a": 9_223_372_036_854_775_808_u64})),
            invalid,
        ),
        ("missing", json("add", json!({"b": 1})), invalid),
        (
            "unknown name",
            json("add", json!({"a": 1, "dry_run": true})),
            invalid,
        ),
        (
            "given twice",
            with("add", |r| r.body = b"{\"a\":1,\"a\":2}".into()),
            invalid,
        ),
        ("too many", json("add", json!([1, 2, 3])), invalid),
        ("bare for two", json("add", json!(1)), invalid),
        (
            "content type",
            with("add", |r| r.content_type = Some("image/png".into())),
            invalid,
        ),
        (
            "text that is not UTF-8",
            with("text", |r| {
                r.content_type = None;
                r.body = vec![0xff];
            }),
            invalid,
        ),
        (
            "encoding",
            with("add", |r| r.content_encoding = Some("gzip".into())),
            unimplemented,
        ),
        ("version 2", header("leveret-v", "2"), unimplemented),
        ("no version", header("leveret-v", "next"), unimplemented),
        ("version 0", header("leveret-v", "0"), unimplemented),
        ("panic", json("panic", json!({})), ("Internal", "maybe")),
        (
            "panic on a thread",
            json("panic_thread", json!({})),
            ("Internal", "maybe"),
        ),
        (
            "no form on the wire",
            json("not_a_number", json!({})),
            ("Internal", "yes"),
        ),
    ]
}

#[tokio::test]
async fn each_bad_request_costs_one_error_reply_and_no_more() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let bad = bad_requests();
    for (id, (_, request, _)) in bad.iter().enumerate() {
        let mut request = request.clone();
        request.reply_to = Some(answers.clone());
        request.correlation_id = Some(id.to_string());
        assert!(raw.publish("", &world.queue(), request).await);
    }
    let expected = bad.len() as u32;
    eventually("an answer to each", async || {
        raw.queue(&answers).await.expect("the queue").0 >= expected
    })
    .await;
    // The same server goes on serving.
    let sum = raw
        .call(&world.queue(), json_request("add", &json!([1, 2])))
        .await;
    assert_eq!(value(&sum), json!(3));
    assert_eq!(world.stage.count("start add"), 1, "a bad request has run");
    world.assert_all_acked(served).await;
    assert_eq!(raw.queue(&answers).await.expect("the queue").0, expected);
    let mut replies = raw.consume(&answers, 0).await;
    for _ in 0..bad.len() {
        let reply = replies.next().await.message;
        let id: usize = reply.correlation_id.as_ref().unwrap().parse().unwrap();
        let (what, _, (code, executed)) = &bad[id];
        assert_eq!(failure(&reply), failed(code, executed), "{what}");
        assert_eq!(
            reply.content_type.as_deref(),
            Some("application/json"),
            "{what}"
        );
        assert!(reply.expiration.is_none() && reply.reply_to.is_none());
    }
}

#[tokio::test]
async fn errors_come_in_the_encoding_of_the_request() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    let request = with("subtract", |r| {
        r.content_type = Some("application/msgpack".into());
    });
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(reply.content_type.as_deref(), Some("application/msgpack"));
    assert_eq!(failure(&reply), failed("NoSuchMethod", "no"));
}

#[tokio::test]
async fn harmless_encodings_are_tolerated() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    for encoding in ["utf-8", "UTF-8", "identity", ""] {
        let request = with("add", |r| r.content_encoding = Some(encoding.into()));
        let reply = raw.call(&world.queue(), request).await;
        assert_eq!(value(&reply), json!(3), "{encoding}");
    }
}

#[tokio::test]
async fn sizes_beyond_the_limit_are_refused_on_both_sides() {
    let world = World::new().await;
    let small = world.builder().max_message_size(2_000).connect().await;
    let served = world
        .serve_on(small.unwrap(), &world.stage, leveret::ServiceOptions::new())
        .await;
    let raw = world.raw().await;
    let request = json_request("text", &json!("x".repeat(2_000)));
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(failure(&reply), failed("ResourceExhausted", "no"));
    assert_eq!(crate::world::body(&reply)["retryable"], json!(false));
    let request = json_request("big", &json!(2_000));
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(failure(&reply), failed("ResourceExhausted", "yes"));
    assert_eq!(crate::world::body(&reply)["retryable"], json!(false));
    let request = json_request("big", &json!(1_000));
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(
        value(&reply).as_str().expect("a string").len(),
        1_000,
        "below the limit"
    );
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn an_outdated_redelivery_is_not_promised_to_be_unexecuted() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let answers = raw.declare_reply_queue().await;
    let mut request = with("subtract", |r| r.reply_to = Some(answers.clone()));
    request.message_id = Some(uuid(1));
    request.expiration = Some("60000".into());
    assert!(raw.publish("", &world.queue(), request.clone()).await);
    request.kind = Some("add".into());
    request.body = b"[]".into();
    request.message_id = Some(uuid(2));
    assert!(raw.publish("", &world.queue(), request).await);
    // An instance took both and died: it may have had the method that this one lacks.
    let dead = world.raw().await;
    let mut taken = dead.consume(&world.queue(), 2).await;
    taken.next().await;
    taken.next().await;
    drop((taken, dead));
    let served = world.serve().await;
    let mut replies = raw.consume(&answers, 0).await;
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("NoSuchMethod", "maybe"));
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("InvalidArgument", "maybe"));
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn the_typed_caller_gets_the_same_codes() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    assert_eq!(probe.panic().await.unwrap_err().code(), Code::Internal);
    let error = probe
        .client()
        .call::<i64>("probe", "add", "one")
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    // MessagePack can carry what JSON cannot.
    assert!(probe.not_a_number().await.unwrap().is_nan());
}
