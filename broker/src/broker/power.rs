//! A broker that goes down and comes up again, with what RabbitMQ would have kept or with nothing.

use std::io;
use std::sync::Arc;

use super::builder::listen;
use super::{BindError, Broker};
use crate::error::Refusal;
use crate::listener::accept;
use crate::vhost::Vhost;

/// What is left of queues, exchanges and messages when a broker comes up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// What a restart of RabbitMQ leaves: durable exchanges and queues, the bindings between them, and the persistent
    /// messages in them.
    KeepDurable,
    /// Nothing.
    Forget,
}

/// How a broker goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspend {
    /// Connections are closed with a word, as by [`Broker::stop`].
    InOrder,
    /// Connections are cut, as by a crash.
    Abrupt,
}

impl Broker {
    /// Cuts every connection and comes up again within the same call. The port stays open: to its clients this is a cut
    /// after which they can connect at once. Where they shall find nobody for a while, use [`Self::suspend`].
    pub fn restart(&self, keep: Restart) {
        for host in self.shared.hosts() {
            host.run(|vhost| vhost.restart(keep == Restart::KeepDurable));
        }
    }

    /// Goes down: nobody listens on the port any more, and every connection is gone when this returns. For clients that
    /// do not answer to a close in order that takes some seconds.
    ///
    /// ```
    /// # use leveret_broker::{Broker, Restart, Suspend};
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::bind("127.0.0.1:0").await?;
    /// broker.suspend(Suspend::Abrupt).await;
    /// // Clients fail to connect, and try again.
    /// broker.resume(Restart::KeepDurable).await?;
    /// # Ok(()) }
    /// ```
    pub async fn suspend(&self, how: Suspend) {
        let listener = self.running().listener.take();
        if let Some(listener) = listener {
            listener.abort();
            // The port is closed when the task is gone; that it was aborted is what was asked for.
            let _ = listener.await;
        }
        match how {
            Suspend::InOrder => {
                let text = "broker forced connection closure with reason 'shutdown'";
                let refusal = Refusal::connection_forced(text);
                self.shared.registry.close_all(&refusal);
            }
            Suspend::Abrupt => {
                // Together: one by one they would hand each other what they held.
                for host in self.shared.hosts() {
                    host.run(Vhost::cut_all);
                }
                self.shared.registry.abort_all();
            }
        }
        self.shared.registry.empty().await;
    }

    /// Comes up again on the same port after [`Self::suspend`]; nothing happens if it was not suspended.
    ///
    /// # Errors
    ///
    /// When somebody else has taken the port meanwhile.
    pub async fn resume(&self, keep: Restart) -> Result<(), BindError> {
        if self.running().listener.is_some() {
            return Ok(());
        }
        // The caller may be on another runtime, or on none.
        let listening = self.runtime.spawn(listen(self.address)).await;
        let listening = listening.map_err(io::Error::other).and_then(|done| done);
        let (listener, _) = listening.map_err(|source| BindError {
            address: self.address.to_string(),
            source,
        })?;
        self.restart(keep);
        self.shared.registry.reopen();
        let accepting = self
            .runtime
            .spawn(accept(listener, Arc::clone(&self.shared)));
        self.running().listener = Some(accepting);
        Ok(())
    }
}
