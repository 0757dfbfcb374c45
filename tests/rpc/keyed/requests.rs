//! What a request of a keyed method is, who may send it where, and what else a partition's queue takes.

use harness::{Raw, RawMessage, within};
use leveret::{
    Code, Error, Executed, HandlerFuture, MethodDescriptor, MethodOptions, Request, Service,
    ServiceDescriptor,
};
use serde_json::{Value, json};

use super::{answers, buy, shopper};
use crate::shop::{AnyKey, ItemId, ONE_EACH, assert_in_order};
use crate::world::{LONG, World, failed, failure, json_request, uuid, value};

fn keyed_request(method: &str, body: &Value, key: &str) -> RawMessage {
    let mut request = json_request(method, body);
    request.headers.insert("leveret-key".into(), key.into());
    request
}

fn assert_refused(error: &Error) {
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.executed(), Executed::No);
}

#[tokio::test]
async fn the_key_chooses_the_queue_and_travels_with_the_request() {
    let world = World::new().await;
    let raw = world.raw().await;
    let keys = [
        (AnyKey::Number(7), "7", 2),
        (AnyKey::Flag(true), "true", 1),
        (AnyKey::Text("a".into()), "a", 3),
        (AnyKey::Text(uuid(1)), &*uuid(1), 1),
    ];
    let shopper = world.shopper().await;
    for (key, text, partition) in keys {
        let queue = world.partition(partition);
        raw.declare(&queue).await;
        let mut consumer = raw.consume(&queue, 0).await;
        let call = tokio::spawn(shopper.any(key).timeout(LONG).into_future());
        let request = consumer.next().await;
        assert_eq!(
            request
                .message
                .headers
                .get("leveret-key")
                .map(String::as_str),
            Some(text)
        );
        assert_eq!(request.message.kind.as_deref(), Some("any"));
        request.ack().await;
        call.abort();
        raw.delete(&queue).await;
    }
}

#[tokio::test]
async fn what_is_no_scalar_is_no_key() {
    let world = World::new().await;
    let shopper = world.shopper().await;
    // There is no queue: only what is sent could find that out.
    for wrong in [AnyKey::Fraction(1.5), AnyKey::List(vec![1])] {
        assert_refused(&shopper.any(wrong).await.unwrap_err());
    }
    let client = world.connect().await.client();
    let by_name = || client.call::<u32>("shop", "buy", &("a", 0));
    for refused in [
        by_name().key(1.5, 4),
        by_name().key("a", 0),
        by_name().key("a", 1025),
        by_name().key("a", 4).key("a", 4),
        shopper.buy(ItemId("a".into()), 0).key("a", 4),
    ] {
        assert_refused(&refused.await.unwrap_err());
    }
    let cast = client.cast("shop", "note", &("a", 0)).key([1], 4);
    assert_refused(&cast.await.unwrap_err());
    let sent = by_name().key("a", 4).await.unwrap_err();
    assert_eq!(sent.code(), Code::NoSuchService);
}

#[tokio::test]
async fn calls_by_name_are_ordered_with_those_of_stubs() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let client = shopper.client().clone();
    let mut calls = vec![buy(&shopper, "a", 0).await];
    let by_name = client.call::<u32>("shop", "buy", &("a", 1)).key("a", 4);
    let mut by_name = by_name.timeout(LONG).into_future();
    assert!(futures_util::poll!(&mut by_name).is_pending());
    calls.push(by_name);
    let queue = world.shop();
    let verbatim = client
        .call_queue::<u32>(&queue, "buy", &("a", 2))
        .key("a", 4);
    let mut verbatim = verbatim.timeout(LONG).into_future();
    assert!(futures_util::poll!(&mut verbatim).is_pending());
    calls.push(verbatim);
    let cast = client.cast("shop", "note", &("a", 3)).key("a", 4);
    within("the cast", cast.into_future()).await.unwrap();
    world.stage.wait("start a/0").await;
    world.stage.release_all();
    answers(calls).await;
    world.stage.wait("end a/3").await;
    assert_in_order(&world.stage.events());
}

#[tokio::test]
async fn failing_fast_asks_for_servers_and_not_for_the_owner_of_the_moment() {
    let world = World::new().await;
    let raw = world.raw().await;
    let client = world.connect().await.client().with_fail_fast(true);
    let shopper = crate::shop::ShopClient::new(&client);
    for queue in [world.partition(3), world.members()] {
        raw.declare(&queue).await;
    }
    let error = shopper.buy(ItemId("a".into()), 0).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.executed(), Executed::No);
    let _member = raw.consume(&world.members(), 0).await;
    // What was seen is believed for a second, by this connection.
    let client = world.connect().await.client().with_fail_fast(true);
    let shopper = crate::shop::ShopClient::new(&client);
    let call = shopper.buy(ItemId("a".into()), 0).timeout(LONG);
    let call = tokio::spawn(call.into_future());
    harness::eventually("the call waits for an owner", async || {
        raw.queue(&world.partition(3)).await == Some((1, 0))
    })
    .await;
    call.abort();
}

