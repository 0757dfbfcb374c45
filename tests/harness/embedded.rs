//! Leveret's own broker on threads of its own, so that it is to a test what another program would be: a test that keeps
//! its runtime busy, or ends it, does not stop the broker.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use leveret_broker::Broker;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Mutex;

use crate::ports::free_port;

/// A running embedded broker; it ends with this handle.
#[derive(Debug)]
pub(crate) struct Embedded {
    levers: std::sync::Arc<Levers>,
    runtime: Option<Runtime>,
}

/// What can be done to the broker, also by those who do not own it.
#[derive(Debug)]
pub(crate) struct Levers {
    runtime: Handle,
    /// The same after every restart.
    address: SocketAddr,
    url: String,
    /// None while it is down.
    broker: Mutex<Option<Broker>>,
    vhosts: Mutex<HashMap<String, Broker>>,
}

impl Embedded {
    pub(crate) async fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("embedded-broker")
            .enable_all()
            .build()?;
        // Not one of the kernel's own choice: that could be taken by somebody else during a restart.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let broker = bind(runtime.handle(), address).await?;
        Ok(Self {
            levers: std::sync::Arc::new(Levers {
                runtime: runtime.handle().clone(),
                address,
                url: broker.url().to_owned(),
                broker: Mutex::new(Some(broker)),
                vhosts: Mutex::default(),
            }),
            runtime: Some(runtime),
        })
    }

    pub(crate) fn levers(&self) -> &std::sync::Arc<Levers> {
        &self.levers
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // A test drops this inside of its own runtime, where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Levers {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it with a word to everybody.
    pub(crate) async fn suspend(&self) {
        if let Some(broker) = self.broker.lock().await.take() {
            let stopping = self.runtime.spawn(broker.stop());
            stopping.await.expect("stopping does not panic");
        }
    }

    /// Ends it without a word.
    pub(crate) async fn kill(&self) {
        drop(self.broker.lock().await.take());
    }

    /// Starts it on the same port, ending it first if it runs.
    pub(crate) async fn restart(&self) -> io::Result<()> {
        self.suspend().await;
        let broker = bind(&self.runtime, self.address).await?;
        *self.broker.lock().await = Some(broker);
        Ok(())
    }

    /// Pulls a lever of the running broker.
    pub(crate) async fn pull<T>(&self, lever: impl FnOnce(&Broker) -> T) -> io::Result<T> {
        let broker = self.broker.lock().await;
        let broker = broker.as_ref();
        Ok(lever(
            broker.ok_or_else(|| io::Error::other("the broker is down"))?,
        ))
    }

    /// A broker of its own serves for a virtual host.
    pub(crate) async fn add_vhost(&self, name: &str) -> io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let broker = bind(&self.runtime, address).await?;
        let url = broker.url().to_owned();
        self.vhosts.lock().await.insert(name.to_owned(), broker);
        Ok(url)
    }

    pub(crate) async fn remove_vhost(&self, name: &str) -> bool {
        self.vhosts.lock().await.remove(name).is_some()
    }
}

async fn bind(runtime: &Handle, address: SocketAddr) -> io::Result<Broker> {
    let binding = runtime.spawn(Broker::bind(address));
    let broker = binding.await.map_err(io::Error::other)?;
    broker.map_err(io::Error::other)
}
