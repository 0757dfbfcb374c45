//! What docs/protocol.md asks of a server and no caller of this suite ever sends: headers of a later version, properties
//! that are missing or reserved, redelivered requests, an id that comes twice, a cancel that is faster than its request.

use harness::{Raw, RawMessage, Signal, eventually};
use leveret::Codec;
use serde_json::{Value, json};

use crate::languages::{Language, NODE, PYTHON, RUST, World};

fn request(method: &str, arguments: &Value) -> RawMessage {
    RawMessage {
        kind: Some(method.into()),
        content_type: Some("application/json".into()),
        body: arguments.to_string().into_bytes(),
        ..RawMessage::default()
    }
}

fn uuid(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn body(reply: &RawMessage) -> Value {
    let codec = Codec::from_content_type(reply.content_type.as_deref()).expect("a known type");
    let bytes = reply.body.clone().into();
    codec.decode(&bytes).expect("a body that can be decoded")
}

fn assert_value(reply: &RawMessage, value: &Value) {
    assert_eq!(reply.kind.as_deref(), Some("leveret.reply"), "{reply:?}");
    assert_eq!(body(reply), *value);
}

fn assert_refused(what: &str, reply: &RawMessage, code: &str, executed: &str) {
    assert_eq!(reply.kind.as_deref(), Some("leveret.error"), "{what}");
    let error = body(reply);
    assert_eq!(
        (&error["code"], &error["executed"]),
        (&json!(code), &json!(executed)),
        "{what}"
    );
    assert!(error["message"].is_string() && error["retryable"].is_boolean());
}

/// What is in the queue, marked as delivered before, when the server comes.
async fn redeliver(world: &World, raw: &Raw, requests: Vec<RawMessage>) {
    let (queue, taker) = (world.queue(), world.broker.raw().await);
    let count = requests.len();
    for request in requests {
        assert!(raw.publish("", &queue, request).await);
    }
    let mut consumer = taker.consume(&queue, 0).await;
    for _ in 0..count {
        consumer.next().await;
    }
    // All that it holds goes back when its channel ends.
    drop(consumer);
    let closed = taker.channel().close(200, "".into()).await;
    closed.expect("a closed channel");
    eventually("the requests are back", async || {
        raw.queue(&queue).await == Some((count as u32, 0))
    })
    .await;
}

async fn redelivered(language: &Language) {
    let world = World::new().await;
    let (raw, queue) = (world.broker.raw().await, world.queue());
    raw.declare(&queue).await;
    let answers = raw.declare_reply_queue().await;
    let sent = |id: &str, method: &str, arguments: Value, expires: bool| RawMessage {
        correlation_id: Some(id.into()),
        reply_to: Some(answers.clone()),
        expiration: expires.then(|| "60000".into()),
        ..request(method, &arguments)
    };
    let mut cast = request("note", &json!({"id": "cast"}));
    cast.correlation_id = None;
    let requests = vec![
        sent("1 endless", "nothing", json!({}), false),
        sent("2 again", "context", json!({}), true),
        sent("3 wrong", "length", json!({"text": 1}), true),
        sent("4 unknown", "carrot", json!({}), true),
        cast,
    ];
    redeliver(&world, &raw, requests).await;
    let _server = world.serve(language).await;
    let mut consumer = raw.consume(&answers, 0).await;
    let mut replies = Vec::new();
    for _ in 0..4 {
        replies.push(consumer.next().await.message);
    }
    replies.sort_by(|a, b| a.correlation_id.cmp(&b.correlation_id));
    assert_refused("endless", &replies[0], "Aborted", "maybe");
    assert_eq!(body(&replies[1])["redelivered"], json!(true));
    assert_refused("wrong", &replies[2], "InvalidArgument", "maybe");
    assert_refused("unknown", &replies[3], "NoSuchMethod", "maybe");
    // The cast was before this one, and is not run.
    let call = request("note", &json!({"id": "cast"}));
    assert_value(&raw.call(&queue, call).await, &json!(null));
    let events = request("events", &json!({"id": "cast", "count": 1}));
    assert_value(&raw.call(&queue, events).await, &json!(["note"]));
    raw.delete(&queue).await;
}

async fn refusals(raw: &Raw, queue: &str) {
    let plain = || request("echo_i64", &json!({"value": 7}));
    let version = |version: &str| [("leveret-v".to_owned(), version.to_owned())].into();
    let typed = |content_type: &str| Some(content_type.to_owned());
    let wrong = [
        (
            "a later version",
            RawMessage {
                headers: version("2"),
                ..plain()
            },
            "Unimplemented",
        ),
        (
            "a version that is no number",
            RawMessage {
                headers: version("x"),
                ..plain()
            },
            "Unimplemented",
        ),
        (
            "an encoding",
            RawMessage {
                content_encoding: typed("gzip"),
                ..plain()
            },
            "Unimplemented",
        ),
        (
            "a content type",
            RawMessage {
                content_type: typed("image/png"),
                ..plain()
            },
            "InvalidArgument",
        ),
        (
            "no method",
            RawMessage {
                kind: None,
                ..plain()
            },
            "NoSuchMethod",
        ),
        (
            "a broken body",
            RawMessage {
                body: b"{\"value\":".to_vec(),
                ..plain()
            },
            "InvalidArgument",
        ),
        (
            "two values",
            RawMessage {
                body: b"7 8".to_vec(),
                ..plain()
            },
            "InvalidArgument",
        ),
        (
            "text that is not UTF-8",
            RawMessage {
                body: vec![0xff],
                content_type: None,
                ..plain()
            },
            "InvalidArgument",
        ),
    ];
    for (what, request, code) in wrong {
        let reply = raw.call(queue, request).await;
        assert_refused(what, &reply, code, "no");
        assert_eq!(reply.content_type, typed("application/json"), "{what}");
    }
    let packed = RawMessage {
        content_type: typed("application/msgpack"),
        body: b"\xc1".to_vec(),
        ..plain()
    };
    let reply = raw.call(queue, packed).await;
    assert_refused("broken MessagePack", &reply, "InvalidArgument", "no");
    assert_eq!(reply.content_type, typed("application/msgpack"));

    let unknown = [
        ("leveret-later".to_owned(), "x".to_owned()),
        ("x-y".to_owned(), "z".to_owned()),
    ];
    let right = [
        (
            "no encoding",
            RawMessage {
                content_encoding: typed("UTF-8"),
                ..plain()
            },
            "application/json",
        ),
        (
            "parameters",
            RawMessage {
                content_type: typed("Application/JSON; charset=utf-8"),
                ..plain()
            },
            "application/json",
        ),
        (
            "unknown headers",
            RawMessage {
                headers: unknown.into(),
                ..plain()
            },
            "application/json",
        ),
        (
            "text",
            RawMessage {
                content_type: None,
                body: b"7".to_vec(),
                ..plain()
            },
            "text/plain",
        ),
    ];
    for (what, request, content_type) in right {
        let reply = raw.call(queue, request).await;
        let expected = RawMessage {
            body: b"7".to_vec(),
            kind: Some("leveret.reply".into()),
            content_type: typed(content_type),
            correlation_id: reply.correlation_id.clone(),
            delivery_mode: Some(1),
            // Its own name, or none.
            app_id: reply.app_id.clone(),
            ..RawMessage::default()
        };
        assert_eq!(reply, expected, "{what}");
    }
}

async fn drops(raw: &Raw, queue: &str) {
    let answers = raw.declare_reply_queue().await;
    let forged = RawMessage {
        reply_to: Some(answers.clone()),
        ..request("leveret.reply", &json!(7))
    };
    let stray = RawMessage {
        kind: None,
        ..request("", &json!(7))
    };
    for message in [forged, stray] {
        assert!(raw.publish("", queue, message).await);
    }
    // Read after them, answered after them.
    raw.call(queue, request("nothing", &json!({}))).await;
    assert_eq!(raw.queue(&answers).await, Some((0, 0)), "answered");
}

async fn duplicates(raw: &Raw, queue: &str) {
    let twice = RawMessage {
        message_id: Some(uuid(1)),
        expiration: Some("60000".into()),
        ..request("note", &json!({"id": "twice"}))
    };
    for _ in 0..2 {
        assert_value(&raw.call(queue, twice.clone()).await, &json!(null));
    }
    let events = request("events", &json!({"id": "twice", "count": 1}));
    assert_value(&raw.call(queue, events).await, &json!(["note"]));
}

async fn early_cancel(world: &World, raw: &Raw, queue: &str) {
    let mut n = 100;
    let control = format!("{}leveret.control", world.namespace);
    // The two travel by different queues: now and then the request is faster.
    eventually("a cancel that comes first", async || {
        n += 1;
        let cancel = RawMessage {
            kind: Some("leveret.cancel".into()),
            correlation_id: Some(uuid(n)),
            ..RawMessage::default()
        };
        assert!(
            raw.publish(&control, &format!("queue.{queue}"), cancel)
                .await
        );
        let late = RawMessage {
            message_id: Some(uuid(n)),
            ..request("nothing", &json!({}))
        };
        let reply = raw.call(queue, late).await;
        if reply.kind.as_deref() == Some("leveret.error") {
            assert_refused("cancelled", &reply, "Cancelled", "no");
            return true;
        }
        false
    })
    .await;
}

async fn follows_the_page(language: Language) {
    redelivered(&language).await;
    let world = World::new().await;
    let (raw, queue) = (world.broker.raw().await, world.queue());
    let mut server = world.serve(&language).await;
    refusals(&raw, &queue).await;
    drops(&raw, &queue).await;
    duplicates(&raw, &queue).await;
    early_cancel(&world, &raw, &queue).await;
    server.signal(Signal::TERM);
    assert!(server.wait().await.success(), "{:?}", server.lines());
    assert_eq!(
        raw.queue(&queue).await,
        Some((0, 0)),
        "not all was acknowledged"
    );
    raw.delete(&queue).await;
}

macro_rules! servers {
    ($($name:ident: $language:expr,)*) => {
        $(#[tokio::test]
        async fn $name() {
            follows_the_page($language).await;
        })*
    };
}

servers! {
    a_rust_server_follows_the_page: RUST,
    a_python_server_follows_the_page: PYTHON,
    a_node_server_follows_the_page: NODE,
}
