//! An operator's orders, on the broker of this run and through another process: each must do what it says, or the tests
//! that give it prove nothing.

use std::collections::BTreeMap;

use harness::{Broker, Raw, RawMessage, eventually};
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

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
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .expect("a prefetch");
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
    let properties = ConnectionProperties::default().with_connection_name(name.as_str().into());
    let connection = Connection::connect(broker.url(), properties)
        .await
        .expect("a connection");
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
        assert!(raw.publish("", "jobs", RawMessage::default()).await);
        broker.set_memory_alarm(true).await;
        let late =
            tokio::spawn(async move { raw.publish("", "jobs", RawMessage::default()).await });
        let blocked = async || {
            let connection = Connection::connect(broker.url(), ConnectionProperties::default());
            let connection = connection.await.expect("connections are let in");
            let channel = connection.create_channel().await.expect("a channel");
            let options = QueueDeclareOptions {
                passive: true,
                ..Default::default()
            };
            let queue = channel.queue_declare("jobs".into(), options, FieldTable::default());
            queue
                .await
                .expect("whoever publishes nothing is heard")
                .message_count()
        };
        assert_eq!(blocked().await, 1);
        assert!(!late.is_finished());
        broker.set_memory_alarm(false).await;
        assert!(
            harness::within("the publish", late)
                .await
                .expect("no panic")
        );
    }

    #[tokio::test]
    async fn a_broker_goes_and_comes_back_on_the_same_port() {
        let mut broker = Broker::own().await;
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(broker.url(), properties)
            .await
            .expect("a connection");
        broker.suspend().await;
        eventually("a goodbye", async || !connection.status().connected()).await;
        assert!(!opens(broker.url()).await);
        broker.resume().await;
        assert!(opens(broker.url()).await);

        let properties = ConnectionProperties::default();
        let connection = Connection::connect(broker.url(), properties)
            .await
            .expect("a connection");
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
