//! An operator's orders, on the broker of this run and through another process: each must do what it says, or the tests
//! that give it prove nothing.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use harness::{Broker, Raw, RawMessage, eventually, within};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties, Event};
use serde_json::json;

async fn connect(url: &str, name: &str) -> Connection {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.expect("a connection")
}

async fn opens(url: &str) -> bool {
    let opened = Connection::connect(url, ConnectionProperties::default()).await;
    match opened {
        Ok(connection) => connection.close(200, "bye".into()).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_queue_is_described_and_deleted() {
    let broker = Broker::shared().await;
    let name = broker.namespace() + "jobs";
    let raw = broker.raw().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(7));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..Default::default()
    };
    let channel = raw.channel();
    let declared = channel.queue_declare(name.as_str().into(), options, arguments);
    declared.await.expect("a queue");
    for _ in 0..3 {
        assert!(raw.publish("", &name, RawMessage::default()).await);
    }
    let mut consumer = raw.consume(&name, 1).await;
    consumer.next().await;

    // RabbitMQ counts a moment later than it delivers.
    eventually("the counts", async || {
        let queue = broker.queue(&name).await.expect("the queue");
        (
            queue.ready,
            queue.unacknowledged,
            queue.consumers,
            queue.messages(),
        ) == (2, 1, 1, 3)
    })
    .await;
    let queue = broker.queue(&name).await.expect("the queue");
    assert_eq!((queue.durable, queue.auto_delete), (false, true));
    let expected = json!({"x-max-length": 7, "x-overflow": "reject-publish"});
    assert_eq!(serde_json::Value::from(queue.arguments), expected);

    // It belongs to somebody else's connection.
    broker.delete_queue(&name).await;
    assert_eq!(broker.queue(&name).await, None);
    assert!(
        !broker
            .raw()
            .await
            .publish("", &name, RawMessage::default())
            .await
    );
}

#[tokio::test]
async fn a_connection_is_listed_by_its_name_and_closed() {
    let broker = Broker::shared().await;
    let name = broker.namespace();
    let connection = connect(broker.url(), &name).await;
    let channel = connection.create_channel().await.expect("a channel");
    let ids = async || -> Vec<String> {
        let listed = broker.connections().await.into_iter();
        let mine = listed.filter(|one| one.name == name);
        mine.map(|one| one.id).collect()
    };
    eventually("the connection in the list", async || {
        ids().await.len() == 1
    })
    .await;
    broker.close_connection(&ids().await[0], "enough").await;
    eventually("the end of the connection", async || {
        !connection.status().connected() && ids().await.is_empty()
    })
    .await;
    let refused = channel
        .basic_consume(
            "any".into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn logins_and_virtual_hosts_come_and_go() {
    let broker = Broker::shared().await;
    let name = broker.namespace().replace('.', "");
    let with = |password: &str| {
        let login = format!("{name}:{password}@");
        broker.url().replace("guest:guest@", &login)
    };
    broker.set_user(&name, "first").await;
    assert!(opens(&with("first")).await);
    broker.set_user(&name, "second").await;
    assert!(!opens(&with("first")).await);
    assert!(opens(&with("second")).await);
    broker.remove_user(&name).await;
    assert!(!opens(&with("second")).await);

    let url = broker.add_vhost(&name).await;
    let inside = Raw::connect(&url).await;
    inside.declare(&name).await;
    assert_eq!(
        broker.raw().await.queue(&name).await,
        None,
        "it is elsewhere"
    );
    drop(inside);
    broker.remove_vhost(&name).await;
    assert!(!opens(&url).await);
}

mod own_broker {
    use super::*;

    #[tokio::test]
    async fn the_alarm_holds_messages_back_and_lets_them_go() {
        let broker = Broker::own().await;
        let raw = broker.raw().await;
        raw.declare("jobs").await;
        let publisher = connect(broker.url(), "").await;
        let mut events = publisher.events_listener();
        let channel = publisher.create_channel().await.expect("a channel");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");

        broker.set_memory_alarm(true).await;
        let late = tokio::spawn(async move {
            let (exchange, key) = ("".into(), "jobs".into());
            let options = BasicPublishOptions::default();
            let publish =
                channel.basic_publish(exchange, key, options, b"late", Default::default());
            publish.await.expect("a publish").await.expect("a confirm")
        });
        let blocked =
            async { while !matches!(events.next().await, Some(Event::ConnectionBlocked(_))) {} };
        within("the word that it is blocked", blocked).await;
        // Whoever does not publish is heard.
        assert_eq!(raw.queue("jobs").await, Some((0, 0)));
        assert!(!late.is_finished());
        broker.set_memory_alarm(false).await;
        within("the publish", late).await.expect("no panic");
        assert_eq!(raw.queue("jobs").await, Some((1, 0)));
    }

    #[tokio::test]
    async fn a_broker_goes_and_comes_back_on_the_same_port() {
        let mut broker = Broker::own().await;
        let connection = connect(broker.url(), "").await;
        broker.suspend().await;
        eventually("a goodbye", async || !connection.status().connected()).await;
        assert!(!opens(broker.url()).await);
        broker.resume().await;
        assert!(opens(broker.url()).await);

        let connection = connect(broker.url(), "").await;
        broker.kill().await;
        eventually("the end", async || !connection.status().connected()).await;
        assert!(!opens(broker.url()).await);
        broker.restart().await;
        assert!(opens(broker.url()).await);
    }

    #[tokio::test]
    async fn orders_reach_it_from_other_processes() {
        let broker = Broker::own().await;
        let environment: BTreeMap<_, _> = broker
            .environment()
            .await
            .expect("a port")
            .into_iter()
            .collect();
        assert_eq!(environment["AMQP_URL"], broker.url());
        assert_eq!(environment["LEVERET_TEST_BROKER"], broker.kind().name());
        broker.raw().await.declare("jobs").await;
        let script = "import json, os, sys\n\
            sys.path.insert(0, 'python/tests')\n\
            from with_broker import order\n\
            print([queue['name'] for queue in order('queues')])\n\
            order('delete_queue', name='jobs')\n\
            try: order('no_such_order')\n\
            except Exception as error: print(error)\n";
        let mut command = tokio::process::Command::new(harness::python());
        command
            .args(["-c", script])
            .current_dir(harness::root())
            .envs(environment);
        let (status, lines) = harness::Process::spawn(command).output().await;
        assert!(status.success(), "{lines:?}");
        assert_eq!(lines[0], "['jobs']");
        assert!(lines[1].contains("no_such_order"), "{lines:?}");
        assert_eq!(broker.queue("jobs").await, None);
    }
}
