//! The work over Leveret, with nothing turned off.

use bytes::Bytes;
use leveret::{Connection, rpc_service};

#[rpc_service(name = "leveret-bench")]
trait Bench {
    async fn fib(&self, n: u64) -> u64;
    async fn echo(&self, body: Bytes) -> Bytes;
}

struct Server;

impl Bench for Server {
    async fn fib(&self, n: u64) -> u64 {
        super::fib(n)
    }

    async fn echo(&self, body: Bytes) -> Bytes {
        body
    }
}

pub(super) async fn serve(url: &str) {
    let connection = Connection::connect(url).await.expect("a broker");
    // As much as the other server takes.
    let options = leveret::ServiceOptions::new()
        .concurrency(256)
        .queue(leveret::QueueOptions::classic().auto_delete(true));
    let server = connection
        .server()
        .service_with(BenchServer::new(Server), options)
        .start()
        .await;
    server.expect("a server").run().await.expect("signals");
}

#[derive(Clone)]
pub(super) struct Client(BenchClient);

impl Client {
    pub(super) async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url).await.expect("a broker");
        let client = Self(BenchClient::new(connection.client()));
        while client.0.fib(1).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        client
    }
}

impl super::Stack for Client {
    async fn fib(&self, n: u64) -> u64 {
        self.0.fib(n).await.expect("an answer")
    }

    async fn echo(&self, body: Vec<u8>) -> usize {
        self.0.echo(body.into()).await.expect("an answer").len()
    }
}
