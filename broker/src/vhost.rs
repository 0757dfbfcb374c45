//! Everything that one virtual host holds, behind one lock: exchanges, queues, consumers, and the channels of all
//! connections. A method is carried out whole while the lock is held, so effects are in order and cascades simple;
//! what is to be sent is written into the [`Outbound`] of each connection and flushed after the lock is gone.

pub(crate) mod arguments;
mod connection;
mod consumers;
mod death;
mod dispatch;
mod exchanges;
mod expiry;
mod faults;
mod headers;
mod held;
mod ids;
#[cfg(any(test, fuzzing))]
mod invariants;
mod memory;
mod publish;
mod queue;
mod queues;
mod reply_to;
mod settle;
mod snapshot;
mod topic;
mod tx;
mod unacked;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use amq_protocol::protocol::AMQPClass;
use slotmap::SlotMap;

pub(crate) use connection::Channel;
pub(crate) use connection::NewConnection;
use connection::{Connection, Consumer};
pub(crate) use consumers::Consume;
use dispatch::DeadLetter;
use exchanges::Exchanges;
pub(crate) use exchanges::{Destination, ExchangeDeclare};
use expiry::Timers;
use held::Held;
pub(crate) use ids::{ConnectionId, ConsumerId, QueueId};
use memory::Alarm;
pub(crate) use publish::Publish;
use queue::Queue;
pub(crate) use queues::QueueDeclare;
pub(crate) use settle::Settle;

use crate::Name;
use crate::message::Meter;
use crate::outbound::Outbound;
use crate::settings::Settings;

pub(crate) struct Vhost {
    pub(crate) name: Name,
    pub(crate) exchanges: Exchanges,
    queues: SlotMap<QueueId, Queue>,
    queue_names: HashMap<Name, QueueId>,
    consumers: SlotMap<ConsumerId, Consumer>,
    connections: SlotMap<ConnectionId, Connection>,
    /// The consumer of direct replies that each token stands for.
    reply_tokens: HashMap<Name, (ConnectionId, u16)>,
    timers: Timers,
    /// Written to since the last flush.
    touched: Vec<Arc<Outbound>>,
    /// Channels with confirms to send at the end of the burst.
    confirming: Vec<(ConnectionId, u16)>,
    /// Messages that a queue has given up and that are to be routed on.
    dead: VecDeque<DeadLetter>,
    /// Those of them that wait for room.
    held: Held,
    /// Kept so that routing allocates nothing.
    routed: Vec<QueueId>,
    default_exchange: Name,
    pub(crate) meter: Meter,
    alarm: Alarm,
    /// Nobody may connect any more.
    pub(crate) removed: bool,
}

impl Vhost {
    pub(crate) fn new(name: Name, settings: &Settings) -> Self {
        Self {
            exchanges: Exchanges::new(Arc::clone(&name)),
            name,
            queues: SlotMap::with_key(),
            queue_names: HashMap::new(),
            consumers: SlotMap::with_key(),
            connections: SlotMap::with_key(),
            reply_tokens: HashMap::new(),
            timers: Timers::default(),
            touched: Vec::new(),
            confirming: Vec::new(),
            dead: VecDeque::new(),
            held: Held::default(),
            routed: Vec::new(),
            default_exchange: Name::from(""),
            meter: Meter::default(),
            alarm: Alarm::new(settings.memory_limit),
            removed: false,
        }
    }

    pub(crate) fn connect(&mut self, new: NewConnection) -> ConnectionId {
        self.connections.insert(Connection::new(new))
    }

    /// Takes down what belongs to a connection that is gone.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let channels: Vec<u16> = connection.channels.keys().copied().collect();
        // All consumers first: none of them shall be handed what another one gives back.
        let orphaned: Vec<_> = channels
            .iter()
            .flat_map(|channel| self.remove_consumers(id, *channel))
            .collect();
        let given_back: Vec<_> = channels
            .iter()
            .flat_map(|channel| self.remove_channel(id, *channel))
            .collect();
        let exclusive = self
            .connections
            .remove(id)
            .map(|connection| {
                // Or the answer to a close would not be read.
                connection.control.unblocked();
                connection.exclusive
            })
            .unwrap_or_default();
        for queue in exclusive {
            self.remove_queue(queue);
        }
        self.after_removal(orphaned, given_back);
    }

    /// The channels that were closed from outside since the last burst; `None` when the whole connection was ended.
    pub(crate) fn begin_burst(&mut self, id: ConnectionId) -> Option<Vec<u16>> {
        let connection = self.connections.get_mut(id)?;
        Some(std::mem::take(&mut connection.closed_channels))
    }

    pub(crate) fn open_channel(&mut self, id: ConnectionId, channel: u16) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.channels.insert(channel, Channel::default());
        }
    }

    pub(crate) fn close_channel(&mut self, id: ConnectionId, channel: u16) {
        self.send_confirms(id, channel);
        let orphaned = self.remove_consumers(id, channel);
        let given_back = self.remove_channel(id, channel);
        self.after_removal(orphaned, given_back);
    }

    /// Gives back what was not acknowledged, and returns the queues that got something.
    fn remove_channel(&mut self, id: ConnectionId, channel: u16) -> Vec<QueueId> {
        let Some(mut removed) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.channels.remove(&channel))
        else {
            return Vec::new();
        };
        if let Some(reply) = removed.reply.take() {
            self.reply_tokens.remove(&reply.token);
        }
        let mut unacked = removed.unacked.take_all();
        if let Some(transaction) = removed.transaction.take() {
            unacked.extend(transaction.into_taken());
        }
        let mut queues = Vec::new();
        for (_, delivered) in unacked {
            if !queues.contains(&delivered.queue) {
                queues.push(delivered.queue);
            }
            self.give_back(delivered);
        }
        queues
    }

    fn after_removal(&mut self, orphaned: Vec<QueueId>, given_back: Vec<QueueId>) {
        for queue in given_back.iter().chain(&orphaned) {
            self.dispatch(*queue);
        }
        for queue in orphaned {
            self.delete_if_abandoned(queue);
        }
        self.route_dead_letters();
    }

    pub(crate) fn channel(&self, id: ConnectionId, channel: u16) -> Option<&Channel> {
        self.connections.get(id)?.channels.get(&channel)
    }

    fn channel_mut(&mut self, id: ConnectionId, channel: u16) -> Option<&mut Channel> {
        self.connections.get_mut(id)?.channels.get_mut(&channel)
    }

    /// Puts a method into what is to be sent to a connection.
    pub(crate) fn send(&mut self, id: ConnectionId, channel: u16, method: AMQPClass) {
        if let Some(connection) = self.connections.get(id)
            && connection.out.method(channel, method)
        {
            self.touched.push(Arc::clone(&connection.out));
        }
    }

    /// Does what is done once for many methods.
    pub(crate) fn end_burst(&mut self) {
        self.let_in_held();
        while let Some((id, channel)) = self.confirming.pop() {
            self.send_confirms(id, channel);
        }
        self.watch_memory();
    }

    pub(crate) fn take_touched(&mut self) -> Vec<Arc<Outbound>> {
        std::mem::take(&mut self.touched)
    }
}
