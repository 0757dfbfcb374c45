//! The broker as a program embeds it.

mod builder;
mod faults;
mod manage;
mod power;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

use crate::Name;
use crate::listener::accept;
use crate::shared::{Host, Shared, keep_time};
pub use builder::Builder;
pub use power::{Restart, Suspend};

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
    /// The one that it was bound on.
    runtime: Handle,
    running: Mutex<Running>,
}

struct Running {
    /// `None` while the broker is suspended.
    listener: Option<JoinHandle<()>>,
    /// One for each virtual host.
    timers: Vec<(Name, AbortHandle)>,
    /// Those that show what is there.
    pages: Vec<AbortHandle>,
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
    pub async fn stop(self) {
        self.suspend(Suspend::InOrder).await;
        tracing::info!(address = %self.address, "stopped");
    }

    fn start(url: String, address: SocketAddr, listener: TcpListener, shared: Arc<Shared>) -> Self {
        let runtime = Handle::current();
        let broker = Self {
            url,
            address,
            running: Mutex::new(Running {
                listener: Some(runtime.spawn(accept(listener, Arc::clone(&shared)))),
                timers: Vec::new(),
                pages: Vec::new(),
            }),
            runtime,
            shared,
        };
        for host in broker.shared.hosts() {
            broker.keep_time(host);
        }
        broker
    }

    fn keep_time(&self, host: Arc<Host>) {
        let name = Name::clone(&host.name);
        let timer = self.runtime.spawn(keep_time(host)).abort_handle();
        self.running().timers.push((name, timer));
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let mut running = self.running();
        if let Some(listener) = running.listener.take() {
            listener.abort();
        }
        for (_, timer) in running.timers.drain(..) {
            timer.abort();
        }
        for page in running.pages.drain(..) {
            page.abort();
        }
        drop(running);
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
