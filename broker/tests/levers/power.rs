//! A broker that goes down and comes up again.

use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use leveret_broker::{Broker, Restart, Suspend};

use crate::client::{Client, bodies};

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

async fn filled(broker: &Broker) -> Client {
    let client = Client::of(broker).await;
    client.declare("kept", DURABLE).await;
    client.declare("lost", QueueDeclareOptions::default()).await;
    for queue in ["kept", "lost"] {
        client.publish(queue, "persistent", true).await;
        client.publish(queue, "transient", false).await;
    }
    client
}

fn queues(broker: &Broker) -> Vec<(String, usize)> {
    let queues = broker.status().queues;
    queues.into_iter().map(|q| (q.name, q.ready)).collect()
}

#[tokio::test]
async fn a_restart_keeps_what_is_durable() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let mut client = filled(&broker).await;
    // What somebody holds comes back too.
    let mut consumer = client.consume("kept").await;
    bodies(&mut consumer, 2).await;
    broker.restart(Restart::KeepDurable);
    assert_eq!(queues(&broker), [("kept".to_owned(), 1)]);
    assert!(broker.status().connections.is_empty());
    client.cut().await;
    let again = Client::of(&broker).await;
    let mut consumer = again.consume("kept").await;
    assert_eq!(
        bodies(&mut consumer, 1).await,
        [("persistent".to_owned(), true)]
    );
    drop(again);
    broker.restart(Restart::Forget);
    assert_eq!(queues(&broker), []);
    assert_eq!(broker.status().message_bytes, 0);
}

#[tokio::test]
async fn a_suspended_broker_is_not_there_and_comes_back_on_its_port() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let mut client = filled(&broker).await;
    broker.suspend(Suspend::InOrder).await;
    let error = client.close().await;
    let text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
    assert_eq!((error.get_id(), error.get_message().as_str()), (320, text));
    assert!(
        tokio::net::TcpStream::connect(broker.address())
            .await
            .is_err()
    );
    broker.resume(Restart::KeepDurable).await.expect("up again");
    assert_eq!(queues(&broker), [("kept".to_owned(), 1)]);

    let mut client = Client::of(&broker).await;
    broker.suspend(Suspend::Abrupt).await;
    client.cut().await;
    // Twice is no mistake.
    broker.suspend(Suspend::InOrder).await;
    assert!(
        tokio::net::TcpStream::connect(broker.address())
            .await
            .is_err()
    );
    broker.resume(Restart::Forget).await.expect("up again");
    broker.resume(Restart::Forget).await.expect("it is up");
    assert_eq!(queues(&broker), []);
    let client = Client::of(&broker).await;
    client.declare("kept", QueueDeclareOptions::default()).await;
}

/// One connection holds a message, and another one takes for good whatever comes.
async fn held_and_wanted(broker: &Broker) -> (Client, Client) {
    let holds = Client::of(broker).await;
    holds.declare("kept", DURABLE).await;
    holds.publish("kept", "persistent", true).await;
    let mut consumer = holds.consume("kept").await;
    bodies(&mut consumer, 1).await;
    let wants = Client::of(broker).await;
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consuming = wants
        .channel
        .basic_consume("kept".into(), "wants".into(), no_ack, FieldTable::default())
        .await;
    consuming.expect("consuming");
    (holds, wants)
}

#[tokio::test]
async fn what_a_connection_held_is_not_given_to_one_that_is_cut_as_well() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let clients = held_and_wanted(&broker).await;
    broker.restart(Restart::KeepDurable);
    assert_eq!(queues(&broker), [("kept".to_owned(), 1)]);
    drop(clients);

    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let clients = held_and_wanted(&broker).await;
    broker.suspend(Suspend::Abrupt).await;
    broker.resume(Restart::KeepDurable).await.expect("up again");
    assert_eq!(queues(&broker), [("kept".to_owned(), 1)]);
    drop(clients);
}

#[tokio::test]
async fn a_port_that_is_taken_meanwhile_is_an_error() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    broker.suspend(Suspend::Abrupt).await;
    let thief = tokio::net::TcpListener::bind(broker.address())
        .await
        .expect("free");
    let error = broker.resume(Restart::Forget).await.expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(thief);
    broker.resume(Restart::Forget).await.expect("free again");
}

#[test]
fn a_broker_goes_down_and_up_from_a_thread_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let broker = runtime
        .block_on(Broker::bind("127.0.0.1:0"))
        .expect("bound");
    let mut client = runtime.block_on(Client::of(&broker));
    without_runtime(broker.suspend(Suspend::Abrupt));
    runtime.block_on(client.cut());
    without_runtime(broker.resume(Restart::Forget)).expect("up again");
    runtime.block_on(Client::of(&broker));
}

/// Polls on this thread, outside of any runtime.
fn without_runtime<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
