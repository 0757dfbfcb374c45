//! What must be true of a virtual host between two methods, for the fuzzers and the property tests: counters are what
//! they count, everything that is linked is linked from both ends, and nobody waits for what is there.

use std::collections::{HashMap, HashSet};

use super::arguments::Overflow;
use super::queue::Entry;
use super::unacked::Delivered;
use super::{Channel, ConsumerId, QueueId, Vhost};
use crate::status::ConnectionHandle;

impl Vhost {
    /// After [`Self::end_burst`] and [`Self::take_touched`].
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    pub(crate) fn check(&self) {
        let held = self.check_connections();
        self.check_queues(&held);
        self.check_consumers(&held);
        self.check_timers();
        self.check_alarm();
        self.exchanges
            .check(|queue| self.queues.contains_key(queue));
        self.held.check(self);
        assert!(self.touched.is_empty(), "written to and not flushed");
        assert!(self.confirming.is_empty(), "confirms that nobody sends");
        assert!(self.dead.is_empty(), "dead letters that nobody routes");
        assert!(self.routed.is_empty(), "queues of a message that is gone");
    }

    /// Whether nobody is there any more who could hold anything.
    ///
    /// # Panics
    ///
    /// When something has been left behind.
    pub(crate) fn check_deserted(&self) {
        assert!(self.connections.is_empty(), "connections");
        assert!(self.consumers.is_empty(), "consumers");
        assert!(self.reply_tokens.is_empty(), "reply tokens");
        for queue in self.queues.values() {
            assert_eq!(queue.unacked, 0, "unacked in '{}'", queue.name);
            assert_eq!(queue.owner, None, "owner of '{}'", queue.name);
            assert!(queue.consumers.is_empty(), "consumers of '{}'", queue.name);
        }
    }

    pub(crate) fn remove_all_queues(&mut self) {
        let queues: Vec<QueueId> = self.queues.keys().collect();
        for queue in queues {
            self.remove_queue(queue);
        }
    }

    /// After [`Self::remove_all_queues`] and the end of that burst.
    ///
    /// # Panics
    ///
    /// When that has left something behind.
    pub(crate) fn check_emptied(&self) {
        self.check();
        assert!(self.queue_names.is_empty(), "names without queues");
        assert!(self.timers.is_empty(), "timers without queues");
        assert_eq!(self.meter.bytes(), 0, "bytes without messages");
    }

    /// Returns what clients hold.
    fn check_connections(&self) -> Vec<&Delivered> {
        let mut held = Vec::new();
        let mut replies = 0;
        for (id, connection) in &self.connections {
            for queue in &connection.exclusive {
                let owner = self.queues.get(*queue).and_then(|queue| queue.owner);
                assert_eq!(owner, Some(id), "an exclusive queue that is another one's");
            }
            let blocked = self.alarm_is_on() && connection.publishes;
            assert_eq!(connection.blocked, blocked, "blocked by the alarm");
            assert!(
                !connection.congested || connection.out.congested(),
                "passed over, and nobody will say that it reads again"
            );
            for (number, channel) in &connection.channels {
                let settled = channel.transaction.iter().flat_map(|transaction| {
                    let settled = transaction.settled.iter();
                    settled.flat_map(|(taken, _)| taken.iter().map(|(_, delivered)| delivered))
                });
                let held_here: Vec<_> = channel.unacked.iter().chain(settled).collect();
                channel.unacked.check();
                let consumed = held_here.iter().filter(|d| d.consumer.is_some()).count();
                assert_eq!(channel.shared_unacked, consumed, "shared_unacked");
                held.extend(held_here);
                for (tag, consumer) in &channel.consumers {
                    let known = self.consumers.get(*consumer);
                    let known = known.expect("a channel's consumer exists");
                    assert_eq!((known.connection, known.channel), (id, *number));
                    assert_eq!(known.tag, *tag, "consumer tag");
                }
                if let Some(reply) = &channel.reply {
                    let waits = self.reply_tokens.get(&reply.token);
                    assert_eq!(waits, Some(&(id, *number)), "a reply's way");
                    replies += 1;
                }
                if let Some(confirms) = channel.confirms {
                    assert_eq!(confirms.accepted, confirms.sent, "confirms are sent");
                    assert!(!confirms.waiting, "no confirm waits");
                }
            }
        }
        assert_eq!(self.reply_tokens.len(), replies, "tokens of nobody");
        held
    }

