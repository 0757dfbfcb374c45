//! Connections and channels that are closed, cut, stalled, delayed and refused.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::QueueDeclareOptions;
use leveret_broker::{Broker, ConnectionHandle};

use crate::client::{Client, only, within};

const EXCLUSIVE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: false,
    exclusive: true,
    auto_delete: false,
    nowait: false,
};

#[tokio::test]
async fn a_closed_connection_is_told_why_and_holds_nothing_from_then_on() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let mut client = Client::of(&broker).await;
    client.declare("mine", EXCLUSIVE).await;
    let handle = only(&broker);
    assert_eq!(broker.status().queues[0].owner, Some(handle));

    assert!(broker.close_connection(handle, "maintenance"));
    let left = broker.status();
    assert!(left.connections.is_empty(), "{left:?}");
    assert!(left.queues.is_empty(), "{left:?}");
    let error = client.close().await;
    assert_eq!(error.get_id(), 320);
    assert_eq!(
        error.get_message().as_str(),
        "CONNECTION_FORCED - maintenance"
    );
    assert!(!broker.close_connection(handle, "again"));
    assert!(!broker.drop_connection(handle));
    assert!(!broker.stall(handle, true));
}

#[tokio::test]
async fn all_connections_are_closed_under_load_again_and_again() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    for round in 0..20 {
        let mut clients = Vec::new();
        for _ in 0..3 {
            let client = Client::of(&broker).await;
            client.declare("load", QueueDeclareOptions::default()).await;
            for _ in 0..50 {
                // Nobody waits for the confirm: the close comes in between.
                let _ = client
                    .channel
                    .basic_publish(
                        "".into(),
                        "load".into(),
                        Default::default(),
                        &[0; 20_000],
                        Default::default(),
                    )
                    .await;
            }
            clients.push(client);
        }
        let reason = format!("round {round}");
        assert_eq!(broker.close_connections(&reason), 3);
        assert_eq!(broker.status().connections, []);
        for client in &mut clients {
            let error = client.close().await;
            let text = format!("CONNECTION_FORCED - {reason}");
            assert_eq!(error.get_message().as_str(), text);
        }
    }
    // Everybody answered: a client that is waited for would take five seconds.
    let started = Instant::now();
    broker.stop().await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_dropped_connection_sees_a_reset() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let mut client = Client::of(&broker).await;
    client.declare("mine", EXCLUSIVE).await;
    assert!(broker.drop_connection(only(&broker)));
    assert_eq!(broker.status().queues, []);
    assert_eq!(client.cut().await, std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stalled_connection_hangs_until_it_is_let_go() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let (client, other) = (Client::of(&broker).await, Client::of(&broker).await);
    let handle = broker.status().connections[0].handle;
    assert!(broker.stall(handle, true));
    let declare = client.declare("late", QueueDeclareOptions::default());
    tokio::pin!(declare);
    let waiting = tokio::time::timeout(Duration::from_millis(200), &mut declare).await;
    assert!(waiting.is_err(), "answered while stalled");
    other.declare("soon", QueueDeclareOptions::default()).await;
    assert_eq!(broker.status().queues.len(), 1, "nothing was read");
    assert!(broker.stall(handle, false));
    within("an answer", declare).await;
}

#[tokio::test]
async fn a_stall_and_a_delay_hold_what_follows_at_once() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    for stalled in [true, false] {
        let client = Client::of(&broker).await;
        client.declare("q", QueueDeclareOptions::default()).await;
        let mut consumer = client.consume("q").await;
        let handle = only(&broker);
        if stalled {
            assert!(broker.stall(handle, true));
        } else {
            assert!(broker.delay(handle, Some(Duration::from_secs(1))));
        }
        assert!(broker.delete_queue("/", "q"));
        let cancelled = tokio::time::timeout(Duration::from_millis(200), consumer.next()).await;
        assert!(cancelled.is_err(), "told while it was held back");
        assert!(broker.stall(handle, false));
        assert!(within("the end", consumer.next()).await.is_none());
        assert!(broker.drop_connection(handle));
    }
}