#[tokio::test]
async fn keyed_methods_are_refused_on_the_plain_queue() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let raw = world.raw().await;
    for request in [
        json_request("buy", &json!(["a", 0])),
        keyed_request("buy", &json!(["a", 0]), "a"),
    ] {
        let reply = raw.call(&world.shop(), request).await;
        assert_eq!(failure(&reply), failed("InvalidArgument", "no"));
    }
    let reply = raw
        .call(&world.shop(), json_request("count", &json!([])))
        .await;
    assert_eq!(value(&reply), json!(7));
    assert_eq!(world.stage.events(), [""; 0]);
}

#[tokio::test]
async fn a_partition_takes_requests_of_its_keys_and_of_none() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    world.stage.release_all();
    let raw = world.raw().await;
    let right = keyed_request("buy", &json!(["a", 0]), "a");
    let without = json_request("buy", &json!(["a", 1]));
    for (n, request) in [right, without].into_iter().enumerate() {
        let reply = raw.call(&world.partition(3), request).await;
        assert_eq!(value(&reply), json!(n));
    }
    let wrong = keyed_request("buy", &json!(["d", 0]), "d");
    let reply = raw.call(&world.partition(3), wrong).await;
    assert_eq!(failure(&reply), failed("InvalidArgument", "no"));
    for request in [
        json_request("count", &json!([])),
        keyed_request("count", &json!([]), "a"),
    ] {
        let reply = raw.call(&world.partition(3), request).await;
        assert_eq!(value(&reply), json!(7));
    }
    assert_eq!(world.stage.count("start d/0"), 0);
}

#[tokio::test]
async fn requests_without_a_key_are_ordered_with_one_another() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let raw = world.raw().await;
    for n in 0..3 {
        let request = json_request("note", &json!(["a", n]));
        assert!(raw.publish("", &world.partition(3), request).await);
    }
    let beside = keyed_request("note", &json!(["c", 0]), "c");
    assert!(raw.publish("", &world.partition(3), beside).await);
    world.stage.wait_all(&["start a/0", "start c/0"]).await;
    assert_eq!(world.stage.count("start a/1"), 0);
    world.stage.release_all();
    world.stage.wait_all(&["end a/2", "end c/0"]).await;
    assert_in_order(&world.stage.events());
}

#[tokio::test]
async fn a_call_that_comes_twice_runs_once() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    world.stage.release_all();
    let raw = world.raw().await;
    let mut request = keyed_request("buy", &json!(["a", 5]), "a");
    request.message_id = Some(uuid(1));
    for _ in 0..2 {
        let reply = raw.call(&world.partition(3), request.clone()).await;
        assert_eq!(value(&reply), json!(5));
    }
    assert_eq!(world.stage.count("start a/5"), 1);
}

#[tokio::test]
async fn a_dropped_call_frees_its_key() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let running = buy(&shopper, "a", 0).await;
    let waiting = buy(&shopper, "a", 1).await;
    let last = buy(&shopper, "a", 2).await;
    world.stage.wait("start a/0").await;
    // Cancels come in order.
    drop(waiting);
    drop(running);
    world.stage.wait_all(&["stop a/0", "start a/2"]).await;
    world.stage.release_all();
    answers(vec![last]).await;
    assert_eq!(world.stage.count("start a/1"), 0, "was cancelled");
}

/// A service that is described at run time.
struct Described(ServiceDescriptor);

impl Described {
    fn new(partitions: Option<u16>, options: MethodOptions) -> Self {
        Self(ServiceDescriptor {
            descriptor: 1,
            name: "described".into(),
            doc: "".into(),
            queue: None,
            partitions,
            methods: vec![MethodDescriptor {
                name: "buy".into(),
                doc: "".into(),
                arguments: vec!["item".into()].into(),
                options,
                schemas: None,
            }]
            .into(),
        })
    }
}

impl Service for Described {
    fn descriptor(&self) -> &ServiceDescriptor {
        &self.0
    }

    fn call(self: std::sync::Arc<Self>, _: &str, request: Request) -> HandlerFuture {
        Box::pin(async move { request.value(&"sold") })
    }
}

fn by(key: &'static str) -> MethodOptions {
    MethodOptions {
        key: Some(key.into()),
        ..MethodOptions::NONE
    }
}

#[tokio::test]
async fn a_service_without_a_macro_is_partitioned_too() {
    let world = World::new().await;
    let connection = world.connect().await;
    let service = Described::new(None, by("item"));
    let _server = connection.server().service(service).start().await.unwrap();
    let client = connection.client();
    for item in ONE_EACH {
        let call = client.call::<String>("described", "buy", &(item,));
        assert_eq!(call.key(item, 16).await.unwrap(), "sold");
    }
}

#[tokio::test]
async fn services_that_cannot_be_partitioned_are_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let own_queue = MethodOptions {
        queue: Some("own".into()),
        ..by("item")
    };
    let alone = |service| connection.server().service(service);
    let beside = Described(ServiceDescriptor {
        name: "described.p3".into(),
        ..Described::new(None, MethodOptions::NONE).0
    });
    for refused in [
        alone(Described::new(Some(0), by("item"))),
        alone(Described::new(Some(1025), by("item"))),
        alone(Described::new(Some(4), by("other"))),
        alone(Described::new(Some(4), own_queue)),
        alone(Described::new(Some(4), by("item"))).service(beside),
    ] {
        assert_refused(&refused.start().await.unwrap_err());
    }
    let raw: Raw = world.raw().await;
    let queue = format!("{}described", world.namespace);
    assert_eq!(raw.queue(&queue).await, None);
}