    fn check_queues(&self, held: &[&Delivered]) {
        assert_eq!(self.queue_names.len(), self.queues.len(), "names");
        let mut unacked: HashMap<QueueId, usize> = HashMap::new();
        for delivered in held {
            *unacked.entry(delivered.queue).or_default() += 1;
        }
        for (id, queue) in &self.queues {
            let name = &queue.name;
            assert_eq!(self.queue_names.get(name), Some(&id), "'{name}' by name");
            let counted = unacked.get(&id).copied().unwrap_or(0);
            assert_eq!(queue.unacked, counted, "unacked of '{name}'");
            queue.ready.check(name);
            let unique: HashSet<&ConsumerId> = queue.consumers.iter().collect();
            assert_eq!(unique.len(), queue.consumers.len(), "consumers twice");
            let mut before = i64::MAX;
            for consumer in &queue.consumers {
                let consumer = self.consumers.get(*consumer);
                let consumer = consumer.expect("a queue's consumer exists");
                assert_eq!(consumer.queue, id, "consumers of '{name}'");
                assert!(consumer.priority <= before, "priorities of '{name}'");
                before = consumer.priority;
                let alone = queue.consumers.len() == 1;
                assert!(!consumer.exclusive || alone, "exclusive, and not alone");
                assert_eq!(consumer.exclusive, queue.exclusive_consumer, "'{name}'");
            }
            if queue.consumers.is_empty() {
                assert!(!queue.exclusive_consumer, "nobody is exclusive");
            }
            match queue.active {
                Some(active) => assert!(unique.contains(&active), "active in '{name}'"),
                None => assert!(
                    !queue.arguments.single_active_consumer || unique.is_empty(),
                    "nobody is active in '{name}'"
                ),
            }
            if let Some(owner) = queue.owner {
                let owner = self.connections.get(owner);
                let owner = owner.unwrap_or_else(|| panic!("'{name}' is a ghost's"));
                assert!(owner.exclusive.contains(&id), "'{name}' has an owner");
            }
            if queue.arguments.overflow == Overflow::DropHead {
                assert!(!queue.overflows(), "too much in '{name}'");
            }
            let served: Vec<ConsumerId> = match queue.arguments.single_active_consumer {
                true => queue.active.into_iter().collect(),
                false => queue.consumers.iter().copied().collect(),
            };
            let idle = served
                .into_iter()
                .find(|consumer| self.has_credit(*consumer));
            let idle = idle.filter(|_| !queue.ready.is_empty());
            assert_eq!(idle, None, "a consumer of '{name}' waits for what is there");
        }
    }

    fn check_consumers(&self, held: &[&Delivered]) {
        for (id, consumer) in &self.consumers {
            let queue = self.queues.get(consumer.queue).expect("a queue");
            assert!(queue.consumers.contains(&id), "unknown to its queue");
            assert_eq!(queue.passed.contains(&id), consumer.passed, "passed over");
            let channel = self.channel(consumer.connection, consumer.channel);
            let channel = channel.expect("a channel");
            assert_eq!(channel.consumers.get(&consumer.tag), Some(&id));
            let counted = held.iter().filter(|d| d.consumer == Some(id)).count();
            assert_eq!(consumer.unacked, counted, "unacked of a consumer");
        }
    }

    fn check_timers(&self) {
        self.timers.check(|id| self.queues.get(id));
        for queue in self.queues.values() {
            let next = queue.ready.next_expiry();
            let armed = queue.head_timer;
            let in_time = next.is_none_or(|next| armed.is_some_and(|armed| armed <= next));
            assert!(
                in_time,
                "nobody looks when the head of '{}' expires",
                queue.name
            );
        }
    }

    /// For a fuzzer that wants to get somewhere, as are those that follow.
    pub(crate) fn channel_of(&self, handle: ConnectionHandle, channel: u16) -> Option<&Channel> {
        self.channel(self.find(handle)?, channel)
    }

    pub(crate) fn may_use(&self, handle: Option<ConnectionHandle>, queue: &str) -> bool {
        let queue = self.queue_names.get(queue).map(|id| &self.queues[*id]);
        let client = handle.and_then(|handle| self.find(handle));
        queue.is_some_and(|queue| queue.owner.is_none() || queue.owner == client)
    }

    pub(crate) fn has_queue(&self, name: &str) -> bool {
        self.queue_names.contains_key(name)
    }

    /// The name of somebody who waits for answers, without what is in front of all of them.
    pub(crate) fn reply_token(&self, number: usize) -> Option<String> {
        let mut tokens: Vec<_> = self.reply_tokens.iter().collect();
        tokens.sort_by_key(|(_, place)| **place);
        tokens.get(number).map(|(token, _)| token.to_string())
    }
}

/// In order, each place once unless a fault has doubled a delivery.
pub(super) fn check_line<'a>(entries: impl Iterator<Item = &'a Entry>) -> (usize, usize) {
    let (mut count, mut bytes, mut before) = (0, 0, 0);
    for entry in entries {
        assert!(entry.position >= before, "out of order");
        before = entry.position;
        count += 1;
        bytes += entry.message.body.len();
    }
    (count, bytes)
}
