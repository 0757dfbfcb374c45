//! Orders to the embedded broker, by its library.

use std::io;

use leveret_broker::{Argument, Broker, QueueStatus, Restart, Suspend};
use serde_json::{Value, json};

use super::{Connection, Order, Queue};

/// Where tests are unless they ask for another.
const VHOST: &str = "/";

pub(super) async fn carry_out(broker: &Broker, order: &Order) -> io::Result<Value> {
    let there = |found: bool, what: &str| {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {what}"));
        found.then_some(Value::Null).ok_or_else(missing)
    };
    match order {
        Order::Queues => {
            let queues = broker.status().queues.into_iter();
            let queues = queues.filter(|queue| queue.vhost == VHOST);
            return Ok(serde_json::to_value(queues.map(queue).collect::<Vec<_>>())?);
        }
        Order::Connections => {
            let connections = broker.status().connections.into_iter();
            let connections = connections.map(|connection| Connection {
                id: connection.handle.to_string(),
                name: connection.name.unwrap_or_default(),
            });
            return Ok(serde_json::to_value(connections.collect::<Vec<_>>())?);
        }
        Order::DeleteQueue { name } => {
            return there(broker.delete_queue(VHOST, name), &format!("queue {name}"));
        }
        Order::CloseConnection { id, reason } => {
            let handle: u64 = id.parse().map_err(io::Error::other)?;
            let closed = broker.close_connection(handle.into(), reason);
            return there(closed, &format!("connection {id}"));
        }
        Order::CloseConnections { reason } => drop(broker.close_connections(reason)),
        Order::SetUser { name, password } => drop(broker.set_user(name, password)),
        Order::RemoveUser { name } => {
            return there(broker.remove_user(name), &format!("user {name}"));
        }
        Order::AddVhost { name } => {
            if !broker.add_vhost(name) {
                return Err(io::Error::other(format!("there is a vhost {name} already")));
            }
            return Ok(json!(super::url_of(broker.url(), name)?));
        }
        Order::RemoveVhost { name } => {
            return there(broker.remove_vhost(name), &format!("vhost {name}"));
        }
        Order::SetMemoryAlarm { on } => broker.set_memory_alarm(*on),
        Order::Suspend => broker.suspend(Suspend::InOrder).await,
        Order::Resume => {
            let resumed = broker.resume(Restart::KeepDurable).await;
            resumed.map_err(io::Error::other)?;
        }
    }
    Ok(Value::Null)
}

fn queue(status: QueueStatus) -> Queue {
    let arguments = status.arguments.into_iter();
    Queue {
        name: status.name,
        durable: status.durable,
        auto_delete: status.auto_delete,
        arguments: arguments
            .map(|(name, value)| (name, argument(value)))
            .collect(),
        ready: status.ready as u64,
        unacknowledged: status.unacked as u64,
        consumers: status.consumers as u64,
    }
}

fn argument(value: Argument) -> Value {
    match value {
        Argument::Integer(number) => json!(number),
        Argument::Bool(flag) => json!(flag),
        Argument::Text(text) => json!(text),
        other => json!(format!("{other:?}")),
    }
}
