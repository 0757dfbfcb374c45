//! How a server finds or makes its queue, and what the queue then does.

use std::time::Duration;

use harness::{Raw, Signal, eventually, within};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use leveret::{Code, Declare, Error, Executed, QueueOptions, Server, ServiceOptions};
use serde_json::{Value, json};

use crate::probe::ProbeServer;
use crate::programs::Vhost;
use crate::world::{LONG, World, json_request, millis, value};

impl World {
    async fn start(&self, options: ServiceOptions) -> Result<Server, Error> {
        let connection = self.connect().await;
        let service = ProbeServer::new(self.stage.clone());
        connection
            .server()
            .service_with(service, options)
            .start()
            .await
    }

    async fn start_queue(&self, options: QueueOptions) -> Result<Server, Error> {
        self.start(ServiceOptions::new().queue(options)).await
    }

    /// What the broker says of the service's queue: durable, auto-delete, arguments.
    async fn declared(&self) -> (bool, bool, Value) {
        let queue = self.broker.queue(&self.queue()).await;
        let queue = queue.expect("the queue");
        (queue.durable, queue.auto_delete, queue.arguments.into())
    }
}

async fn declare(raw: &Raw, queue: &str, durable: bool, arguments: FieldTable) {
    let options = QueueDeclareOptions {
        durable,
        ..Default::default()
    };
    raw.channel()
        .queue_declare(queue.into(), options, arguments)
        .await
        .expect("a queue");
}

#[tokio::test]
async fn queues_are_durable_and_plain_by_default() {
    let world = World::new().await;
    let _server = world.start(ServiceOptions::new()).await.unwrap();
    assert_eq!(world.declared().await, (true, false, json!({})));
}

#[tokio::test]
async fn every_option_of_a_classic_queue_is_declared() {
    let world = World::new().await;
    let options = QueueOptions::classic()
        .message_ttl(millis(60_000))
        .expires(Duration::from_secs(600))
        .max_length(10)
        .max_priority(5)
        .single_active_consumer(true)
        .dead_letter_exchange("graves")
        .dead_letter_routing_key("here");
    let _server = world.start_queue(options).await.unwrap();
    let expected = json!({
        "x-message-ttl": 60_000,
        "x-expires": 600_000,
        "x-max-length": 10,
        "x-overflow": "reject-publish",
        "x-max-priority": 5,
        "x-single-active-consumer": true,
        "x-dead-letter-exchange": "graves",
        "x-dead-letter-routing-key": "here",
    });
    assert_eq!(world.declared().await, (true, false, expected));
}

#[tokio::test]
async fn quorum_transient_and_auto_delete_queues_are_declared() {
    let world = World::new().await;
    let _server = world.start_queue(QueueOptions::quorum()).await.unwrap();
    let (durable, _, arguments) = world.declared().await;
    assert_eq!(
        (durable, arguments),
        (true, json!({"x-queue-type": "quorum"}))
    );
    let probe = world.client().await;
    assert_eq!(probe.add(1, Some(2)).await.unwrap(), 3);

    let world = World::new().await;
    let options = QueueOptions::transient().auto_delete(true);
    let _server = world.start_queue(options).await.unwrap();
    assert_eq!(world.declared().await, (false, true, json!({})));
}

#[tokio::test]
async fn a_full_queue_refuses_the_call_that_overflows_it() {
    let world = World::new().await;
    let options = ServiceOptions::new()
        .concurrency(1)
        .queue(QueueOptions::classic().max_length(2));
    let _server = world.start(options).await.unwrap();
    let probe = world.client().await;
    let hold = |id: &str| tokio::spawn(probe.hold(id.into()).timeout(LONG).into_future());
    let running = hold("a");
    world.stage.wait("start a").await;
    let waiting = [hold("b"), hold("c")];
    let raw = world.raw().await;
    eventually("the queue is full", async || {
        raw.queue(&world.queue()).await == Some((2, 1))
    })
    .await;
    let error = probe.hold("d".into()).timeout(LONG).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.retryable());
    world.stage.release_all();
    running.await.unwrap().unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.stage.count("start d"), 0);
}

#[tokio::test]
async fn an_urgent_call_overtakes_those_that_wait() {
    let world = World::new().await;
    let options = ServiceOptions::new()
        .concurrency(1)
        .queue(QueueOptions::classic().max_priority(5));
    let _server = world.start(options).await.unwrap();
    let probe = world.client().await;
    let hold = |id: &str, priority| {
        tokio::spawn(
            probe
                .hold(id.into())
                .priority(priority)
                .timeout(LONG)
                .into_future(),
        )
    };
    let running = hold("a", 0);
    world.stage.wait("start a").await;
    let raw = world.raw().await;
    let mut waiting = Vec::new();
    // One after the other, so that the queue knows which came first.
    for (id, priority, queued) in [("b", 0, 1), ("c", 5, 2)] {
        waiting.push(hold(id, priority));
        eventually("the call is queued", async || {
            raw.queue(&world.queue()).await == Some((queued, 1))
        })
        .await;
    }
    world.stage.release_all();
    running.await.unwrap().unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    let events = world.stage.events();
    let place = |event: &str| events.iter().position(|other| other == event);
    assert!(place("start c") < place("start b"), "{events:?}");
}

