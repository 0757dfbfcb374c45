//! Leveret's own broker on a thread of its own, so that it is to a test what another program would be: a test that keeps
//! its runtime busy, or ends it, does not stop the broker.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use leveret_broker::Broker;
use tokio::runtime::Runtime;

use crate::ports::free_port;

/// A running embedded broker; it ends with this handle.
#[derive(Debug)]
pub(crate) struct Embedded {
    broker: Arc<Broker>,
    runtime: Option<Runtime>,
}

impl Embedded {
    pub(crate) async fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("embedded-broker")
            .enable_all()
            .build()?;
        // Not one of the kernel's own choice: somebody else could take that while the broker is down.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let binding = runtime.spawn(Broker::bind(address)).await;
        let broker = binding.map_err(io::Error::other)?;
        Ok(Self {
            broker: Arc::new(broker.map_err(io::Error::other)?),
            runtime: Some(runtime),
        })
    }

    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.broker
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
