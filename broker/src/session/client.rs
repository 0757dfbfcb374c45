//! What is known about who connected.

use std::net::SocketAddr;

use amq_protocol::types::{AMQPValue, FieldTable};

use crate::Name;

/// Who is at the other end of the socket.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
}

/// What the client said it understands, in `client_properties.capabilities`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) consumer_cancel_notify: bool,
    pub(crate) connection_blocked: bool,
    pub(crate) authentication_failure_close: bool,
    pub(crate) basic_nack: bool,
    pub(crate) publisher_confirms: bool,
    pub(crate) exchange_exchange_bindings: bool,
}

impl Capabilities {
    pub(crate) fn of(client_properties: &FieldTable) -> Self {
        let Some(AMQPValue::FieldTable(table)) = client_properties.inner().get("capabilities")
        else {
            return Self::default();
        };
        let has = |name| table.inner().get(name) == Some(&AMQPValue::Boolean(true));
        Self {
            consumer_cancel_notify: has("consumer_cancel_notify"),
            connection_blocked: has("connection.blocked"),
            authentication_failure_close: has("authentication_failure_close"),
            basic_nack: has("basic.nack"),
            publisher_confirms: has("publisher_confirms"),
            exchange_exchange_bindings: has("exchange_exchange_bindings"),
        }
    }
}

/// What the handshake gathers.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) user: Option<Name>,
    pub(super) properties: FieldTable,
    pub(super) capabilities: Capabilities,
    pub(super) channel_max: u16,
}
