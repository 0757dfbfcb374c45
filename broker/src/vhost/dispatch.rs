//! From a queue to its consumers: whose turn it is, who has credit left, and what happens to messages that a queue
//! gives up.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::connection::Consumer;
use super::death::{self, Reason};
use super::queue::{Entry, Queue};
use super::unacked::Delivered;
use super::{ConsumerId, QueueId, Vhost};
use crate::Name;
use crate::message::Message;

/// How many dead letters may come of one, and how many more of all that are routed in one go. RabbitMQ, which does not find
/// every circle (see [`death::is_cycle`]), lets them go round for ever, and where several full queues are behind each
/// other's dead-letter exchange they multiply; here nobody else would be served.
const CASCADE_EACH: usize = 16;
const CASCADE: usize = 1000;

/// A message on its way from a queue to that queue's dead-letter exchange.
#[derive(Debug)]
pub(super) struct DeadLetter {
    message: Arc<Message>,
    queue: Name,
    exchange: Name,
    routing_key: Option<Name>,
    reason: Reason,
    /// The queue that keeps it while there is no room for it.
    keeper: Option<QueueId>,
}

impl Vhost {
    /// Hands out what a queue holds, as long as a consumer can take more.
    pub(super) fn dispatch(&mut self, id: QueueId) {
        loop {
            let Some(queue) = self.queues.get(id) else {
                return;
            };
            if queue.ready.is_empty() || queue.consumers.is_empty() {
                break;
            }
            if queue.ready.next_expiry().is_some() {
                self.expire_heads(id, Instant::now());
            }
            let Some(consumer) = self.pick(id) else {
                break;
            };
            let Some(entry) = self.queues.get_mut(id).and_then(|queue| queue.ready.pop()) else {
                break;
            };
            self.hand_over(id, consumer, entry);
        }
        self.arm_head(id);
    }

    /// A message that has just come and that nobody waits in front of goes straight to a consumer.
    pub(super) fn hand_through(
        &mut self,
        id: QueueId,
        message: &Arc<Message>,
        expires: Option<Instant>,
    ) -> bool {
        let Some(queue) = self.queues.get(id) else {
            return false;
        };
        if !queue.ready.is_empty() || queue.consumers.is_empty() {
            return false;
        }
        let Some(consumer) = self.pick(id) else {
            return false;
        };
        let Some(queue) = self.queues.get_mut(id) else {
            return false;
        };
        let entry = queue.entry(Arc::clone(message), expires);
        self.hand_over(id, consumer, entry);
        true
    }

    /// The consumer whose turn it is; it goes to the end of the line of its priority.
    fn pick(&mut self, id: QueueId) -> Option<ConsumerId> {
        let queue = self.queues.get(id)?;
        if queue.arguments.single_active_consumer {
            return queue.active.filter(|active| self.has_credit(*active));
        }
        self.line_up_again(id);
        let line = &self.queues.get(id)?.consumers;
        let turn = line.iter().position(|consumer| self.has_credit(*consumer));
        let queue = self.queues.get_mut(id)?;
        for consumer in queue.consumers.iter().take(turn.unwrap_or(usize::MAX)) {
            if let Some(Consumer { passed, .. }) = self.consumers.get_mut(*consumer)
                && !std::mem::replace(passed, true)
            {
                queue.passed.push(*consumer);
            }
        }
        self.line_up(id, turn?)
    }

    /// Who was passed over and has credit again has lost its turn, as with RabbitMQ.
    fn line_up_again(&mut self, id: QueueId) {
        let Some(queue) = self
            .queues
            .get_mut(id)
            .filter(|queue| !queue.passed.is_empty())
        else {
            return;
        };
        let mut passed = std::mem::take(&mut queue.passed);
        passed.retain(|consumer| {
            let credit = self.has_credit(*consumer);
            if credit {
                let line = self.queues.get(id).map(|queue| &queue.consumers);
                let place = line.and_then(|line| line.iter().position(|other| other == consumer));
                place.and_then(|place| self.line_up(id, place));
                if let Some(consumer) = self.consumers.get_mut(*consumer) {
                    consumer.passed = false;
                }
            }
            !credit
        });
        if let Some(queue) = self.queues.get_mut(id) {
            queue.passed = passed;
        }
    }

