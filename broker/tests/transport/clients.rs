//! Ordinary clients, and what becomes of them.

use std::time::Duration;

use amq_protocol::protocol::connection;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use leveret_broker::Broker;

use crate::raw::{Method, Raw, broker, close, on_zero};

async fn connect(url: &str) -> lapin::Result<Connection> {
    Connection::connect(url, ConnectionProperties::default()).await
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

#[tokio::test]
async fn a_client_opens_a_channel_and_leaves() {
    let broker = broker().await;
    let connection = connect(broker.url()).await.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    assert!(channel.status().connected());
    connection.close(200, "bye".into()).await.expect("a close");
}

#[tokio::test]
async fn a_wrong_login_and_a_wrong_vhost_are_refused() {
    let broker = broker().await;
    let url = broker.url().replace("guest:guest", "guest:wrong");
    let refused = connect(&url).await.expect_err("a refusal");
    assert_eq!(code(&refused), Some(403), "{refused}");
    let url = broker.url().replace("%2f", "nope");
    let refused = connect(&url).await.expect_err("a refusal");
    assert_eq!(code(&refused), Some(530), "{refused}");
}

#[tokio::test]
async fn users_and_vhosts_are_the_builders() {
    let builder = Broker::builder()
        .user("ä/b", "p@ss:w/rd")
        .user("other", "o");
    let broker = builder
        .vhost("a b")
        .vhost("c")
        .heartbeat(Duration::ZERO)
        .frame_max(8192)
        .channel_max(3)
        .bind("127.0.0.1:0")
        .await
        .expect("a broker");
    let connection = connect(broker.url()).await.expect("a connection");
    assert_eq!(connection.configuration().frame_max(), 8192);
    assert_eq!(connection.configuration().channel_max(), 3);
    assert_eq!(connection.configuration().heartbeat(), 0);
    let place = broker.url().rsplit_once('@').expect("a login").1;
    let place = place.rsplit_once('/').expect("a vhost").0;
    connect(&format!("amqp://other:o@{place}/c"))
        .await
        .expect("a connection");
    let guest = connect(&format!("amqp://guest:guest@{place}/c")).await;
    assert_eq!(code(&guest.expect_err("no guest")), Some(403));
    assert!(!format!("{broker:?}{:?}", Broker::builder().user("u", "secret")).contains("secret"));
}

#[tokio::test]
async fn a_stop_waits_for_clients_that_answer() {
    let broker = broker().await;
    let address = broker.address();
    let mut raw = Raw::open(&broker, 0).await;
    let stop = tokio::spawn(broker.stop());
    assert_eq!(close(raw.next().await).0, 320);
    raw.method(Method::CloseOk(connection::CloseOk {})).await;
    assert_eq!(raw.next().await, None);
    stop.await.expect("a stop");
    // The port is free again.
    Broker::bind(address).await.expect("the same port");
}

#[tokio::test]
async fn a_dropped_broker_cuts_its_connections() {
    let broker = broker().await;
    let mut open = Raw::open(&broker, 0).await;
    let mut begun = Raw::connect(&broker).await;
    begun.send(b"AMQP\0\0\x09\x01").await;
    begun.next().await.expect("start");
    drop(broker);
    assert_eq!(open.next().await, None);
    assert_eq!(begun.next().await, None);
}

#[tokio::test]
async fn many_brokers_live_beside_each_other() {
    let (one, other) = (broker().await, broker().await);
    let mut raw = Raw::open(&other, 0).await;
    one.stop().await;
    let close = connection::Close {
        reply_code: 200,
        ..Default::default()
    };
    raw.method(Method::Close(close)).await;
    let close_ok = Method::CloseOk(connection::CloseOk {});
    assert_eq!(raw.next().await, Some(on_zero(close_ok)));
}

#[tokio::test]
async fn connections_are_limited_and_their_places_given_again() {
    let builder = Broker::builder().max_connections(2);
    let broker = builder.bind("127.0.0.1:0").await.expect("a broker");
    let mut first = Raw::open(&broker, 0).await;
    let _second = Raw::open(&broker, 0).await;
    assert_eq!(Raw::connect(&broker).await.next().await, None);

    let close = connection::Close {
        reply_code: 200,
        ..Default::default()
    };
    first.method(Method::Close(close)).await;
    first.next().await.expect("close-ok");
    first.method(Method::CloseOk(connection::CloseOk {})).await;
    assert_eq!(first.next().await, None);
    // The place is free a moment after the socket is.
    loop {
        let mut raw = Raw::connect(&broker).await;
        raw.send(b"AMQP\0\0\x09\x01").await;
        if raw.next().await.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let broker = broker().await;
    let taken = Broker::bind(broker.address())
        .await
        .expect_err("a taken port");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        taken.to_string().contains(&broker.address().to_string()),
        "{taken}"
    );
}
