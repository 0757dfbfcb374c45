//! A server for tests that kill one: `rpc-server NAMESPACE`, with the broker in `AMQP_URL`. It serves the wire name of
//! the suite's own probe, prints `start ID` when a handler starts, and leaves most of them running for ever.

use std::time::Duration;

use leveret::{Connection, ServiceOptions, rpc_service};

/// The methods of the suite's probe that a killed server may have.
#[rpc_service(name = "probe")]
trait Probe {
    async fn hold(&self, id: String) -> String;
    #[rpc(idempotent)]
    async fn hold_idempotent(&self, id: String) -> String;
    #[rpc(at_most_once)]
    async fn hold_once(&self, id: String) -> String;
    async fn work(&self, id: String, millis: u64) -> String;
    async fn text(&self, text: String) -> String;
}

struct Holder;

async fn hold(id: &str) -> String {
    println!("start {id}");
    std::future::pending().await
}

impl Probe for Holder {
    async fn hold(&self, id: String) -> String {
        hold(&id).await
    }

    async fn hold_idempotent(&self, id: String) -> String {
        hold(&id).await
    }

    async fn hold_once(&self, id: String) -> String {
        hold(&id).await
    }

    async fn work(&self, id: String, millis: u64) -> String {
        println!("start {id}");
        tokio::time::sleep(Duration::from_millis(millis)).await;
        id
    }

    async fn text(&self, text: String) -> String {
        text
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let namespace = std::env::args()
        .nth(1)
        .ok_or("usage: rpc-server NAMESPACE")?;
    let connection = Connection::builder(std::env::var("AMQP_URL")?)
        .namespace(namespace)
        .connect()
        .await?;
    let options = ServiceOptions::new().concurrency(1);
    let server = connection
        .server()
        .service_with(ProbeServer::new(Holder), options)
        .start()
        .await?;
    let serving = server.run();
    println!("ready");
    serving.await?;
    connection.close().await;
    println!("stopped");
    Ok(())
}
