//! The link cut at every place: in the handshake, inside a frame, between frames, in either direction.

use std::time::Duration;

use harness::{Broker, Direction, Proxy};
use leveret::{Code, Connection, Executed, Server};

use crate::fixture::{LONG, Worker, builder, connect, serve, work};

/// 1, 2, 3, 5, 7, 11 … about 1.5 apart, up to beyond the handshake of both connections and the first calls.
fn places() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_u64), |n| Some(n + n.div_ceil(2))).take_while(|n| *n < 30_000)
}

/// What a call may end with when a cut hits it, apart from the right answer.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    code: Code,
    timeout: Duration,
}

async fn cut_everywhere(proxy: &Proxy, client: &Connection, allowed: Allowed) {
    let mut cuts = 0;
    for bytes in places() {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let before = proxy.accepted();
            proxy.reset_after(direction, bytes);
            proxy.reset_connections().await;
            // Two new connections are the recovery from the reset; a third one comes after the cut.
            while proxy.accepted() < before + 3 {
                let text = "x".repeat(1000);
                match work(client, allowed.timeout).echo(text.clone()).await {
                    Ok(answer) => assert_eq!(answer, text),
                    Err(error) => assert_eq!(
                        (error.code(), error.executed()),
                        (allowed.code, Executed::Maybe),
                        "{error:?} after {bytes} bytes {direction:?}"
                    ),
                }
            }
            cuts += 1;
        }
        let answer = work(client, LONG).double(bytes).await;
        assert_eq!(answer.expect("it has recovered"), bytes * 2);
    }
    assert!(cuts >= 40, "{cuts} cuts");
}

async fn home(broker: &Broker, names: &str) -> (Connection, Server) {
    let connection = connect(broker.url(), names).await;
    let server = serve(&connection, &Worker::default()).await;
    (connection, server)
}

fn hasty(url: &str, names: &str) -> leveret::ConnectionBuilder {
    builder(url, names).backoff(Duration::from_millis(1), Duration::from_millis(20))
}

#[tokio::test]
async fn a_client_recovers_from_a_cut_at_any_place() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let _server = home(&broker, &names).await;
    let proxy = Proxy::to(broker.url()).await;
    let url = proxy.url_through(broker.url());
    let client = hasty(&url, &names).connect().await.expect("a connection");
    let allowed = Allowed {
        code: Code::Unavailable,
        timeout: LONG,
    };
    cut_everywhere(&proxy, &client, allowed).await;
}

#[tokio::test]
async fn a_server_recovers_from_a_cut_at_any_place() {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let proxy = Proxy::to(broker.url()).await;
    let url = proxy.url_through(broker.url());
    let far = hasty(&url, &names).connect().await.expect("a connection");
    let _server = serve(&far, &Worker::default()).await;
    let client = connect(broker.url(), &names).await;
    // A reply that the kernel has taken and the network loses has been acknowledged: only the deadline is left.
    let allowed = Allowed {
        code: Code::DeadlineExceeded,
        timeout: Duration::from_secs(1),
    };
    cut_everywhere(&proxy, &client, allowed).await;
}
