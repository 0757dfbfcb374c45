//! What happens when messages take more memory than they may: publishers are told and held back, nobody else is.

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::ShortString;
use std::sync::Arc;

use super::{ConnectionId, Vhost};

#[derive(Debug)]
pub(super) struct Alarm {
    /// In bytes.
    limit: usize,
    /// Raised by hand, by a test.
    forced: bool,
    on: bool,
}

impl Alarm {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            forced: false,
            on: false,
        }
    }
}

impl Vhost {
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_alarm(&self) {
        let Alarm { limit, forced, on } = self.alarm;
        let bytes = self.meter.bytes();
        let needed = forced || bytes > limit;
        let tolerated = needed || bytes > limit - limit / 10;
        assert!(on || !needed, "no alarm, and {bytes} bytes");
        assert!(!on || tolerated, "an alarm, and only {bytes} bytes");
    }

    /// Raises the alarm whatever the memory, or leaves it to the memory again.
    pub(crate) fn force_alarm(&mut self, forced: bool) {
        self.alarm.forced = forced;
        self.watch_memory();
    }

    pub(crate) fn alarm_is_on(&self) -> bool {
        self.alarm.on
    }

    /// Whether a connection's next frames must wait.
    pub(crate) fn is_blocked(&self, id: ConnectionId) -> bool {
        self.alarm.on
            && self
                .connections
                .get(id)
                .is_some_and(|connection| connection.publishes)
    }

    /// A connection has begun to publish.
    pub(crate) fn publishes(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.publishes = true;
        }
    }

    pub(super) fn watch_memory(&mut self) {
        let alarm = &mut self.alarm;
        let bytes = self.meter.bytes();
        // Down to nine tenths before it ends, so that it does not flutter.
        let threshold = if alarm.on {
            alarm.limit - alarm.limit / 10
        } else {
            alarm.limit
        };
        let on = alarm.forced || bytes > threshold;
        if on != alarm.on {
            alarm.on = on;
            if on {
                tracing::warn!(bytes, "memory alarm: publishers are blocked");
            } else {
                tracing::info!(bytes, "memory alarm over");
            }
        } else if !on {
            return;
        }
        for connection in self.connections.values_mut() {
            let block = on && connection.publishes;
            if !block {
                // It may be held back and not know yet: the alarm can end in the burst that was to say so.
                connection.control.unblocked();
            }
            if block == connection.blocked {
                continue;
            }
            connection.blocked = block;
            if connection.capabilities.connection_blocked {
                let notice = if block {
                    let reason = ShortString::from("low on memory");
                    connection::AMQPMethod::Blocked(connection::Blocked { reason })
                } else {
                    connection::AMQPMethod::Unblocked(connection::Unblocked {})
                };
                if connection.out.method(0, AMQPClass::Connection(notice)) {
                    self.touched.push(Arc::clone(&connection.out));
                }
            }
        }
    }
}
