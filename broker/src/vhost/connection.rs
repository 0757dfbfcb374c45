//! What the broker keeps of each connection, its channels and its consumers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use amq_protocol::types::FieldTable;

use super::tx::Transaction;
use super::unacked::Unacked;
use super::{ConnectionId, ConsumerId, QueueId};
use crate::Name;
use crate::control::Control;
use crate::outbound::Outbound;
use crate::session::{Capabilities, Peer};
use crate::status::ConnectionHandle;

/// A connection that has been let in.
pub(crate) struct NewConnection {
    pub(crate) out: Arc<Outbound>,
    pub(crate) control: Arc<Control>,
    pub(crate) user: Name,
    pub(crate) peer: Peer,
    pub(crate) client_properties: FieldTable,
    pub(crate) capabilities: Capabilities,
}

pub(crate) struct Connection {
    pub(crate) out: Arc<Outbound>,
    pub(crate) control: Arc<Control>,
    pub(crate) user: Name,
    pub(crate) peer: Peer,
    pub(crate) client_properties: FieldTable,
    pub(crate) capabilities: Capabilities,
    pub(crate) since: SystemTime,
    pub(crate) channels: HashMap<u16, Channel>,
    /// Closed by a lever; the connection's own task has not heard of it yet.
    pub(crate) closed_channels: Vec<u16>,
    pub(crate) exclusive: HashSet<QueueId>,
    /// Whether it has published: only such connections are held back when memory runs out.
    pub(crate) publishes: bool,
    pub(crate) blocked: bool,
    /// Its consumers were passed over because too much waits to be written.
    pub(crate) congested: bool,
    /// How many messages its consumers have been handed.
    pub(crate) served: u64,
}

impl Connection {
    pub(crate) fn new(new: NewConnection) -> Self {
        Self {
            out: new.out,
            control: new.control,
            user: new.user,
            peer: new.peer,
            client_properties: new.client_properties,
            capabilities: new.capabilities,
            since: SystemTime::now(),
            channels: HashMap::new(),
            closed_channels: Vec::new(),
            exclusive: HashSet::new(),
            publishes: false,
            blocked: false,
            congested: false,
            served: 0,
        }
    }

    pub(super) fn handle(&self) -> ConnectionHandle {
        ConnectionHandle(self.control.number())
    }
}

#[derive(Default)]
pub(crate) struct Channel {
    last_tag: u64,
    pub(crate) unacked: Unacked,
    pub(crate) consumers: HashMap<Name, ConsumerId>,
    /// For consumers to come; 0 is no limit.
    pub(crate) prefetch: u16,
    /// For all consumers of the channel together; 0 is no limit.
    pub(crate) shared_prefetch: u16,
    /// How many unacknowledged deliveries count against [`shared_prefetch`](Self::shared_prefetch).
    pub(crate) shared_unacked: usize,
    pub(crate) confirms: Option<Confirms>,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) reply: Option<ReplyConsumer>,
    pub(crate) last_queue: Option<Name>,
}

impl Channel {
    pub(crate) fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    pub(crate) fn peek_tag(&self) -> u64 {
        self.last_tag + 1
    }
}

/// Publisher confirms: sent at the end of a burst, several in one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Confirms {
    /// The number of the last publish that was accepted or refused.
    pub(crate) accepted: u64,
    /// Up to which number the client has been told.
    pub(crate) sent: u64,
    pub(crate) waiting: bool,
}

/// The consumer of direct replies of a channel (<https://www.rabbitmq.com/docs/direct-reply-to>).
#[derive(Clone, Debug)]
pub(crate) struct ReplyConsumer {
    pub(crate) consumer_tag: Name,
    pub(crate) token: Name,
}

pub(crate) struct Consumer {
    pub(crate) queue: QueueId,
    pub(crate) connection: ConnectionId,
    pub(crate) channel: u16,
    pub(crate) tag: Name,
    pub(crate) no_ack: bool,
    pub(crate) exclusive: bool,
    pub(crate) priority: i64,
    pub(crate) prefetch: u16,
    pub(crate) unacked: usize,
    /// What [`Connection::served`] was when it was handed its last message; 0: never.
    pub(crate) served: u64,
    /// Its turn came when it had no credit.
    pub(crate) passed: bool,
}
