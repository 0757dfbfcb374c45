//! basic.ack, nack, reject and recover; basic.get and basic.qos.

use smallvec::{SmallVec, smallvec};
use std::time::Instant;

use super::death::Reason;
use super::unacked::Delivered;
use super::{Channel, ConnectionId, QueueId, Vhost};
use crate::error::Refusal;

/// What becomes of messages that a client is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settle {
    Ack,
    Requeue,
    /// Dropped, or dead-lettered where the queue has an exchange for that.
    Reject,
}

pub(super) type Taken = SmallVec<[(u64, Delivered); 1]>;

impl Vhost {
    /// # Errors
    ///
    /// 406 when the tag is unknown or settled already.
    pub(crate) fn settle(
        &mut self,
        id: ConnectionId,
        channel: u16,
        tag: u64,
        multiple: bool,
        how: Settle,
    ) -> Result<(), Refusal> {
        let Some(holder) = self.channel_mut(id, channel) else {
            return Ok(());
        };
        let taken = take(holder, tag, multiple)
            .ok_or_else(|| Refusal::precondition_failed(format!("unknown delivery tag {tag}")))?;
        if let Some(transaction) = &mut holder.transaction {
            transaction.settled.push((taken, how));
        } else {
            self.settle_taken(id, channel, taken, how);
        }
        Ok(())
    }

    pub(super) fn settle_taken(
        &mut self,
        id: ConnectionId,
        channel: u16,
        taken: Taken,
        how: Settle,
    ) {
        let mut queues: SmallVec<[QueueId; 4]> = SmallVec::new();
        let consumed = taken
            .iter()
            .filter(|(_, delivered)| delivered.consumer.is_some())
            .count();
        for (_, delivered) in taken {
            let queue = delivered.queue;
            if !queues.contains(&queue) {
                queues.push(queue);
            }
            match how {
                Settle::Ack => {
                    self.released(delivered);
                }
                Settle::Requeue => self.give_back(delivered),
                Settle::Reject => {
                    let message = self.released(delivered).entry.message;
                    self.give_up(queue, message, Reason::Rejected);
                }
            }
        }
        let mut sharing: SmallVec<[_; 4]> = match self.channel_mut(id, channel) {
            Some(holder) => {
                holder.shared_unacked = holder.shared_unacked.saturating_sub(consumed);
                match holder.shared_prefetch {
                    0 => SmallVec::new(),
                    _ => holder.consumers.values().copied().collect(),
                }
            }
            None => SmallVec::new(),
        };
        self.dispatch_for(&mut sharing);
        for queue in queues {
            self.dispatch(queue);
        }
        self.route_dead_letters();
    }

    /// Gives everything back that the channel holds.
    pub(crate) fn recover(&mut self, id: ConnectionId, channel: u16) {
        let Some(holder) = self.channel_mut(id, channel) else {
            return;
        };
        let taken = holder.unacked.take_all().into();
        self.settle_taken(id, channel, taken, Settle::Requeue);
    }

    /// Sets how many unacknowledged messages consumers may hold: each one to come, or all of the channel together. As
    /// from RabbitMQ the former ends the latter.
    pub(crate) fn qos(&mut self, id: ConnectionId, channel: u16, prefetch: u16, shared: bool) {
        let Some(holder) = self.channel_mut(id, channel) else {
            return;
        };
        if shared {
            holder.shared_prefetch = prefetch;
        } else {
            holder.prefetch = prefetch;
            holder.shared_prefetch = 0;
        }
        let mut consumers: Vec<_> = holder.consumers.values().copied().collect();
        self.dispatch_for(&mut consumers);
        self.route_dead_letters();
    }

    /// basic.get: true when a message was sent.
    ///
    /// # Errors
    ///
    /// 404, 405.
    pub(crate) fn get(
        &mut self,
        id: ConnectionId,
        channel: u16,
        queue: &str,
        no_ack: bool,
    ) -> Result<bool, Refusal> {
        let queue = self.usable(id, queue)?;
        self.expire_heads(queue, Instant::now());
        self.route_dead_letters();
        let Some(source) = self.queues.get_mut(queue) else {
            return Ok(false);
        };
        source.last_used = Instant::now();
        let Some(entry) = source.ready.pop() else {
            return Ok(false);
        };
        self.expire_heads(queue, Instant::now());
        let Some(source) = self.queues.get_mut(queue) else {
            return Ok(false);
        };
        let left = u32::try_from(source.ready.len()).unwrap_or(u32::MAX);
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(false);
        };
        let Some(holder) = connection.channels.get_mut(&channel) else {
            return Ok(false);
        };
        let tag = holder.next_tag();
        if connection
            .out
            .get_ok(channel, tag, entry.redelivered, left, &entry.message)
        {
            self.touched.push(std::sync::Arc::clone(&connection.out));
        }
        if !no_ack {
            source.unacked += 1;
            holder.unacked.push(
                tag,
                Delivered {
                    queue,
                    consumer: None,
                    entry,
                },
            );
        }
        self.arm_head(queue);
        self.route_dead_letters();
        Ok(true)
    }
}

/// `None` when the tag is unknown. Tag 0 with `multiple` means everything, and that may be nothing.
fn take(holder: &mut Channel, tag: u64, multiple: bool) -> Option<Taken> {
    match (tag, multiple) {
        (0, true) => Some(holder.unacked.take_all().into()),
        (_, true) => holder.unacked.take_through(tag).map(Into::into),
        (_, false) => holder
            .unacked
            .take(tag)
            .map(|delivered| smallvec![(tag, delivered)]),
    }
}
