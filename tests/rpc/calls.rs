//! Calls and their answers: typed and dynamic, in every encoding, from many tasks at once.

use std::collections::BTreeMap;

use harness::within;
use leveret::{CallError, Client, Code, Codec, Error, Executed, ServiceOptions, rpc_service};
use serde_json::{Value, json};

use crate::probe::{ProbeError, ProbeServer, Stage};
use crate::world::{LONG, World, json_request, value};

#[tokio::test]
async fn typed_calls_bring_the_value_back() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    assert_eq!(probe.add(1, Some(2)).await.unwrap(), 3);
    assert_eq!(probe.add(1, None).await.unwrap(), 101);
    assert_eq!(probe.text("ä\0b".into()).await.unwrap(), "ä\0b");
    assert_eq!(probe.divide(9, 3).await.unwrap(), 3);
    probe.nothing().await.unwrap();
    let nested = json!({"list": [1, -2, 3.5, null, true], "text": "x", "map": {"": {}}});
    assert_eq!(probe.echo(nested.clone()).await.unwrap(), nested);
}

#[tokio::test]
async fn the_renamed_method_has_only_its_wire_name() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    assert_eq!(probe.rust_name().await.unwrap(), 7);
    let client = probe.client();
    let seven: u32 = client.call("probe", "renamed", &()).await.unwrap();
    assert_eq!(seven, 7);
    let error = client
        .call::<u32>("probe", "rust_name", &())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::NoSuchMethod);
    assert_eq!(error.executed(), Executed::No);
}

#[tokio::test]
async fn arguments_go_by_name_by_position_and_bare_in_every_codec() {
    let world = World::new().await;
    let _served = world.serve().await;
    let connection = world.connect().await;
    for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
        let client = connection.client().with_codec(codec);
        let by_name = BTreeMap::from([("a", 1), ("b", 2)]);
        let sum: i64 = client.call("probe", "add", &by_name).await.unwrap();
        assert_eq!(sum, 3, "{codec:?}");
        let sum: i64 = client.call("probe", "add", &(1, 5)).await.unwrap();
        assert_eq!(sum, 6, "{codec:?}");
        let sum: i64 = client.call("probe", "add", &[1]).await.unwrap();
        assert_eq!(sum, 101, "{codec:?}");
        let text: String = client.call("probe", "text", "bare").await.unwrap();
        assert_eq!(text, "bare", "{codec:?}");
        let probe = crate::probe::ProbeClient::new(&client);
        assert_eq!(probe.add(-1, Some(-2)).await.unwrap(), -3, "{codec:?}");
        assert_eq!(probe.text("30".into()).await.unwrap(), "30", "{codec:?}");
        assert_eq!(probe.echo(json!([[]])).await.unwrap(), json!([[]]));
    }
}

#[tokio::test]
async fn no_method_means_the_default_method() {
    let world = World::new().await;
    let _served = world.serve().await;
    let client = world.connect().await.client();
    let sum: i64 = client.call("probe", "", &(2, 3)).await.unwrap();
    assert_eq!(sum, 5);
    let sum: i64 = client
        .call_queue(&world.queue(), "", &(2, 4))
        .await
        .unwrap();
    assert_eq!(sum, 6);
}