#[tokio::test]
async fn a_delayed_connection_gets_everything_later_and_in_order() {
    const DELAY: Duration = Duration::from_millis(150);
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    assert!(broker.delay(only(&broker), Some(DELAY)));
    let started = Instant::now();
    for name in ["a", "b"] {
        client.declare(name, QueueDeclareOptions::default()).await;
    }
    assert!(started.elapsed() >= 2 * DELAY, "{:?}", started.elapsed());
    assert!(broker.delay(only(&broker), None));
    client.declare("c", QueueDeclareOptions::default()).await;
}

#[tokio::test]
async fn a_closed_channel_is_told_why_and_its_number_is_free_again() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    client.declare("q", QueueDeclareOptions::default()).await;
    let mut consumer = client.consume("q").await;
    let connection = only(&broker);
    let number = client.channel.id();
    assert!(!broker.close_channel(connection, number + 1, 406, "not there"));
    assert!(broker.close_channel(connection, number, 406, "PRECONDITION_FAILED - because"));
    let ended = within("the end", consumer.next()).await;
    let text = format!("{:?}", ended.expect("an error").expect_err("no delivery"));
    assert!(text.contains("PRECONDITION_FAILED - because"), "{text}");
    assert_eq!(broker.status().queues[0].consumers, 0);
    // lapin takes the lowest free number, which is the one that was closed.
    let again = client.connection.create_channel().await.expect("a channel");
    again
        .queue_declare("q".into(), Default::default(), Default::default())
        .await
        .expect("it works");
    assert_eq!(broker.status().connections[0].channels.len(), 1);
}

#[tokio::test]
async fn who_is_refused_is_cut_at_once_and_others_live_on() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let client = Client::of(&broker).await;
    broker.refuse(true);
    assert!(Client::try_at(broker.url()).await.is_err());
    client.declare("q", QueueDeclareOptions::default()).await;
    broker.refuse(false);
    Client::of(&broker).await;
}

#[tokio::test]
async fn a_memory_alarm_holds_publishers_back_and_nobody_else() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let (mut publisher, other) = (Client::of(&broker).await, Client::of(&broker).await);
    publisher.declare("q", QueueDeclareOptions::default()).await;
    publisher.publish("q", "before", false).await;
    broker.set_memory_alarm(true);
    let blocked = |event: &lapin::Event| matches!(event, lapin::Event::ConnectionBlocked(_));
    publisher.event("connection.blocked", blocked).await;
    let status = broker.status();
    assert!(status.memory_alarm);
    let states: Vec<_> = status.connections.iter().map(|c| c.blocked).collect();
    assert_eq!(states, [true, false]);
    other.declare("r", QueueDeclareOptions::default()).await;
    broker.set_memory_alarm(false);
    let unblocked = |event: &lapin::Event| matches!(event, lapin::Event::ConnectionUnblocked);
    publisher.event("connection.unblocked", unblocked).await;
    publisher.publish("q", "after", false).await;
    assert_eq!(broker.status().queues[0].ready, 2);
}

#[tokio::test]
async fn a_blocked_connection_can_be_closed() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let mut client = Client::of(&broker).await;
    client.declare("q", QueueDeclareOptions::default()).await;
    client.publish("q", "before", false).await;
    broker.set_memory_alarm(true);
    // It is not read after this.
    let _ = client
        .channel
        .basic_publish(
            "".into(),
            "q".into(),
            Default::default(),
            b"x",
            Default::default(),
        )
        .await;
    assert!(broker.close_connection(only(&broker), "blocked"));
    assert_eq!(client.close().await.get_id(), 320);
    let started = Instant::now();
    broker.stop().await;
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "its answer is read"
    );
}

#[test]
fn levers_need_no_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let broker = runtime
        .block_on(Broker::bind("127.0.0.1:0"))
        .expect("bound");
    let mut client = runtime.block_on(Client::of(&broker));
    assert!(broker.delay(only(&broker), Some(Duration::from_millis(1))));
    assert!(!broker.close_connection(ConnectionHandle::from(999), "nobody"));
    assert_eq!(broker.close_connections("outside"), 1);
    assert_eq!(runtime.block_on(client.close()).get_id(), 320);
}
