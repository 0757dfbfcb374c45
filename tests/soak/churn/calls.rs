//! Leveret's own calls, whose connections heal by themselves.

use std::sync::Arc;
use std::time::Duration;

use leveret::{Connection, rpc_service};

use super::{Counts, count};

/// Gives back what it gets.
#[rpc_service(name = "soak")]
trait Echo {
    async fn echo(&self, text: String) -> String;
}

struct Echoing;

impl Echo for Echoing {
    async fn echo(&self, text: String) -> String {
        text
    }
}

pub(super) fn start(url: &str, counts: &Arc<Counts>) -> impl Future<Output = ()> + use<> {
    let (url, counts) = (url.to_owned(), Arc::clone(counts));
    async move {
        tokio::join!(serve(&url), call(&url, &counts), call(&url, &counts));
    }
}

async fn connected(url: &str) -> Connection {
    loop {
        match Connection::connect(url).await {
            Ok(connection) => return connection,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(url: &str) {
    loop {
        let connection = connected(url).await;
        let service = EchoServer::new(Echoing);
        if let Ok(server) = connection.server().service(service).start().await {
            // It ends with a fault that it cannot heal; then the next one serves.
            let _ = server.run().await;
        }
    }
}

async fn call(url: &str, counts: &Counts) {
    let connection = connected(url).await;
    let echo = EchoClient::new(connection.client());
    loop {
        let text = "x".repeat(rand::random_range(0..20_000));
        let answer = echo
            .echo(text.clone())
            .timeout(Duration::from_secs(2))
            .await;
        match answer {
            Ok(echoed) => {
                assert_eq!(echoed, text, "an answer to another call");
                count(&counts.calls);
            }
            Err(_) => {
                count(&counts.interrupted);
                // While there is no connection a call fails at once.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
