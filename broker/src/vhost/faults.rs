//! What a test does to a broker: the levers that need its state.

use std::sync::Arc;
use std::time::Duration;

use super::queue::Entry;
use super::{ConnectionId, Vhost};
use crate::error::Refusal;
use crate::status::ConnectionHandle;

/// Deliveries of a queue that go wrong, counted down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeliveryFaults {
    /// As far as the broker knows they were delivered; nothing was written.
    pub(super) lose: u32,
    /// Written twice, under two delivery tags.
    pub(super) duplicate: u32,
}

impl DeliveryFaults {
    /// How often the next delivery is written.
    pub(super) fn copies(&mut self) -> u32 {
        if self.lose > 0 {
            self.lose -= 1;
            0
        } else if self.duplicate > 0 {
            self.duplicate -= 1;
            2
        } else {
            1
        }
    }
}

impl Vhost {
    /// Its task reads no further, or again, once it hears of it; others may write at any moment.
    pub(crate) fn stall(&self, id: ConnectionId, stalled: bool) {
        if let Some(connection) = self.connections.get(id) {
            if stalled {
                connection.out.stall(true);
            }
            connection.control.stall(stalled);
        }
    }

    /// At once, as [`Self::stall`]; its task then looks when bytes may go.
    pub(crate) fn delay(&self, id: ConnectionId, delay: Option<Duration>) {
        if let Some(connection) = self.connections.get(id) {
            connection.out.delay(delay);
            connection.control.delay(delay);
        }
    }

    pub(crate) fn find(&self, handle: ConnectionHandle) -> Option<ConnectionId> {
        let mut connections = self.connections.iter();
        connections
            .find(|(_, connection)| connection.control.number() == handle.0)
            .map(|(id, _)| id)
    }

    /// Closes a connection as an operator does. What it held is released at once, its client hears of it right after.
    pub(crate) fn force_close(&mut self, id: ConnectionId, refusal: Refusal) {
        if let Some(connection) = self.connections.get(id) {
            connection.control.close(refusal);
            self.disconnect(id);
        }
    }

    pub(crate) fn force_close_all(&mut self, refusal: &Refusal) -> usize {
        let connections: Vec<ConnectionId> = self.connections.keys().collect();
        for id in &connections {
            self.force_close(*id, refusal.clone());
        }
        connections.len()
    }

    /// Cuts a connection; what it held is released at once.
    pub(crate) fn cut(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(id) {
            connection.control.abort();
            self.disconnect(id);
        }
    }

    /// Cuts every connection.
    pub(crate) fn cut_all(&mut self) {
        let connections: Vec<ConnectionId> = self.connections.keys().collect();
        let channels: Vec<(ConnectionId, u16)> = self
            .connections
            .iter()
            .flat_map(|(id, connection)| {
                connection
                    .channels
                    .keys()
                    .map(move |channel| (id, *channel))
            })
            .collect();
        // All consumers first: no connection shall be handed what another one gives back.
        let orphaned = channels
            .into_iter()
            .flat_map(|(id, channel)| self.remove_consumers(id, channel))
            .collect();
        for id in connections {
            self.cut(id);
        }
        self.after_removal(orphaned, Vec::new());
    }

    /// Ends a channel as if the client had done something wrong; false when there is no such channel.
    pub(crate) fn force_close_channel(
        &mut self,
        id: ConnectionId,
        channel: u16,
        refusal: &Refusal,
    ) -> bool {
        if self.channel(id, channel).is_none() {
            return false;
        }
        self.close_channel(id, channel);
        self.send_close(id, channel, refusal);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.closed_channels.push(channel);
        }
        true
    }

    /// Deletes a queue whoever uses it; false when there is none of that name.
    pub(crate) fn force_delete_queue(&mut self, name: &str) -> bool {
        let Some(queue) = self.queue_names.get(name).copied() else {
            return false;
        };
        self.remove_queue(queue);
        self.route_dead_letters();
        true
    }

    /// Makes the next deliveries of a queue go wrong; false when there is none of that name.
    pub(crate) fn disturb_queue(&mut self, name: &str, lose: u32, duplicate: u32) -> bool {
        let Some(queue) = self
            .queue_names
            .get(name)
            .and_then(|queue| self.queues.get_mut(*queue))
        else {
            return false;
        };
        queue.faults.lose = queue.faults.lose.saturating_add(lose);
        queue.faults.duplicate = queue.faults.duplicate.saturating_add(duplicate);
        true
    }

    /// Forgets everything, or all but what a restart of RabbitMQ would leave: durable exchanges, durable queues, and in
    /// them the persistent messages.
    pub(crate) fn restart(&mut self, keep_durable: bool) {
        self.cut_all();
        let transient: Vec<_> = self
            .queues
            .iter()
            .filter(|(_, queue)| !(keep_durable && queue.durable))
            .map(|(id, _)| id)
            .collect();
        for queue in transient {
            self.remove_queue(queue);
        }
        let kept: Vec<_> = self.queues.keys().collect();
        for id in kept {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.ready.retain(is_persistent);
            }
            // The head may be another one now, which expires earlier.
            self.arm_head(id);
        }
        if keep_durable {
            self.exchanges.retain_durable();
        } else {
            self.exchanges = super::Exchanges::new(Arc::clone(&self.name));
        }
    }
}

fn is_persistent(entry: &Entry) -> bool {
    entry.message.properties.delivery_mode() == Some(2)
}
