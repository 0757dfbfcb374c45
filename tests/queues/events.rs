//! Events: which of them come to whom, by each kind of exchange.

use harness::RawMessage;
use leveret::{
    Code, Connection, Declare, Events, HeaderValue, Message, SubscriptionBuilder, Worker,
};

use crate::world::{Journal, World};

/// Notes events as they come, with their keys.
async fn listen(subscription: SubscriptionBuilder<String>) -> (Journal, Worker) {
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = subscription
        .concurrency(1)
        .start(move |event: String, message: Message| {
            noted.note(event, &message);
            async {}
        })
        .await
        .expect("a subscription");
    (journal, worker)
}

async fn publish(connection: &Connection, events: &Events<String>, event: &str, key: &str) {
    let publisher = connection.events(events);
    publisher.publish(&event.to_owned()).key(key).await.unwrap();
}

#[tokio::test]
async fn a_fanout_gives_every_event_to_every_subscriber() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::fanout("logs");
    // Nobody need be interested.
    publish(&connection, &logs, "early", "").await;
    let (one, _one) = listen(connection.subscribe(&logs)).await;
    let (two, _two) = listen(world.connect().await.subscribe(&logs)).await;
    publish(&connection, &logs, "a", "").await;
    publish(&connection, &logs, "b", "some.key").await;
    for journal in [one, two] {
        let runs = journal.wait(2).await;
        assert_eq!(journal.jobs(), ["a", "b"]);
        assert_eq!(runs[0].exchange, world.named("logs"));
        assert_eq!(
            (&*runs[0].routing_key, &*runs[1].routing_key),
            ("", "some.key")
        );
        assert_eq!(runs[0].attempt, 1);
    }
}

#[tokio::test]
async fn a_direct_exchange_goes_by_equal_keys() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::direct("logs");
    let subscription = connection.subscribe(&logs).key("warn").key("error.*");
    let (journal, _worker) = listen(subscription).await;
    for key in ["info", "warn", "error.disk", "error.*", ""] {
        publish(&connection, &logs, key, key).await;
    }
    publish(&connection, &logs, "last", "warn").await;
    journal.wait(3).await;
    assert_eq!(journal.jobs(), ["warn", "error.*", "last"]);
}

#[tokio::test]
async fn a_topic_exchange_goes_by_patterns() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::topic("logs");
    let (some, _some) = listen(connection.subscribe(&logs).key("kern.*").key("*.critical")).await;
    let (all, _all) = listen(connection.subscribe(&logs).key("#")).await;
    let keys = [
        "kern.critical",
        "kern.info",
        "cron.critical",
        "cron.info",
        "kern",
        "kern.a.b",
    ];
    for key in keys {
        publish(&connection, &logs, key, key).await;
    }
    publish(&connection, &logs, "last", "kern.last").await;
    // One that fits twice comes once.
    some.wait(4).await;
    assert_eq!(
        some.jobs(),
        ["kern.critical", "kern.info", "cron.critical", "last"]
    );
    let runs = all.wait(7).await;
    assert_eq!(all.jobs()[..6], keys);
    assert_eq!(runs[5].routing_key, "kern.a.b");
}

#[tokio::test]
async fn a_headers_exchange_goes_by_headers() {
    let world = World::new().await;
    let connection = world.connect().await;
    let reports = Events::<String>::headers("reports");
    let both = [("format", HeaderValue::from("pdf")), ("pages", 2.into())];
    let (all, _all) = listen(connection.subscribe(&reports).all(both.clone())).await;
    let (any, _any) = listen(connection.subscribe(&reports).any(both)).await;
    let several = connection.subscribe(&reports);
    let several = several.all([("draft", true)]).all([("format", "zip")]);
    let (several, _several) = listen(several).await;
    let publisher = connection.events(&reports);
    let event = |name: &str| publisher.publish(&name.to_owned());
    event("both")
        .header("format", "pdf")
        .header("pages", 2)
        .await
        .unwrap();
    event("one")
        .header("format", "pdf")
        .header("pages", 3)
        .await
        .unwrap();
    event("none").header("format", "txt").await.unwrap();
    event("draft").header("draft", true).await.unwrap();
    event("zip").header("format", "zip").await.unwrap();
    let last = event("last").header("format", "pdf").header("pages", 2);
    last.header("draft", true).await.unwrap();
    all.wait(2).await;
    assert_eq!(all.jobs(), ["both", "last"]);
    any.wait(3).await;
    assert_eq!(any.jobs(), ["both", "one", "last"]);
    several.wait(3).await;
    assert_eq!(several.jobs(), ["draft", "zip", "last"]);
}

