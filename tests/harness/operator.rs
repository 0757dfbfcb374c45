//! What an operator does to a broker, in words that both brokers understand.
//!
//! Tests say what is to happen, and never with which broker's tools: `RabbitMQ` hears it through [`rabbitmqctl`](rabbitmq),
//! the embedded broker through its library. The broker of a whole run belongs to the process of `with-broker`, so orders
//! to that one travel there as [lines of JSON](line), from tests in any language.

mod embedded;
pub(crate) mod line;
mod rabbitmq;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One order; its answer is JSON, `null` where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Order {
    /// Answers with a list of [`Queue`].
    Queues,
    /// Deletes a queue, also one that belongs to somebody's connection alone.
    DeleteQueue {
        name: String,
    },
    /// Answers with a list of [`Connection`].
    Connections,
    CloseConnection {
        id: String,
        reason: String,
    },
    CloseConnections {
        reason: String,
    },
    /// Adds a login that may do everything, or gives it another password.
    SetUser {
        name: String,
        password: String,
    },
    RemoveUser {
        name: String,
    },
    /// Answers with the URL of a new virtual host that `guest` may use.
    AddVhost {
        name: String,
    },
    RemoveVhost {
        name: String,
    },
    /// As if memory were short, or no longer.
    SetMemoryAlarm {
        on: bool,
    },
    /// Closes every connection in order and the port with them, keeping what is durable.
    Suspend,
    /// Listens again.
    Resume,
}

/// A queue as the broker knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are AMQP's own words")]
pub struct Queue {
    pub name: String,
    pub durable: bool,
    pub auto_delete: bool,
    pub arguments: Map<String, Value>,
    pub ready: u64,
    pub unacknowledged: u64,
    pub consumers: u64,
}

impl Queue {
    /// What is in the queue and what its consumers hold.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.ready + self.unacknowledged
    }
}

/// A connection as the broker knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// For [`Broker::close_connection`](crate::Broker::close_connection).
    pub id: String,
    /// What the client calls it; empty if it says nothing.
    pub name: String,
}

/// Who carries orders out.
#[derive(Debug, Clone)]
pub(crate) enum Operator {
    /// The script that runs `rabbitmqctl` against the node, and the node's URL.
    RabbitMq {
        ctl: PathBuf,
        url: String,
    },
    Embedded(Arc<leveret_broker::Broker>),
    /// The process of `with-broker`, by the address where it listens for orders.
    Runner(SocketAddr),
}

/// The URL of another virtual host.
fn url_of(url: &str, vhost: &str) -> io::Result<String> {
    let mut url = url::Url::parse(url).map_err(io::Error::other)?;
    url.set_path(vhost);
    Ok(url.into())
}

impl Operator {
    pub(crate) async fn carry_out(&self, order: &Order) -> io::Result<Value> {
        match self {
            Self::RabbitMq { ctl, url } => rabbitmq::carry_out(ctl, url, order).await,
            Self::Embedded(broker) => embedded::carry_out(broker, order).await,
            Self::Runner(address) => line::send(*address, order).await,
        }
    }
}
