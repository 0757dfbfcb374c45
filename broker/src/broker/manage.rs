//! What an operator of RabbitMQ does with `rabbitmqctl`: look at everything; add and remove users and virtual hosts.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{BindError, Broker};
use crate::error::Refusal;
use crate::page::Page;
use crate::settings::User;
use crate::status::Status;

impl Broker {
    /// Everything that is there now. A method that has been answered shows its effect; nothing lags.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = leveret_broker::Broker::bind("127.0.0.1:0").await?;
    /// for queue in broker.status().queues {
    ///     println!("{}: {} ready, {} unacknowledged", queue.name, queue.ready, queue.unacked);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Serves a page that shows what is there, as HTML, as text and as JSON, for as long as the broker lives; port 0
    /// takes a free one. It also answers `GET /api/queues/VHOST/NAME` as RabbitMQ's management API does, to the logins of
    /// the broker, with a queue's counts.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, and for one that is not loopback: the page itself asks for no login.
    pub async fn serve_status(&self, address: impl fmt::Display) -> Result<SocketAddr, BindError> {
        let address = address.to_string();
        // The caller may be on another runtime.
        let binding = self.runtime.spawn({
            let address = address.clone();
            async move { Page::bind(&address).await }
        });
        let bound = binding.await.map_err(io::Error::other);
        let page = bound
            .and_then(|page| page)
            .map_err(|source| BindError { address, source })?;
        let address = page.address();
        let serving = self.runtime.spawn(page.serve(Arc::clone(&self.shared)));
        self.running().pages.push(serving.abort_handle());
        Ok(address)
    }

    /// Lets a user in from now on, or gives one another password; connections that are open stay open. True when nobody
    /// was called so before.
    pub fn set_user(&self, name: impl Into<String>, password: impl Into<String>) -> bool {
        self.shared.set_user(User {
            name: name.into().into(),
            password: password.into(),
            local_only: false,
        })
    }

    /// Lets a user in no more; connections that are open stay open. False when nobody is called so.
    pub fn remove_user(&self, name: &str) -> bool {
        self.shared.remove_user(name)
    }

    /// Adds a virtual host; false when there is one of that name.
    pub fn add_vhost(&self, name: &str) -> bool {
        let added = self.shared.add_host(name);
        let new = added.is_some();
        if let Some(host) = added {
            self.keep_time(host);
        }
        new
    }

    /// Removes a virtual host with all that is in it and closes its connections (320 `CONNECTION_FORCED`); false when
    /// there is none of that name.
    pub fn remove_vhost(&self, name: &str) -> bool {
        let Some(host) = self.shared.remove_host(name) else {
            return false;
        };
        let refusal = Refusal::connection_forced(format!("vhost '{name}' is deleted"));
        host.run(|vhost| {
            vhost.removed = true;
            vhost.force_close_all(&refusal);
            vhost.restart(false);
        });
        let mut running = self.running();
        if let Some(place) = running.timers.iter().position(|(of, _)| **of == *name) {
            let (_, timer) = running.timers.swap_remove(place);
            timer.abort();
        }
        true
    }
}
