//! What travels beside the arguments, and what the calls of a handler inherit.

use leveret::{Client, Code, Connection, Context, Error, Executed, TraceContext, rpc_service};
use serde_json::json;

use crate::probe::{ProbeClient, Seen};
use crate::world::{World, json_request, millis, value};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn the_handler_sees_who_calls_and_what_was_sent_along() {
    let world = World::new().await;
    let _served = world.serve().await;
    let connection = world.builder().name("tester").connect().await.unwrap();
    let client = connection.client().with_metadata("team", "blue").unwrap();
    let mut trace = TraceContext::new(PARENT);
    trace.tracestate = Some("a=b".into());
    trace.baggage = Some("k=v".into());
    let seen = ProbeClient::new(client)
        .seen()
        .metadata("zone", "ä")
        .trace(trace)
        .timeout(millis(20_000))
        .await
        .unwrap();
    let left = seen.millis_left.expect("a call has a deadline");
    assert!((10_000..=20_000).contains(&left), "{left}");
    let mut metadata = seen.metadata.clone();
    metadata.sort();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(metadata, [pair("team", "blue"), pair("zone", "ä")]);
    let expected = Seen {
        service: "probe".into(),
        method: "seen".into(),
        metadata: seen.metadata.clone(),
        caller: Some("tester".into()),
        user: Some("guest".into()),
        traceparent: Some(PARENT.into()),
        tracestate: Some("a=b".into()),
        baggage: Some("k=v".into()),
        millis_left: seen.millis_left,
        redelivered: false,
    };
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_foreign_caller_is_nobody_and_has_no_deadline() {
    let world = World::new().await;
    let _served = world.serve().await;
    let raw = world.raw().await;
    let mut request = json_request("seen", &json!(null));
    request.headers = [
        ("team", "blue"),
        ("x-death", "no"),
        ("leveret-future", "1"),
        ("Upper", "no"),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .into();
    let seen = value(&raw.call(&world.queue(), request).await);
    assert_eq!(seen["metadata"], json!([["team", "blue"]]));
    for nothing in ["caller", "user", "traceparent", "millis_left"] {
        assert_eq!(seen[nothing], json!(null), "{nothing}");
    }
}

#[tokio::test]
async fn metadata_that_may_not_be_sent_is_refused_before_sending() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.client().await;
    for key in ["x-match", "leveret-v", "traceparent", "Upper", "", "cc"] {
        let error = probe
            .nothing()
            .metadata(key.to_owned(), "v")
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{key}");
        assert_eq!(error.executed(), Executed::No, "{key}");
    }
    // More than a header frame holds would cost the whole connection.
    let error = probe
        .seen()
        .metadata("big", "x".repeat(17_000))
        .await
        .unwrap_err();
    assert_eq!(error.executed(), Executed::No);
    let most = probe.seen().metadata("big", "x".repeat(16_000)).await;
    assert_eq!(most.unwrap().metadata[0].1.len(), 16_000);
}

/// Calls the probe from inside a handler.
#[rpc_service(name = "outer")]
trait Outer {
    async fn relay(&self, millis: u64) -> Result<Seen, Error>;
    async fn relay_named(&self, cx: &Context) -> Result<Seen, Error>;
    #[rpc(blocking)]
    fn relay_blocking(&self) -> Result<Seen, Error>;
}

struct Relay(Client);

impl Outer for Relay {
    async fn relay(&self, timeout: u64) -> Result<Seen, Error> {
        let probe = ProbeClient::new(&self.0);
        probe.seen().timeout(millis(timeout)).await
    }

    async fn relay_named(&self, cx: &Context) -> Result<Seen, Error> {
        let probe = ProbeClient::new(&self.0);
        // A task of its own inherits nothing unless the context is handed to it.
        let (scoped, bare) = (cx.clone(), probe.seen().timeout(millis(50_000)));
        let bare = tokio::spawn(bare.into_future());
        assert!(bare.await.expect("the task")?.traceparent.is_none());
        let call = probe.seen().timeout(millis(50_000));
        let task = tokio::spawn(scoped.scope(call.into_future()));
        task.await.expect("the task")
    }

    fn relay_blocking(&self) -> Result<Seen, Error> {
        let call = ProbeClient::new(&self.0).seen().timeout(millis(50_000));
        let context = Context::current().expect("a blocking handler has a context too");
        let call = context.scope(call.into_future());
        tokio::runtime::Handle::current().block_on(call)
    }
}

async fn serve_outer(connection: &Connection) -> leveret::Server {
    let relay = OuterServer::new(Relay(connection.client()));
    connection.server().service(relay).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_inside_a_handler_inherit_its_deadline_and_trace() {
    let world = World::new().await;
    let _served = world.serve().await;
    let middle = world.connect().await;
    let _outer = serve_outer(&middle).await;
    let outer = OuterClient::new(world.connect().await.client());
    let trace = || TraceContext::new(PARENT);

    // The inner call asks for more than the outer one has.
    let capped = [
        outer.relay(50_000).trace(trace()).timeout(millis(20_000)),
        outer.relay_named().trace(trace()).timeout(millis(20_000)),
        outer
            .relay_blocking()
            .trace(trace())
            .timeout(millis(20_000)),
    ];
    for call in capped {
        let seen = call.await.unwrap();
        assert_eq!(seen.traceparent.as_deref(), Some(PARENT));
        assert!(seen.millis_left.is_some_and(|left| left <= 20_000));
    }
    let shorter = outer.relay(10_000).timeout(millis(40_000)).await.unwrap();
    assert!(shorter.millis_left.is_some_and(|left| left <= 10_000));
    assert_eq!(shorter.traceparent, None);
}