    /// Puts whoever stands at `place` at the end of the line of its priority.
    fn line_up(&mut self, id: QueueId, place: usize) -> Option<ConsumerId> {
        let (queues, consumers) = (&mut self.queues, &self.consumers);
        let line = &mut queues.get_mut(id)?.consumers;
        let moved = line.remove(place)?;
        let priority = |id: &ConsumerId| consumers.get(*id).map(|consumer| consumer.priority);
        let mine = priority(&moved);
        if line.back().map_or(mine, priority) >= mine {
            line.push_back(moved);
        } else {
            let end = line.partition_point(|other| priority(other) >= mine);
            line.insert(end, moved);
        }
        Some(moved)
    }

    pub(super) fn has_credit(&self, id: ConsumerId) -> bool {
        let Some(consumer) = self.consumers.get(id) else {
            return false;
        };
        let Some(connection) = self.connections.get(consumer.connection) else {
            return false;
        };
        if connection.congested {
            return false;
        }
        // What needs no acknowledgement does not count, but waits while its channel has as much as it may hold.
        let own = consumer.no_ack
            || consumer.prefetch == 0
            || consumer.unacked < usize::from(consumer.prefetch);
        own && connection
            .channels
            .get(&consumer.channel)
            .is_some_and(|channel| {
                channel.shared_prefetch == 0
                    || channel.shared_unacked < usize::from(channel.shared_prefetch)
            })
    }

    fn hand_over(&mut self, id: QueueId, to: ConsumerId, entry: Entry) {
        let (Some(queue), Some(consumer)) = (self.queues.get_mut(id), self.consumers.get_mut(to))
        else {
            return;
        };
        let Some(connection) = self.connections.get_mut(consumer.connection) else {
            return;
        };
        let Some(channel) = connection.channels.get_mut(&consumer.channel) else {
            return;
        };
        connection.served += 1;
        consumer.served = connection.served;
        let copies = queue.faults.copies();
        for copy in 0..copies.max(1) {
            let tag = channel.next_tag();
            if copies > 0
                && connection.out.deliver(
                    consumer.channel,
                    &consumer.tag,
                    tag,
                    entry.redelivered || copy > 0,
                    &entry.message,
                )
            {
                self.touched.push(Arc::clone(&connection.out));
            }
            if !consumer.no_ack {
                queue.unacked += 1;
                consumer.unacked += 1;
                channel.shared_unacked += 1;
                channel.unacked.push(
                    tag,
                    Delivered {
                        queue: id,
                        consumer: Some(to),
                        entry: entry.clone(),
                    },
                );
            }
        }
        connection.congested = connection.out.congested();
    }

    /// What waited to be written to a connection has been written: its consumers are served again.
    pub(crate) fn drained(&mut self, id: super::ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !std::mem::take(&mut connection.congested) {
            return;
        }
        let mut consumers: Vec<ConsumerId> = connection
            .channels
            .values()
            .flat_map(|channel| channel.consumers.values().copied())
            .collect();
        self.dispatch_for(&mut consumers);
        self.route_dead_letters();
    }

    /// Serves consumers of one connection that compete for room: whoever has waited longest comes first, or the queue of
    /// one of them could take all of it, every time.
    pub(super) fn dispatch_for(&mut self, consumers: &mut [ConsumerId]) {
        consumers.sort_unstable_by_key(|id| {
            let served = self.consumers.get(*id).map(|consumer| consumer.served);
            (served, *id)
        });
        for consumer in consumers {
            if let Some(Consumer { queue, .. }) = self.consumers.get(*consumer) {
                self.dispatch(*queue);
            }
        }
    }

