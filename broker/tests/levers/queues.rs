//! Queues that disappear, and deliveries that get lost or come twice.

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use leveret_broker::{Argument, Broker};

use crate::client::{Client, bodies, within};

#[tokio::test]
async fn a_queue_is_deleted_under_its_consumer_even_an_exclusive_one() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    client.declare("mine", exclusive).await;
    client.publish("mine", "held", false).await;
    let mut consumer = client.consume("mine").await;
    bodies(&mut consumer, 1).await;
    assert_eq!(broker.status().queues[0].unacked, 1);
    assert!(!broker.delete_queue("/", "yours"));
    assert!(!broker.delete_queue("elsewhere", "mine"));
    assert!(broker.delete_queue("/", "mine"));
    assert_eq!(broker.status().queues, []);
    assert!(
        within("basic.cancel", consumer.next()).await.is_none(),
        "the consumer was cancelled"
    );
    // What was in flight belongs to no queue any more, and can still be acknowledged.
    let all = BasicAckOptions { multiple: true };
    client.channel.basic_ack(0, all).await.expect("sent");
    client.declare("other", exclusive).await;
    assert_eq!(broker.status().message_bytes, 0);
}

#[tokio::test]
async fn a_lost_delivery_is_held_until_its_channel_ends() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    client.declare("q", QueueDeclareOptions::default()).await;
    assert!(!broker.lose_deliveries("/", "r", 1));
    assert!(broker.lose_deliveries("/", "q", 2));
    let mut consumer = client.consume("q").await;
    for body in ["a", "b", "c"] {
        client.publish("q", body, false).await;
    }
    assert_eq!(bodies(&mut consumer, 1).await, [("c".to_owned(), false)]);
    assert_eq!(broker.status().queues[0].unacked, 3);
    client.channel.close(200, "".into()).await.expect("closed");
    let again = Client::of(&broker).await;
    let mut consumer = again.consume("q").await;
    let back = ["a", "b", "c"].map(|body| (body.to_owned(), true));
    assert_eq!(bodies(&mut consumer, 3).await, back);
}

#[tokio::test]
async fn a_duplicated_delivery_comes_twice_and_both_can_be_acknowledged() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    client.declare("q", QueueDeclareOptions::default()).await;
    assert!(broker.duplicate_deliveries("/", "q", 1));
    let mut consumer = client.consume("q").await;
    client.publish("q", "a", false).await;
    client.publish("q", "b", false).await;
    let came = bodies(&mut consumer, 3).await;
    let expected = [("a", false), ("a", true), ("b", false)];
    assert_eq!(came, expected.map(|(body, again)| (body.to_owned(), again)));
    let all = BasicAckOptions { multiple: true };
    client.channel.basic_ack(3, all).await.expect("sent");
    client.declare("q", QueueDeclareOptions::default()).await;
    assert_eq!(broker.status().queues[0].unacked, 0);
}

#[tokio::test]
async fn the_status_shows_what_was_declared() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(60_000));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    client
        .channel
        .queue_declare("q".into(), options, arguments)
        .await
        .expect("declared");
    client
        .channel
        .queue_bind(
            "q".into(),
            "amq.topic".into(),
            "a.#".into(),
            Default::default(),
            FieldTable::default(),
        )
        .await
        .expect("bound");
    client.publish("q", "four", true).await;
    let status = broker.status();
    let [queue] = status.queues.as_slice() else {
        panic!("not one queue: {status:?}");
    };
    assert_eq!((&*queue.vhost, &*queue.name), ("/", "q"));
    assert!(queue.durable && !queue.auto_delete && queue.owner.is_none());
    assert_eq!((queue.ready, queue.ready_bytes, queue.unacked), (1, 4, 0));
    let arguments: Vec<_> = queue.arguments.iter().collect();
    let expected = [
        ("x-message-ttl", Argument::Integer(60_000)),
        ("x-overflow", Argument::Text("reject-publish".to_owned())),
        ("x-single-active-consumer", Argument::Bool(true)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert!(
        arguments
            .into_iter()
            .eq(expected.iter().map(|(n, v)| (n, v)))
    );
    let [binding] = status.bindings.as_slice() else {
        panic!("not one binding: {status:?}");
    };
    assert_eq!(
        (&*binding.source, &*binding.routing_key),
        ("amq.topic", "a.#")
    );
    let [connection] = status.connections.as_slice() else {
        panic!("not one connection: {status:?}");
    };
    assert_eq!(connection.name.as_deref(), Some("a test"));
    assert_eq!((&*connection.user, &*connection.vhost), ("guest", "/"));
    assert!(connection.channels[0].confirms);
}

/// What a quorum queue dead-letters at least once stays with it while there is no room.
#[tokio::test]
async fn a_dead_letter_waits_for_room_where_it_may_not_be_lost() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    let declare = async |name: &str, arguments: &[(&str, AMQPValue)]| {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        table.insert("x-queue-type".into(), text("quorum"));
        table.insert("x-overflow".into(), text("reject-publish"));
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let declared = client.channel.queue_declare(name.into(), options, table);
        declared.await.expect("declared");
    };
    declare("full", &[("x-max-length", AMQPValue::LongInt(1))]).await;
    let to_full = |strategy: &str| {
        [
            ("x-message-ttl", AMQPValue::LongInt(1)),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("full")),
            ("x-dead-letter-strategy", text(strategy)),
        ]
    };
    declare("once", &to_full("at-most-once")).await;
    declare("careful", &to_full("at-least-once")).await;
    client.publish("full", "first", true).await;
    client.publish("once", "lost", true).await;
    for body in ["second", "third", "fourth"] {
        client.publish("careful", body, true).await;
    }
    ready(&broker, [("careful", 0), ("full", 1), ("once", 0)]).await;
    let mut consumer = client.consume("full").await;
    let got = bodies(&mut consumer, 4).await;
    let got: Vec<_> = got.iter().map(|(body, _)| &**body).collect();
    assert_eq!(got, ["first", "second", "third", "fourth"]);
    client.channel.close(200, "".into()).await.expect("closed");

    // They are all back, and what waits goes with the queue that holds it.
    let client = Client::of(&broker).await;
    client.publish("careful", "gone", true).await;
    ready(&broker, [("careful", 0), ("full", 4), ("once", 0)]).await;
    assert!(broker.delete_queue("/", "careful"));
    assert!(broker.delete_queue("/", "full"));
    assert_eq!(broker.status().message_bytes, 0);
}

/// Waits until so many messages are ready.
async fn ready(broker: &Broker, wanted: [(&str, usize); 3]) {
    let as_wanted = async {
        loop {
            let queues = broker.status().queues;
            let ready: Vec<_> = queues
                .iter()
                .map(|queue| (&*queue.name, queue.ready))
                .collect();
            if ready == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    within("the queues", as_wanted).await;
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
