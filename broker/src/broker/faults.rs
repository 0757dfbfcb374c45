//! Levers that break things on purpose, so that a test sees what its program makes of it. Every lever can be pulled from
//! any thread, inside of a runtime or not, and has taken effect on the broker when the call returns: what a connection
//! held is released, and [`Broker::status`] shows it no more. Its client hears of it right after.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Broker;
use crate::error::{Refusal, Scope};
use crate::shared::Host;
use crate::status::ConnectionHandle;
use crate::vhost::{ConnectionId, Vhost};

/// False is returned where what a lever is for is not there (any more).
impl Broker {
    /// Closes a connection as an operator does: its client is told `320 CONNECTION_FORCED - ` and the reason.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = leveret_broker::Broker::bind("127.0.0.1:0").await?;
    /// for connection in broker.status().connections {
    ///     if connection.name.as_deref() == Some("worker 7") {
    ///         broker.close_connection(connection.handle, "maintenance");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn close_connection(&self, connection: ConnectionHandle, reason: &str) -> bool {
        let refusal = Refusal::connection_forced(reason);
        self.at(connection, |vhost, id| vhost.force_close(id, refusal))
            .is_some()
    }

    /// [`Self::close_connection`] for all that are open; returns how many these were.
    pub fn close_connections(&self, reason: &str) -> usize {
        let refusal = Refusal::connection_forced(reason);
        let close = |vhost: &mut Vhost| vhost.force_close_all(&refusal);
        self.shared.hosts().iter().map(|host| host.run(close)).sum()
    }

    /// Resets a connection without a word, as a firewall does.
    pub fn drop_connection(&self, connection: ConnectionHandle) -> bool {
        self.at(connection, Vhost::cut).is_some()
    }

    /// Neither reads from a connection nor writes to it, until it is told otherwise: a peer that hangs. No heartbeats
    /// are sent either, and none are expected.
    pub fn stall(&self, connection: ConnectionHandle, stalled: bool) -> bool {
        self.at(connection, |vhost, id| vhost.stall(id, stalled))
            .is_some()
    }

    /// Holds what is sent to a connection back for that long, in order: a slow line.
    pub fn delay(&self, connection: ConnectionHandle, delay: Option<Duration>) -> bool {
        self.at(connection, |vhost, id| vhost.delay(id, delay))
            .is_some()
    }

    /// Closes a channel as if its client had made a mistake, with a reply code and text such as 406 and
    /// `PRECONDITION_FAILED - because`.
    pub fn close_channel(
        &self,
        connection: ConnectionHandle,
        channel: u16,
        code: u16,
        text: &str,
    ) -> bool {
        let refusal = Refusal {
            scope: Scope::Channel,
            code,
            text: text.to_owned(),
            method: (0, 0),
        };
        self.at(connection, |vhost, id| {
            vhost.force_close_channel(id, channel, &refusal)
        })
        .unwrap_or(false)
    }

    /// Deletes a queue, whoever uses it and even if it is another one's own. Consumers that understand it are told by a
    /// `basic.cancel`.
    pub fn delete_queue(&self, vhost: &str, queue: &str) -> bool {
        self.in_vhost(vhost, |vhost| vhost.force_delete_queue(queue))
    }

    /// The next `count` deliveries of a queue get lost on their way: the broker takes them for delivered, and gives them
    /// out again only when their channel ends.
    pub fn lose_deliveries(&self, vhost: &str, queue: &str, count: u32) -> bool {
        self.in_vhost(vhost, |vhost| vhost.disturb_queue(queue, count, 0))
    }

    /// The next `count` deliveries of a queue arrive twice, the second time as redelivered.
    pub fn duplicate_deliveries(&self, vhost: &str, queue: &str, count: u32) -> bool {
        self.in_vhost(vhost, |vhost| vhost.disturb_queue(queue, 0, count))
    }

    /// Acts as if messages took too much memory: connections that publish are told (`connection.blocked`), if they
    /// understand it, and read no further. False leaves the alarm to the memory again.
    pub fn set_memory_alarm(&self, on: bool) {
        for host in self.shared.hosts() {
            host.run(|vhost| vhost.force_alarm(on));
        }
    }

    /// Cuts new connections at once, until it is told otherwise; those that are open stay open.
    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::Relaxed);
    }

    fn in_vhost(&self, name: &str, work: impl FnOnce(&mut Vhost) -> bool) -> bool {
        self.shared.host(name).is_some_and(|host| host.run(work))
    }

    /// `None` when there is no such connection.
    fn at<R>(
        &self,
        handle: ConnectionHandle,
        work: impl FnOnce(&mut Vhost, ConnectionId) -> R,
    ) -> Option<R> {
        let mut work = Some(work);
        let mut at_host = |host: &Host| {
            host.run(|vhost| {
                let id = vhost.find(handle)?;
                Some(work.take()?(vhost, id))
            })
        };
        self.shared.hosts().iter().find_map(|host| at_host(host))
    }
}
