//! Each lever of the proxy against a plain echo server; no broker is needed.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use harness::Direction::{ToClient, ToServer};
use harness::{Proxy, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough for bytes that are on their way to arrive, when a test shows that none do.
const QUIET: Duration = Duration::from_millis(200);

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a listener");
    let addr = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    addr
}

async fn proxy_and_client() -> (Proxy, TcpStream) {
    let proxy = Proxy::start(echo().await).await;
    let mut client = TcpStream::connect(proxy.addr())
        .await
        .expect("a connection");
    round_trip(&mut client).await;
    (proxy, client)
}

async fn round_trip(client: &mut TcpStream) {
    client.write_all(b"ping").await.expect("a write");
    let mut reply = [0; 4];
    within("the echo", client.read_exact(&mut reply))
        .await
        .expect("a read");
    assert_eq!(&reply, b"ping");
}

async fn is_quiet(client: &mut TcpStream) -> bool {
    tokio::time::timeout(QUIET, client.read_u8()).await.is_err()
}

/// What the client reads until the end, and how that came.
async fn rest(client: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = within("the end of the connection", client.read_to_end(&mut bytes)).await;
    (bytes, end.err().map(|error| error.kind()))
}

#[tokio::test]
async fn passes_and_counts() {
    let (proxy, mut client) = proxy_and_client().await;
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    assert_eq!((proxy.bytes(ToServer), proxy.bytes(ToClient)), (4, 4));
    client.shutdown().await.expect("a half-close");
    assert_eq!(rest(&mut client).await, (vec![], None));
    proxy.wait_open(0).await;
}

#[tokio::test]
async fn refuses_and_accepts_again_on_the_same_port() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.refuse().await;
    let refused = TcpStream::connect(proxy.addr())
        .await
        .expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    round_trip(&mut client).await;

    proxy.pass().await;
    let mut second = TcpStream::connect(proxy.addr())
        .await
        .expect("a connection");
    round_trip(&mut second).await;
    proxy.wait_accepted(2).await;
}

#[tokio::test]
async fn resets_and_closes() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.reset_connections().await;
    assert_eq!(
        rest(&mut client).await,
        (vec![], Some(ErrorKind::ConnectionReset))
    );

    let mut second = TcpStream::connect(proxy.addr())
        .await
        .expect("a connection");
    round_trip(&mut second).await;
    proxy.close_connections().await;
    assert_eq!(rest(&mut second).await, (vec![], None));
    assert_eq!(proxy.open(), 0);
}

#[tokio::test]
async fn resets_after_a_number_of_bytes_once() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.reset_after(ToServer, 7);
    round_trip(&mut client).await;
    client.write_all(b"four").await.expect("a write");
    assert_eq!(rest(&mut client).await.1, Some(ErrorKind::ConnectionReset));
    assert_eq!(proxy.bytes(ToServer), 12);

    let mut second = TcpStream::connect(proxy.addr())
        .await
        .expect("a connection");
    for _ in 0..3 {
        round_trip(&mut second).await;
    }
}

#[tokio::test]
async fn black_hole_swallows_one_direction_and_cannot_be_mended() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.black_hole(ToClient);
    client.write_all(b"lost").await.expect("a write");
    proxy.wait_bytes(ToClient, 8).await;
    assert!(is_quiet(&mut client).await);

    proxy.pass().await;
    assert_eq!(
        rest(&mut client).await,
        (vec![], Some(ErrorKind::ConnectionReset))
    );
}

#[tokio::test]
async fn stall_loses_nothing() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.stall(ToServer);
    client.write_all(b"late").await.expect("a write");
    assert!(is_quiet(&mut client).await);

    proxy.pass().await;
    let mut reply = [0; 4];
    within("the echo", client.read_exact(&mut reply))
        .await
        .expect("a read");
    assert_eq!(&reply, b"late");
}

#[tokio::test]
async fn stall_makes_the_sender_wait() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.stall(ToServer);
    let flood = vec![0; 64 * 1024 * 1024];
    let write = tokio::time::timeout(QUIET * 5, client.write_all(&flood)).await;
    assert!(
        write.is_err(),
        "64 MiB went into a connection that nobody reads"
    );
}

#[tokio::test]
async fn delays() {
    let (proxy, mut client) = proxy_and_client().await;
    proxy.delay(ToServer, QUIET);
    let start = Instant::now();
    round_trip(&mut client).await;
    assert!(start.elapsed() >= QUIET);
}

#[tokio::test]
async fn an_unreachable_broker_shows_as_a_reset() {
    let proxy = Proxy::start(SocketAddr::from((
        Ipv4Addr::LOCALHOST,
        harness::free_port(),
    )))
    .await;
    let mut client = TcpStream::connect(proxy.addr())
        .await
        .expect("the proxy itself accepts");
    assert_eq!(
        rest(&mut client).await,
        (vec![], Some(ErrorKind::ConnectionReset))
    );
}

#[tokio::test]
async fn dropping_the_proxy_ends_everything() {
    let (proxy, mut client) = proxy_and_client().await;
    let addr = proxy.addr();
    drop(proxy);
    assert_eq!(rest(&mut client).await.0, Vec::<u8>::new());
    harness::eventually("the port to be closed", async || {
        TcpStream::connect(addr).await.is_err()
    })
    .await;
}
