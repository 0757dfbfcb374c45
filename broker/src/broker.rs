//! The broker as a program embeds it.

mod builder;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::ToSocketAddrs;
use tokio::task::JoinHandle;

use crate::error::Refusal;
use crate::shared::Shared;
pub use builder::Builder;

/// A running broker. Dropping it cuts every connection; [`Broker::stop`] closes them in order.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = leveret_broker::Broker::bind("127.0.0.1:0").await?;
/// println!("{}", broker.url()); // for any AMQP 0-9-1 client
/// broker.stop().await;
/// # Ok(()) }
/// ```
///
/// It runs on the tokio runtime that it was bound on. Nothing survives its end: durable queues and persistent messages
/// survive their clients only.
pub struct Broker {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The listener and the timers.
    tasks: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker that listens on `address`; port 0 takes a free one. The login is `guest`, `guest`.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn bind(address: impl ToSocketAddrs + fmt::Display) -> Result<Self, BindError> {
        Self::builder().bind(address).await
    }

    /// A broker with users, virtual hosts or limits of its own.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect to, login included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the broker listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection with a word, as RabbitMQ does when it is shut down, and waits until all are gone: for
    /// clients that do not answer, some seconds.
    pub async fn stop(mut self) {
        self.stop_listening();
        for task in self.tasks.drain(..) {
            // Until it has ended the port is taken.
            let _ = task.await;
        }
        let text = "broker forced connection closure with reason 'shutdown'";
        let refusal = Refusal::connection_forced(text);
        self.shared.registry.close_all(&refusal).await;
        tracing::info!(address = %self.address, "stopped");
    }

    fn stop_listening(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop_listening();
        self.shared.registry.abort_all();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    address: String,
    source: io::Error,
}

impl BindError {
    /// The operating system's reason.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}
