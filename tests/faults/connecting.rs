//! Brokers that are not there, say nothing, or say no: `connect` ends in time with a code that tells which.

use std::time::{Duration, Instant};

use harness::{Broker, Proxy, eventually, free_port, within};
use leveret::{Code, Connection, ConnectionState, Executed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::{
    LONG, Worker, assert_error, builder, connect, lapin_threads, serve, wait_state, work,
};

fn nobody() -> String {
    format!("amqp://127.0.0.1:{}/%2f", free_port())
}

/// A server that answers each connection with `greeting` and then says nothing more.
async fn mute(greeting: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("amqp://{}/%2f", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(greeting).await;
                let mut sink = Vec::new();
                let _ = stream.read_to_end(&mut sink).await;
            });
        }
    });
    url
}

fn with_vhost(url: &str, vhost: &str) -> String {
    url.strip_suffix("%2f")
        .expect("the default vhost")
        .to_owned()
        + vhost
}

#[tokio::test]
async fn a_refused_port_is_unavailable() {
    let start = Instant::now();
    let outcome = Connection::connect(&nobody()).await;
    assert_error(&outcome, Code::Unavailable, Executed::No);
    assert!(start.elapsed() < Duration::from_secs(5));
    // Whoever is new learns what to do.
    let said = outcome.expect_err("nobody is there").to_string();
    assert!(said.contains("`leveret-broker`"), "{said}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up_and_leaves_no_thread() {
    // Nothing at all; half a frame; the header of a frame that claims 64 MiB.
    for greeting in [
        &b""[..],
        b"\x01\x00\x00\x00",
        b"\x01\x00\x00\x04\x00\x00\x00",
    ] {
        let url = mute(greeting).await;
        let start = Instant::now();
        let outcome = Connection::builder(url)
            .connect_timeout(Duration::from_millis(300))
            .connect();
        let outcome = within("the connect timeout", outcome).await;
        assert_error(&outcome, Code::Unavailable, Executed::No);
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        eventually("the end of lapin's threads", async || lapin_threads() == 0).await;
    }
}

#[tokio::test]
async fn something_that_is_no_broker_is_unavailable() {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"AMQP\x00\x01\x00\x00",
    ] {
        let url = mute(greeting).await;
        let outcome = Connection::builder(url)
            .connect_timeout(Duration::from_secs(2))
            .connect();
        let outcome = within("an error", outcome).await;
        assert_error(&outcome, Code::Unavailable, Executed::No);
        eventually("the end of lapin's threads", async || lapin_threads() == 0).await;
    }
}

#[tokio::test]
async fn a_refused_login_and_a_refused_vhost_have_codes_of_their_own() {
    let broker = Broker::shared().await;
    let wrong_password = broker.url().replace("guest:guest@", "guest:wrong@");
    assert_error(
        &Connection::connect(&wrong_password).await,
        Code::Unauthenticated,
        Executed::No,
    );
    let wrong_vhost = with_vhost(broker.url(), "there-is-no-such-vhost");
    assert_error(
        &Connection::connect(&wrong_vhost).await,
        Code::PermissionDenied,
        Executed::No,
    );
    eventually("the end of lapin's threads", async || lapin_threads() == 0).await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_an_invalid_argument() {
    for url in [
        "",
        "127.0.0.1",
        "http://127.0.0.1/",
        "amqp://127.0.0.1:99999/%2f",
        "amqp://:@:/",
        "amqp://127.0.0.1/%2f?heartbeat=often",
    ] {
        assert_error(
            &Connection::connect(url).await,
            Code::InvalidArgument,
            Executed::No,
        );
        let lazy = Connection::builder(url).connect_lazy();
        assert_error(&lazy, Code::InvalidArgument, Executed::No);
    }
}

#[tokio::test]
async fn a_dead_address_is_passed_over() {
    let broker = Broker::shared().await;
    let connection = Connection::builder(nobody())
        .address(nobody())
        .address(broker.url())
        .connect()
        .await
        .expect("the third address is good");
    assert_eq!(connection.state(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_lost_connection_moves_to_another_address() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let proxy = Proxy::to(broker.url()).await;
    let home = connect(broker.url(), &names).await;
    let _server = serve(&home, &Worker::default()).await;
    let client = builder(&proxy.url_through(broker.url()), &names)
        .address(broker.url())
        .connect()
        .await
        .expect("the first address is good");
    assert_eq!(proxy.accepted(), 2);

    proxy.refuse().await;
    proxy.reset_connections().await;
    let answer = work(&client, LONG).double(21).await;
    assert_eq!(answer.expect("the second address is good"), 42);
}

#[tokio::test]
async fn a_lazy_connection_waits_for_its_broker() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let proxy = Proxy::to(broker.url()).await;
    let url = proxy.url_through(broker.url());
    proxy.refuse().await;

    let client = builder(&url, &names).connect_lazy().expect("a good URL");
    assert_eq!(client.state(), ConnectionState::Reconnecting);
    let early = work(&client, LONG);
    let early = tokio::spawn(async move { early.double(4).await });
    let server = builder(&url, &names).connect_lazy().expect("a good URL");
    let serving = tokio::spawn(async move {
        let running = serve(&server, &Worker::default()).await;
        (server, running)
    });

    proxy.pass().await;
    wait_state(&client, ConnectionState::Connected).await;
    let _server = within("the server", serving).await.expect("no panic");
    // Whoever came first: a call that finds no queue yet is told so.
    match within("the early call", early).await.expect("no panic") {
        Ok(answer) => assert_eq!(answer, 8),
        error => assert_error(&error, Code::NoSuchService, Executed::No),
    }
    assert_eq!(work(&client, LONG).double(5).await.expect("an answer"), 10);
}
