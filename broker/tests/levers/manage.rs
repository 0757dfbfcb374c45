//! Users and virtual hosts that come and go while the broker runs.

use lapin::ErrorKind;
use lapin::options::QueueDeclareOptions;
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