    /// Takes the heads out of a queue whose time is up.
    pub(super) fn expire_heads(&mut self, id: QueueId, now: Instant) {
        while let Some(entry) = self
            .queues
            .get_mut(id)
            .and_then(|queue| queue.ready.pop_expired(now))
        {
            self.give_up(id, entry.message, Reason::Expired);
        }
    }

    /// Gives back what a client did not settle.
    pub(super) fn give_back(&mut self, delivered: Delivered) {
        let Delivered { queue, entry, .. } = self.released(delivered);
        let Some(target) = self.queues.get_mut(queue) else {
            return;
        };
        let returns = entry.returns + 1;
        if target
            .arguments
            .delivery_limit
            .is_some_and(|limit| u64::from(returns) > limit)
        {
            self.give_up(queue, entry.message, Reason::DeliveryLimit);
            return;
        }
        target.ready.put_back(Entry {
            redelivered: true,
            returns,
            ..entry
        });
        self.enforce_limits(queue);
    }

    /// Whoever held it has room again.
    pub(super) fn released(&mut self, delivered: Delivered) -> Delivered {
        if let Some(queue) = self.queues.get_mut(delivered.queue) {
            queue.unacked -= 1;
        }
        if let Some(consumer) = delivered
            .consumer
            .and_then(|consumer| self.consumers.get_mut(consumer))
        {
            consumer.unacked -= 1;
        }
        delivered
    }

    /// A queue drops a message; it goes to the queue's dead-letter exchange if there is one.
    pub(super) fn give_up(&mut self, id: QueueId, message: Arc<Message>, reason: Reason) {
        let Some(Queue {
            name, arguments, ..
        }) = self.queues.get(id)
        else {
            return;
        };
        if let Some(exchange) = &arguments.dead_letter_exchange {
            self.dead.push_back(DeadLetter {
                message,
                queue: Arc::clone(name),
                exchange: Arc::clone(exchange),
                routing_key: arguments.dead_letter_routing_key.clone(),
                reason,
                keeper: arguments.dead_letters_at_least_once.then_some(id),
            });
        }
    }

    /// Routes what queues gave up, and what is given up because of that, until nothing is left.
    pub(super) fn route_dead_letters(&mut self) {
        let mut more = CASCADE;
        // One after another with all that comes of each: side by side they would all be there at once.
        for first in std::mem::take(&mut self.dead) {
            self.dead.push_back(first);
            self.route_what_comes_of_one(&mut more);
        }
    }

    fn route_what_comes_of_one(&mut self, more: &mut usize) {
        let mut routed_here = 0;
        while let Some(dead) = self.dead.pop_front() {
            if routed_here > CASCADE_EACH {
                if *more == 0 {
                    let (queue, count) = (dead.queue, self.dead.len() + 1);
                    tracing::warn!(%queue, count, "dropped dead letters that circle without a wait");
                    self.dead.clear();
                    break;
                }
                *more -= 1;
            }
            routed_here += 1;
            let message = death::bury(
                &dead.message,
                &dead.queue,
                dead.reason,
                dead.routing_key.as_deref(),
                &dead.exchange,
                SystemTime::now(),
                &self.meter,
            );
            let mut routed = Vec::new();
            self.route(&message, &mut routed);
            routed.retain(|queue| {
                let target = self.queues.get(*queue);
                target.is_some_and(|target| !death::is_cycle(&message, &target.name))
            });
            let message = Arc::new(message);
            for queue in routed {
                // Behind those that wait already.
                let kept = dead.keeper.filter(|_| self.held.any_for(queue));
                if kept.is_none() && self.enqueue(queue, &message, None) {
                    continue;
                }
                if let Some(keeper) = dead.keeper {
                    self.held.add(queue, keeper, Arc::clone(&message));
                }
            }
        }
    }
}
