//! The state of a virtual host in public terms.

use std::collections::BTreeMap;

use amq_protocol::types::{AMQPValue, FieldTable};

use super::connection::Connection;
use super::exchanges::Binding;
use super::queue::Queue;
use super::{ConnectionId, Destination, Vhost};
use crate::erlang;
use crate::status::{
    Argument, BindingStatus, ChannelStatus, ConnectionHandle, ConnectionStatus, ExchangeStatus,
    QueueStatus, Status,
};

impl Vhost {
    fn handle(&self, id: ConnectionId) -> Option<ConnectionHandle> {
        Some(self.connections.get(id)?.handle())
    }

    /// Adds what is here to a status.
    pub(crate) fn describe(&self, status: &mut Status) {
        let vhost = || self.name.to_string();
        status.message_bytes += self.meter.bytes();
        status.memory_alarm |= self.alarm_is_on();
        let mut queues: Vec<_> = self
            .queues
            .values()
            .map(|queue| self.status_of(queue))
            .collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        status.queues.append(&mut queues);
        let mut exchanges: Vec<_> = self
            .exchanges
            .iter()
            .map(|exchange| ExchangeStatus {
                vhost: vhost(),
                name: exchange.name.to_string(),
                kind: exchange.kind.name().to_owned(),
                durable: exchange.durable,
                auto_delete: exchange.auto_delete,
                internal: exchange.internal,
                arguments: arguments(&exchange.arguments),
            })
            .collect();
        exchanges.sort_by(|a, b| a.name.cmp(&b.name));
        status.exchanges.append(&mut exchanges);
        let mut bindings: Vec<_> = self
            .exchanges
            .bindings()
            .map(|binding| self.describe_binding(binding))
            .collect();
        bindings.sort();
        status.bindings.append(&mut bindings);
        let mut connections: Vec<_> = self
            .connections
            .values()
            .map(|connection| self.describe_connection(connection))
            .collect();
        connections.sort_by_key(|connection| connection.handle);
        status.connections.append(&mut connections);
    }

    /// A queue, if there is one of that name.
    pub(crate) fn describe_queue(&self, name: &str) -> Option<QueueStatus> {
        let id = self.queue_names.get(name)?;
        Some(self.status_of(self.queues.get(*id)?))
    }

    fn status_of(&self, queue: &Queue) -> QueueStatus {
        QueueStatus {
            vhost: self.name.to_string(),
            name: queue.name.to_string(),
            durable: queue.durable,
            auto_delete: queue.auto_delete,
            owner: queue.owner.and_then(|owner| self.handle(owner)),
            arguments: arguments(&queue.declared),
            ready: queue.ready.len(),
            ready_bytes: queue.ready.bytes(),
            unacked: queue.unacked,
            consumers: queue.consumers.len(),
        }
    }

    fn describe_connection(&self, connection: &Connection) -> ConnectionStatus {
        let mut channels: Vec<_> = connection
            .channels
            .iter()
            .map(|(number, channel)| ChannelStatus {
                number: *number,
                consumers: channel.consumers.len() + usize::from(channel.reply.is_some()),
                unacked: channel.unacked.len(),
                confirms: channel.confirms.is_some(),
                transaction: channel.transaction.is_some(),
            })
            .collect();
        channels.sort_by_key(|channel| channel.number);
        let name = match connection.client_properties.inner().get("connection_name") {
            Some(AMQPValue::LongString(name)) => Some(name.to_string()),
            _ => None,
        };
        ConnectionStatus {
            handle: connection.handle(),
            vhost: self.name.to_string(),
            name,
            user: connection.user.to_string(),
            peer: connection.peer.address,
            since: connection.since,
            blocked: connection.blocked,
            channels,
        }
    }

    fn describe_binding(&self, binding: &Binding) -> BindingStatus {
        let (to_queue, destination) = match &binding.destination {
            Destination::Queue(_, name) => (true, name),
            Destination::Exchange(name) => (false, name),
        };
        BindingStatus {
            vhost: self.name.to_string(),
            source: binding.source.to_string(),
            destination: destination.to_string(),
            to_queue,
            routing_key: binding.key.to_string(),
        }
    }
}

fn arguments(table: &FieldTable) -> BTreeMap<String, Argument> {
    let argument = |value: &AMQPValue| match value {
        AMQPValue::Boolean(value) => Argument::Bool(*value),
        value => match (erlang::integer(value), erlang::bytes(value)) {
            (Some(value), _) => Argument::Integer(value),
            (None, Some(bytes)) => Argument::Text(String::from_utf8_lossy(bytes).into_owned()),
            (None, None) => Argument::Other(erlang::term(value)),
        },
    };
    let entries = table.inner().iter();
    entries
        .map(|(name, value)| (name.to_string(), argument(value)))
        .collect()
}
