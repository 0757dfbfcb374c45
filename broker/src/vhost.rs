//! STAND-IN until the real one is merged: knows connections, and nothing of queues.

pub(crate) mod ids;

use std::sync::Arc;
use std::time::Instant;

use amq_protocol::types::FieldTable;
use slotmap::SlotMap;

use crate::Name;
use crate::control::Control;
use crate::outbound::Outbound;
use crate::session::{Capabilities, Peer};
use crate::settings::Settings;
use ids::ConnectionId;

pub(crate) struct NewConnection {
    pub(crate) out: Arc<Outbound>,
    pub(crate) user: Name,
    pub(crate) peer: Peer,
    pub(crate) client_properties: FieldTable,
    pub(crate) capabilities: Capabilities,
    pub(crate) control: Arc<Control>,
}

pub(crate) struct Vhost {
    connections: SlotMap<ConnectionId, NewConnection>,
    touched: Vec<Arc<Outbound>>,
}

impl Vhost {
    pub(crate) fn new(_name: Name, _settings: &Settings) -> Self {
        Self {
            connections: SlotMap::with_key(),
            touched: Vec::new(),
        }
    }

    pub(crate) fn connect(&mut self, connection: NewConnection) -> ConnectionId {
        self.connections.insert(connection)
    }

    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        self.connections.remove(id);
    }

    pub(crate) fn drained(&mut self, _id: ConnectionId) {}

    pub(crate) fn end_burst(&mut self) {}

    pub(crate) fn take_touched(&mut self) -> Vec<Arc<Outbound>> {
        std::mem::take(&mut self.touched)
    }

    pub(crate) fn is_blocked(&self, _id: ConnectionId) -> bool {
        false
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn expire(&mut self, _now: Instant) {}

    pub(crate) fn send(&mut self, id: ConnectionId, send: impl FnOnce(&Outbound) -> bool) {
        if let Some(connection) = self.connections.get(id)
            && send(&connection.out)
        {
            self.touched.push(Arc::clone(&connection.out));
        }
    }
}
