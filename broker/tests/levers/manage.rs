//! Users and virtual hosts that come and go while the broker runs.

use lapin::ErrorKind;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use leveret_broker::Broker;

use crate::client::Client;

async fn refused(url: &str) -> String {
    match Client::try_at(url).await {
        Ok(_) => panic!("let in at {url}"),
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(error) => error.get_message().to_string(),
            other => panic!("cut instead of refused: {other:?}"),
        },
    }
}

#[tokio::test]
async fn users_come_change_and_go() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let address = broker.address();
    let url = |password| format!("amqp://ann:{password}@{address}/%2f");
    assert!(refused(&url("a")).await.starts_with("ACCESS_REFUSED"));
    assert!(broker.set_user("ann", "a"));
    let early = Client::try_at(&url("a")).await.expect("let in");
    assert_eq!(broker.status().connections[0].user, "ann");
    assert!(!broker.set_user("ann", "b"));
    assert!(refused(&url("a")).await.starts_with("ACCESS_REFUSED"));
    Client::try_at(&url("b")).await.expect("let in");
    assert!(broker.remove_user("ann"));
    assert!(!broker.remove_user("ann"));
    assert!(refused(&url("b")).await.starts_with("ACCESS_REFUSED"));
    early.declare("q", QueueDeclareOptions::default()).await;
}

#[tokio::test]
async fn virtual_hosts_come_and_go_with_what_is_in_them() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let address = broker.address();
    let url = format!("amqp://guest:guest@{address}/side");
    let missing = "NOT_ALLOWED - vhost side not found";
    assert_eq!(refused(&url).await, missing);
    assert!(broker.add_vhost("side"));
    assert!(!broker.add_vhost("side"));
    let mut there = Client::try_at(&url).await.expect("let in");
    let here = Client::of(&broker).await;
    there.declare("q", QueueDeclareOptions::default()).await;
    here.declare("q", QueueDeclareOptions::default()).await;
    there.publish("q", "there", false).await;
    let status = broker.status();
    let queues: Vec<_> = status.queues.iter().map(|q| (&*q.vhost, q.ready)).collect();
    assert_eq!(queues, [("/", 0), ("side", 1)]);
    let handles: Vec<_> = status.connections.iter().map(|c| c.handle).collect();
    assert_eq!(handles.len(), 2);
    assert_ne!(handles[0], handles[1], "one number for one connection");

    assert!(broker.remove_vhost("side"));
    assert!(!broker.remove_vhost("side"));
    let error = there.close().await;
    let text = "CONNECTION_FORCED - vhost 'side' is deleted";
    assert_eq!((error.get_id(), error.get_message().as_str()), (320, text));
    assert_eq!(refused(&url).await, missing);
    here.publish("q", "here", false).await;
    assert!(broker.add_vhost("side"));
    assert_eq!(broker.status().queues.len(), 1, "it is empty again");
}

#[tokio::test]
async fn the_status_is_json_and_text_whatever_things_are_called() {
    const NAME: &str = "\"</script>\\\u{1b}[2J\n\u{1f407}";
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(60_000));
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    client
        .channel
        .queue_declare(NAME.into(), exclusive, arguments)
        .await
        .expect("declared");
    let status = broker.status();
    let json: serde_json::Value = serde_json::from_str(&status.to_json()).expect("JSON");
    let queue = &json["queues"][0];
    assert_eq!(queue["name"], status.queues[0].name);
    assert_eq!(queue["arguments"]["x-expires"], 60_000);
    let connection = &json["connections"][0];
    assert_eq!(queue["owner"], connection["handle"]);
    assert_eq!(connection["name"], "a test");
    assert_eq!(connection["channels"][0]["confirms"], true);
    assert_eq!(json["exchanges"].as_array().map(Vec::len), Some(7));
    let text = status.to_string();
    assert!(text.contains("exclusive to 1, x-expires=60000"), "{text}");
    assert!(!text.contains('\u{1b}'), "no escape sequences: {text}");
}