#[tokio::test]
async fn an_event_travels_with_its_headers_and_is_persistent() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::fanout("logs");
    let (sender, mut got) = tokio::sync::mpsc::unbounded_channel();
    let _worker = connection
        .subscribe(&logs)
        .start(move |_: String, message: Message| {
            sender.send(message).unwrap();
            async {}
        })
        .await
        .unwrap();
    let publisher = connection
        .events(&logs)
        .with_metadata("team", "blue")
        .unwrap();
    let event = publisher.publish(&"a".to_owned()).header("pages", 2);
    let event = event.header("draft", true).metadata("room", "12");
    let id = event.priority(4).await.unwrap();
    let message = got.recv().await.unwrap();
    assert_eq!(message.id(), Some(&*id.to_string()));
    assert_eq!(
        (message.header("team"), message.header("room")),
        (Some("blue"), Some("12"))
    );
    assert_eq!(message.header_value("pages"), Some(HeaderValue::Integer(2)));
    assert_eq!(message.header_value("draft"), Some(HeaderValue::Bool(true)));
    assert_eq!(message.headers().count(), 4);
    assert_eq!(message.priority(), Some(4));
    let refused = publisher.publish(&"a".to_owned()).header("x-match", "all");
    assert_eq!(refused.await.unwrap_err().code(), Code::InvalidArgument);

    // As another program sees it.
    let raw = world.raw().await;
    let queue = raw.declare_reply_queue().await;
    raw.channel()
        .queue_bind(
            queue.as_str().into(),
            world.named("logs").into(),
            "".into(),
            lapin::options::QueueBindOptions::default(),
            lapin::types::FieldTable::default(),
        )
        .await
        .unwrap();
    let id = publisher.publish(&"b".to_owned()).await.unwrap();
    let seen = raw.consume(&queue, 1).await.next().await.message;
    let expected = RawMessage {
        body: seen.body.clone(),
        content_type: Some("application/msgpack".into()),
        message_id: Some(id.to_string()),
        delivery_mode: Some(2),
        user_id: seen.user_id.clone(),
        headers: [("team".to_owned(), "blue".to_owned())].into(),
        ..RawMessage::default()
    };
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_brokers_own_exchanges_are_everybodys() {
    let world = World::new().await;
    let connection = world.connect().await;
    let shared = Events::<String>::topic("amq.topic");
    let key = world.named("key");
    let (journal, _worker) = listen(connection.subscribe(&shared).key(&key)).await;
    publish(&connection, &shared, "a", &key).await;
    let run = journal.wait(1).await.remove(0);
    assert_eq!(run.exchange, "amq.topic");
}

#[tokio::test]
async fn what_a_kind_cannot_be_asked_for_is_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let refuse = async |subscription: SubscriptionBuilder<String>| {
        let refused = subscription.start(async |_, _| ()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    };
    let pdf = [("format", "pdf")];
    refuse(connection.subscribe(&Events::fanout("f")).key("a")).await;
    refuse(connection.subscribe(&Events::fanout("f")).all(pdf)).await;
    refuse(connection.subscribe(&Events::direct("d"))).await;
    refuse(connection.subscribe(&Events::topic("t")).any(pdf)).await;
    refuse(connection.subscribe(&Events::headers("h")).key("a")).await;
    refuse(connection.subscribe(&Events::headers("h"))).await;
    refuse(connection.subscribe(&Events::fanout("leveret.x"))).await;
    refuse(
        connection
            .subscribe(&Events::fanout("f"))
            .durable("two words"),
    )
    .await;
    let unnamed = connection
        .events(&Events::fanout(""))
        .publish(&String::new());
    assert_eq!(unnamed.await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_exchange_that_may_not_be_declared_has_to_be_there() {
    let world = World::new().await;
    let connection = world.connect().await;
    let passive = Events::<String>::fanout("logs").declare(Declare::Passive);
    let publisher = connection.events(&passive);
    let missing = publisher.publish(&"a".to_owned()).await.unwrap_err();
    assert_eq!(missing.code(), Code::NoSuchService);
    let missing = connection.subscribe(&passive).start(async |_, _| ()).await;
    assert_eq!(missing.unwrap_err().code(), Code::NoSuchService);

    let (journal, _worker) = listen(connection.subscribe(&Events::fanout("logs"))).await;
    publisher.publish(&"b".to_owned()).await.unwrap();
    journal.wait(1).await;
    let never = Events::<String>::fanout("logs").declare(Declare::Never);
    publish(&connection, &never, "c", "").await;
    journal.wait(2).await;
    assert_eq!(journal.jobs(), ["b", "c"]);
}

#[tokio::test]
async fn an_exchange_that_was_deleted_is_declared_again() {
    let world = World::new().await;
    let connection = world.connect().await;
    let logs = Events::<String>::fanout("logs");
    publish(&connection, &logs, "a", "").await;
    let raw = world.raw().await;
    let options = lapin::options::ExchangeDeleteOptions::default();
    raw.channel()
        .exchange_delete(world.named("logs").into(), options)
        .await
        .unwrap();
    publish(&connection, &logs, "b", "").await;
    let (journal, _worker) = listen(connection.subscribe(&logs)).await;
    publish(&connection, &logs, "c", "").await;
    journal.wait(1).await;
    assert_eq!(journal.jobs(), ["c"]);
}