#[tokio::test]
async fn a_passive_server_wants_its_queue_to_exist() {
    let world = World::new().await;
    for declare in [Declare::Passive, Declare::Never] {
        let refused = world
            .start_queue(QueueOptions::classic().declare(declare))
            .await;
        let error = refused.unwrap_err();
        assert_eq!(error.code(), Code::NoSuchService, "{declare:?}");
        assert_eq!(error.executed(), Executed::No, "{declare:?}");
    }
    let raw = world.raw().await;
    assert_eq!(raw.queue(&world.queue()).await, None, "was declared");
    raw.declare(&world.queue()).await;
    for declare in [Declare::Passive, Declare::Never] {
        let server = world
            .start_queue(QueueOptions::quorum().declare(declare))
            .await
            .unwrap();
        assert_eq!(raw.queue(&world.queue()).await, Some((0, 1)));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_queue_of_any_kind_is_adopted() {
    let quorum = AMQPValue::LongString("quorum".into());
    let kinds = [
        (false, vec![]),
        (true, vec![("x-message-ttl", AMQPValue::LongInt(60_000))]),
        (true, vec![("x-queue-type", quorum)]),
    ];
    for (durable, arguments) in kinds {
        let world = World::new().await;
        let raw = world.raw().await;
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert(name.into(), value);
        }
        declare(&raw, &world.queue(), durable, table).await;
        let options = QueueOptions::classic().max_length(5);
        let _server = world.start_queue(options).await.unwrap();
        let request = json_request("add", &json!([1, 2]));
        let reply = raw.call(&world.queue(), request).await;
        assert_eq!(value(&reply), json!(3));
        let (_, _, arguments) = world.declared().await;
        assert_eq!(arguments["x-max-length"], json!(null), "was replaced");
    }
}

#[tokio::test]
async fn adopting_a_different_queue_is_logged_as_a_warning() {
    let vhost = Vhost::new().await;
    let raw = vhost.raw().await;
    // The program's own queue does not exist the second time: it is made as wanted.
    for differs in [true, false] {
        if differs {
            declare(&raw, "rpc_queue", false, FieldTable::default()).await;
        }
        let mut server = vhost.rust("fib-server", &[]);
        server.wait_line("ready").await;
        if differs {
            server.wait_line("WARN").await;
        }
        server.signal(Signal::TERM);
        assert!(server.wait().await.success());
        let warned = server.lines().iter().any(|line| line.contains("WARN"));
        assert_eq!(warned, differs, "{:?}", server.lines());
    }
    vhost.remove().await;
}

#[tokio::test]
async fn an_idle_queue_is_deleted_when_asked_and_a_used_one_is_not() {
    let world = World::new().await;
    let raw = world.raw().await;
    let queue = world.queue();
    let idle = QueueOptions::classic().delete_when_idle(true);
    let first = world.start_queue(idle.clone()).await.unwrap();
    let second = world.start_queue(idle.clone()).await.unwrap();
    first.stop().await;
    assert_eq!(raw.queue(&queue).await, Some((0, 1)), "the other uses it");
    second.stop().await;
    assert_eq!(raw.queue(&queue).await, None);

    // What is in it is not lost, and neither is a queue that was not to be deleted.
    let third = world
        .start(ServiceOptions::new().concurrency(1).queue(idle))
        .await
        .unwrap();
    let request = json_request("hold", &json!({"id": "a"}));
    assert!(raw.publish("", &queue, request).await);
    world.stage.wait("start a").await;
    let request = json_request("note", &json!({"line": "kept"}));
    assert!(raw.publish("", &queue, request).await);
    let stop = tokio::spawn(async move { third.stop().await });
    eventually("the consumer is gone", async || {
        raw.queue(&queue).await == Some((1, 0))
    })
    .await;
    world.stage.release("a");
    within("the stop", stop).await.unwrap();
    assert_eq!(raw.queue(&queue).await, Some((1, 0)));

    let plain = world.start(ServiceOptions::new()).await.unwrap();
    world.stage.wait("note kept").await;
    plain.stop().await;
    assert_eq!(raw.queue(&queue).await, Some((0, 0)));
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let probe = || ProbeServer::new(world.stage.clone());
    let twice = connection.server().service(probe()).service(probe());
    let options = |options: ServiceOptions| connection.server().service_with(probe(), options);
    for refused in [
        twice,
        connection.server(),
        options(ServiceOptions::new().concurrency(0)),
        options(ServiceOptions::new().prefetch(0)),
        options(ServiceOptions::new().method_queue("none", ServiceOptions::new())),
    ] {
        let error = refused.start().await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.executed(), Executed::No);
    }
    assert_eq!(world.raw().await.queue(&world.queue()).await, None);
}