#[tokio::test]
async fn domain_errors_are_typed_on_both_sides() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    match probe.divide(7, 0).await {
        Err(CallError::Domain(ProbeError::DivisionByZero { dividend: 7 })) => {}
        other => panic!("{other:?}"),
    }
    match probe.divide(0, 0).await {
        Err(CallError::Domain(ProbeError::Closed)) => {}
        other => panic!("{other:?}"),
    }
    let error = probe.refuse().await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(error.executed(), Executed::Yes);

    // A caller without the enum reads the same error by its fields.
    let error: Error = probe
        .client()
        .call::<i64>("probe", "divide", &(7, 0))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Application);
    assert_eq!(error.name(), Some("DivisionByZero"));
    assert_eq!(error.details::<Value>(), Some(json!({"dividend": 7})));
    let raw = world.raw().await;
    let request = json_request("divide", &json!({"a": 7, "b": 0}));
    let reply = raw.call(&world.queue(), request).await;
    let error = crate::world::body(&reply);
    assert_eq!(reply.kind.as_deref(), Some("leveret.error"));
    assert_eq!(error["code"], "Application");
    assert_eq!(error["name"], "DivisionByZero");
    assert_eq!(error["details"], json!({"dividend": 7}));
    assert_eq!(error["executed"], "yes");
    assert_eq!(error["retryable"], false);
    assert!(error["message"].as_str().is_some_and(|m| m.contains('7')));
    let reply = raw
        .call(
            &world.queue(),
            json_request("divide", &json!({"a": 0, "b": 0})),
        )
        .await;
    assert_eq!(crate::world::body(&reply)["name"], "shut");
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn a_blocking_method_holds_no_other_call_up() {
    let world = World::new().await;
    // This test's runtime has one thread: a handler that blocks it stops everything here.
    let _served = world.serve().await;
    let probe = world.client().await;
    let blocked = tokio::spawn(probe.hold_thread("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    assert_eq!(probe.add(1, Some(1)).await.unwrap(), 2);
    world.stage.release("a");
    assert!(!within("the blocking call", blocked).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_thousand_calls_in_flight_each_get_their_own_answer() {
    const CALLS: u16 = 1000;
    let world = World::new().await;
    let _served = world
        .serve_with(ServiceOptions::new().concurrency(CALLS))
        .await;
    let probe = world.client().await;
    let calls: Vec<_> = (0..CALLS)
        .map(|n| {
            let probe = crate::probe::ProbeClient::new(probe.client());
            tokio::spawn(async move { probe.hold(n.to_string()).timeout(LONG).await })
        })
        .collect();
    world.stage.wait_count("start", CALLS.into()).await;
    world.stage.release_all();
    for (n, call) in calls.into_iter().enumerate() {
        let answer = within("an answer", call).await.unwrap().unwrap();
        assert_eq!(answer, n.to_string());
    }
    assert_eq!(probe.client().unclaimed_replies(), 0);
}

#[tokio::test]
async fn a_call_keeps_its_connection_open() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    // The last handle but the call's own.
    drop(probe);
    let other = world.client().await;
    assert_eq!(other.add(1, Some(1)).await.unwrap(), 2);
    world.stage.release("a");
    assert_eq!(within("the answer", call).await.unwrap().unwrap(), "a");
}

#[rpc_service(name = "second", queue = "leveret-test.queue-override")]
trait Second {
    async fn name(&self) -> String;
    #[rpc(queue = "leveret-test.method-queue")]
    async fn apart(&self) -> String;
}

struct SecondService;

impl Second for SecondService {
    async fn name(&self) -> String {
        "second".into()
    }

    async fn apart(&self) -> String {
        "apart".into()
    }
}

#[tokio::test]
async fn services_share_a_connection_and_queues_can_be_named() {
    let world = World::new().await;
    let connection = world.connect().await;
    let server = connection
        .server()
        .service(ProbeServer::new(Stage::new()))
        .service(SecondServer::new(SecondService))
        .start()
        .await
        .unwrap();
    let client = world.connect().await.client();
    let second = SecondClient::new(&client);
    assert_eq!(second.name().await.unwrap(), "second");
    assert_eq!(second.apart().await.unwrap(), "apart");
    let sum: i64 = client.call("probe", "add", &(1, 1)).await.unwrap();
    assert_eq!(sum, 2);
    let raw = world.raw().await;
    for queue in ["leveret-test.queue-override", "leveret-test.method-queue"] {
        assert_eq!(raw.queue(queue).await, Some((0, 1)), "{queue}");
        let name: String = client.call_queue(queue, "name", &()).await.unwrap();
        assert_eq!(name, "second");
    }
    // Without a reader the requests show where each method's go.
    server.stop().await;
    let waiting = [
        tokio::spawn(second.name().into_future()),
        tokio::spawn(second.apart().into_future()),
    ];
    let mut main = raw.consume("leveret-test.queue-override", 1).await;
    assert_eq!(main.next().await.message.kind.as_deref(), Some("name"));
    let mut own = raw.consume("leveret-test.method-queue", 1).await;
    assert_eq!(own.next().await.message.kind.as_deref(), Some("apart"));
    for call in waiting {
        call.abort();
    }
    raw.delete("leveret-test.queue-override").await;
    raw.delete("leveret-test.method-queue").await;
}

#[tokio::test]
async fn namespaces_keep_services_of_one_name_apart() {
    let (blue, green) = (World::new().await, World::new().await);
    let _served = (blue.serve().await, green.serve().await);
    let (to_blue, to_green) = (blue.client().await, green.client().await);
    to_blue.note_or_fail("blue".into()).await.unwrap_err();
    to_green.note_or_fail("green".into()).await.unwrap_err();
    assert_eq!(blue.stage.events(), ["note blue"]);
    assert_eq!(green.stage.events(), ["note green"]);
}

#[tokio::test]
async fn a_foreign_caller_gets_its_answer_in_its_own_encoding() {
    let world = World::new().await;
    let served = world.serve().await;
    let raw = world.raw().await;
    let reply = raw
        .call(
            &world.queue(),
            json_request("add", &json!({"a": 1, "b": 2})),
        )
        .await;
    assert_eq!(reply.content_type.as_deref(), Some("application/json"));
    assert_eq!(value(&reply), json!(3));
    // {"a": 1, "b": 2} as MessagePack.
    let request = harness::RawMessage {
        kind: Some("add".into()),
        content_type: Some("Application/MsgPack; x=y".into()),
        body: vec![0x82, 0xa1, b'a', 1, 0xa1, b'b', 2],
        ..Default::default()
    };
    let reply = raw.call(&world.queue(), request).await;
    assert_eq!(reply.content_type.as_deref(), Some("application/msgpack"));
    assert_eq!(reply.body, [3]);
    let text = |kind: Option<&str>, body: &str| harness::RawMessage {
        kind: kind.map(Into::into),
        body: body.into(),
        ..Default::default()
    };
    let reply = raw.call(&world.queue(), text(None, "[41]")).await;
    assert_eq!(reply.content_type.as_deref(), Some("text/plain"));
    assert_eq!(reply.body, b"141");
    let reply = raw.call(&world.queue(), text(Some("text"), "[\"ä")).await;
    assert_eq!(reply.body, "[\"ä".as_bytes());
    world.assert_all_acked(served).await;
}

#[rpc_service(name = "relay")]
trait Relay {
    async fn relay(&self, service: String) -> Result<u32, Error>;
}

struct Relaying(Client);

impl Relay for Relaying {
    async fn relay(&self, service: String) -> Result<u32, Error> {
        self.0.call(&service, "relay", &["nobody"]).await
    }
}

#[tokio::test]
async fn an_error_that_a_handler_lets_through_does_not_deny_that_the_handler_ran() {
    let world = World::new().await;
    let connection = world.connect().await;
    let relay = RelayServer::new(Relaying(connection.client()));
    let server = connection.server().service(relay).start().await;
    let _server = server.expect("a server");
    let client = RelayClient::new(&world.connect().await);
    let error = client.relay("nobody".into()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.executed()),
        (Code::NoSuchService, Executed::Maybe)
    );
}
