//! basic.consume and basic.cancel, and the end of consumers by other means.

use std::sync::Arc;
use std::time::Instant;

use amq_protocol::protocol::{AMQPClass, basic};
use amq_protocol::types::FieldTable;

use super::arguments;
use super::connection::Consumer;
use super::reply_to::DIRECT;
use super::{ConnectionId, ConsumerId, QueueId, Vhost};
use crate::Name;
use crate::error::Refusal;
use crate::random::random_name;
use crate::wire::encode::short;

#[derive(Debug)]
pub(crate) struct Consume<'a> {
    pub(crate) queue: &'a str,
    /// Empty: the broker chooses one.
    pub(crate) tag: &'a str,
    pub(crate) no_ack: bool,
    pub(crate) exclusive: bool,
    pub(crate) arguments: &'a FieldTable,
}

impl Vhost {
    /// Registers a consumer and returns its tag. [`serve`](Self::serve) starts it, after the answer has been sent.
    ///
    /// # Errors
    ///
    /// 404, 405, 403 where another consumer is exclusive, 530 for a tag that is taken.
    pub(crate) fn consume(
        &mut self,
        id: ConnectionId,
        channel: u16,
        consume: &Consume<'_>,
    ) -> Result<(Name, Option<QueueId>), Refusal> {
        let Some(holder) = self.channel(id, channel) else {
            return Ok((Name::from(consume.tag), None));
        };
        if holder.consumers.contains_key(consume.tag) {
            return Err(Refusal::not_allowed(format!(
                "attempt to reuse consumer tag '{}'",
                consume.tag
            )));
        }
        let tag = match consume.tag {
            "" => Name::from(format!("amq.ctag-{}", random_name())),
            tag => Name::from(tag),
        };
        if consume.queue == DIRECT {
            self.consume_replies(id, channel, &tag, consume.no_ack)?;
            return Ok((tag, None));
        }
        let queue = self.usable(id, consume.queue)?;
        let quorum = self
            .queues
            .get(queue)
            .is_some_and(|queue| queue.arguments.quorum);
        let priority =
            arguments::consumer_priority(consume.arguments, &self.name, consume.queue, quorum)?;
        self.add_consumer(id, channel, queue, Arc::clone(&tag), consume, priority)?;
        Ok((tag, Some(queue)))
    }

    fn add_consumer(
        &mut self,
        id: ConnectionId,
        channel: u16,
        queue_id: QueueId,
        tag: Name,
        consume: &Consume<'_>,
        priority: i64,
    ) -> Result<(), Refusal> {
        let (Some(queue), Some(holder)) = (
            self.queues.get_mut(queue_id),
            self.connections
                .get_mut(id)
                .and_then(|connection| connection.channels.get_mut(&channel)),
        ) else {
            return Ok(());
        };
        let alone = consume.exclusive
            && (!queue.consumers.is_empty() || queue.arguments.single_active_consumer);
        if queue.exclusive_consumer || alone {
            return Err(Refusal::access_refused(format!(
                "queue '{}' in vhost '{}' in exclusive use",
                queue.name, self.name
            )));
        }
        let consumer = self.consumers.insert(Consumer {
            queue: queue_id,
            connection: id,
            channel,
            tag: Arc::clone(&tag),
            no_ack: consume.no_ack,
            exclusive: consume.exclusive,
            priority,
            prefetch: holder.prefetch,
            unacked: 0,
            served: 0,
            passed: false,
        });
        holder.consumers.insert(tag, consumer);
        queue.exclusive_consumer = consume.exclusive;
        queue.last_used = Instant::now();
        if queue.arguments.single_active_consumer {
            queue.active.get_or_insert(consumer);
        }
        let end = queue.consumers.partition_point(|other| {
            self.consumers
                .get(*other)
                .is_some_and(|other| other.priority >= priority)
        });
        queue.consumers.insert(end, consumer);
        Ok(())
    }

    /// Hands out what a queue holds.
    pub(crate) fn serve(&mut self, queue: QueueId) {
        self.dispatch(queue);
        self.route_dead_letters();
    }

    /// Ends a consumer; one that does not exist is no error. [`cancelled`](Self::cancelled) deals with its queue, after
    /// the answer has been sent.
    pub(crate) fn cancel(&mut self, id: ConnectionId, channel: u16, tag: &str) -> Option<QueueId> {
        let holder = self.channel_mut(id, channel)?;
        if let Some(reply) = holder.reply.take_if(|reply| *reply.consumer_tag == *tag) {
            self.reply_tokens.remove(&reply.token);
            return None;
        }
        let consumer = holder.consumers.remove(tag)?;
        self.forget_consumer(consumer)
    }

    /// A queue has lost a consumer: the next one is served, or the queue may go.
    pub(crate) fn cancelled(&mut self, queue: QueueId) {
        self.after_removal(vec![queue], Vec::new());
    }

    /// Ends all consumers of a channel and returns their queues.
    pub(super) fn remove_consumers(&mut self, id: ConnectionId, channel: u16) -> Vec<QueueId> {
        let Some(holder) = self.channel_mut(id, channel) else {
            return Vec::new();
        };
        let consumers = std::mem::take(&mut holder.consumers);
        consumers
            .into_values()
            .filter_map(|consumer| self.forget_consumer(consumer))
            .collect()
    }

    /// Takes a consumer out of its queue; the next one of a single-active line takes over.
    fn forget_consumer(&mut self, id: ConsumerId) -> Option<QueueId> {
        let consumer = self.consumers.remove(id)?;
        let queue = self.queues.get_mut(consumer.queue)?;
        queue.consumers.retain(|other| *other != id);
        if consumer.passed {
            queue.passed.retain(|other| *other != id);
        }
        if consumer.exclusive {
            queue.exclusive_consumer = false;
        }
        if queue.active == Some(id) {
            queue.active = queue.consumers.front().copied();
        }
        if queue.consumers.is_empty() {
            queue.last_used = Instant::now();
        }
        Some(consumer.queue)
    }

    /// The queue is gone: its consumers end, and those that want to know are told.
    pub(super) fn cancel_consumers_of(&mut self, consumers: impl IntoIterator<Item = ConsumerId>) {
        for id in consumers {
            let Some(consumer) = self.consumers.remove(id) else {
                continue;
            };
            let Some(connection) = self.connections.get_mut(consumer.connection) else {
                continue;
            };
            if let Some(holder) = connection.channels.get_mut(&consumer.channel) {
                holder.consumers.remove(&consumer.tag);
            }
            if connection.capabilities.consumer_cancel_notify {
                let notice = AMQPClass::Basic(basic::AMQPMethod::Cancel(basic::Cancel {
                    consumer_tag: short(&consumer.tag).into(),
                    nowait: true,
                }));
                if connection.out.method(consumer.channel, notice) {
                    self.touched.push(Arc::clone(&connection.out));
                }
            }
        }
    }
}
