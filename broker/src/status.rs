//! What a broker holds at a moment, for people and tests.

mod json;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Names one connection of one broker; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionHandle(pub(crate) u64);

impl fmt::Display for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ConnectionHandle> for u64 {
    fn from(handle: ConnectionHandle) -> Self {
        handle.0
    }
}

impl From<u64> for ConnectionHandle {
    /// One that has been a number for a while: on a page, or in another language.
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Everything a broker holds, from [`Broker::status`](crate::Broker::status).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Memory that messages take, in bytes, roughly.
    pub message_bytes: usize,
    /// Whether publishers are blocked because of it.
    pub memory_alarm: bool,
    /// By name.
    pub queues: Vec<QueueStatus>,
    /// By name; the default exchange has an empty one.
    pub exchanges: Vec<ExchangeStatus>,
    /// By source, destination and routing key.
    pub bindings: Vec<BindingStatus>,
    /// In the order in which they came.
    pub connections: Vec<ConnectionStatus>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Its virtual host.
    pub vhost: String,
    /// Its name.
    pub name: String,
    /// Whether it was declared durable.
    pub durable: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// The connection that alone may use it, where it is exclusive.
    pub owner: Option<ConnectionHandle>,
    /// The arguments it was declared with, such as `x-message-ttl`.
    pub arguments: BTreeMap<String, Argument>,
    /// Messages that wait.
    pub ready: usize,
    /// Bytes of the bodies that wait.
    pub ready_bytes: usize,
    /// Messages that consumers hold and have not acknowledged.
    pub unacked: usize,
    /// How many consume from it.
    pub consumers: usize,
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument {
    /// Of whatever width.
    Integer(i64),
    /// A string.
    Text(String),
    /// True or false.
    Bool(bool),
    /// Anything else, as RabbitMQ prints it.
    Other(String),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) | Self::Other(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeStatus {
    /// Its virtual host.
    pub vhost: String,
    /// Its name.
    pub name: String,
    /// `direct`, `fanout`, `topic` or `headers`.
    pub kind: String,
    /// Whether it was declared durable.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub internal: bool,
    /// The arguments it was declared with, such as `alternate-exchange`.
    pub arguments: BTreeMap<String, Argument>,
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct BindingStatus {
    /// Its virtual host.
    pub vhost: String,
    /// The exchange that routes.
    pub source: String,
    /// The queue or exchange that it routes to.
    pub destination: String,
    /// Whether the destination is a queue.
    pub to_queue: bool,
    /// The routing key or pattern.
    pub routing_key: String,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// For the methods of [`Broker`](crate::Broker) that end or disturb it.
    pub handle: ConnectionHandle,
    /// Its virtual host.
    pub vhost: String,
    /// What the client calls itself (`connection_name`).
    pub name: Option<String>,
    /// Who logged in.
    pub user: String,
    /// The client's address.
    pub peer: SocketAddr,
    /// When it was let in.
    pub since: SystemTime,
    /// Whether it is held back by the memory alarm.
    pub blocked: bool,
    /// By number.
    pub channels: Vec<ChannelStatus>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStatus {
    /// Its number.
    pub number: u16,
    /// Consumers on it.
    pub consumers: usize,
    /// Messages that it holds and has not acknowledged.
    pub unacked: usize,
    /// Whether publisher confirms are on.
    pub confirms: bool,
    /// Whether it is in a transaction.
    pub transaction: bool,
}
