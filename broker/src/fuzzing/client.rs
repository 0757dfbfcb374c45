//! One client without a socket: what its connection's task would do, and what it sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::{AMQPValue, FieldTable};
use bytes::BytesMut;

use super::watcher::Watcher;
use crate::channels::Channels;
use crate::control::Control;
use crate::outbound::Outbound;
use crate::session::{Next, Peer, Session};
use crate::shared::Shared;
use crate::status::ConnectionHandle;
use crate::wire::encode;

pub(super) struct Client {
    session: Session,
    out: Arc<Outbound>,
    control: Arc<Control>,
    input: BytesMut,
    watcher: Watcher,
    over: bool,
    /// How often it has said something after a close.
    ignored: u8,
}

impl Client {
    pub(super) fn new(shared: &Arc<Shared>, numbers: &AtomicU64) -> Self {
        let out = Outbound::detached();
        let control = Control::new(Arc::default());
        control.set_number(numbers.fetch_add(1, Ordering::Relaxed));
        let peer = Peer {
            address: ([127, 0, 0, 1], 1).into(),
        };
        let (shared, control_too) = (Arc::clone(shared), Arc::clone(&control));
        Self {
            session: Session::new(shared, Arc::clone(&out), control_too, peer),
            out,
            control,
            input: BytesMut::new(),
            watcher: Watcher::default(),
            over: false,
            ignored: 0,
        }
    }

    pub(super) fn open(shared: &Arc<Shared>, numbers: &AtomicU64) -> Self {
        let mut client = Self::new(shared, numbers);
        client.send(&HANDSHAKE);
        assert!(client.session.is_open(), "the handshake is right");
        client
    }

    pub(super) fn handle(&self) -> ConnectionHandle {
        ConnectionHandle(self.control.number())
    }

    pub(super) fn channels(&self) -> Option<&Channels> {
        self.session.channels()
    }

    /// Nothing that it says has an effect any more.
    pub(super) fn is_useless(&mut self) -> bool {
        const ENOUGH: u8 = 3;
        self.ignored += u8::from(self.session.is_closing());
        self.over || self.ignored > ENOUGH
    }

    /// What the broker does not read while it blocks the client is not sent.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.over || self.control.is_blocked() {
            return;
        }
        self.input.extend_from_slice(bytes);
        let next = self.session.receive(&mut self.input);
        self.follow(next);
    }

    fn follow(&mut self, next: Next) {
        if next != Next::Read {
            self.session.end();
            self.over = true;
        }
    }

    pub(super) fn obey(&mut self) {
        let orders = self.control.take();
        if orders.abort {
            self.follow(Next::Abort);
        }
        if let Some(refusal) = orders.close
            && !self.over
        {
            let next = self.session.close(refusal);
            self.follow(next);
        }
        // What was not looked at while it was blocked.
        if !self.input.is_empty() {
            self.send(&[]);
        }
    }

    /// Takes what has been sent to it.
    pub(super) fn read(&mut self) {
        self.watcher.see(self.out.take());
        if self.out.is_drained() {
            self.session.drained();
        }
    }
}

/// All of it at once, as a client may send it that waits for nothing.
static HANDSHAKE: LazyLock<BytesMut> = LazyLock::new(|| {
    let mut bytes = BytesMut::from(&b"AMQP\0\0\x09\x01"[..]);
    let mut capabilities = FieldTable::default();
    for name in [
        "consumer_cancel_notify",
        "connection.blocked",
        "authentication_failure_close",
    ] {
        capabilities.insert(name.into(), AMQPValue::Boolean(true));
    }
    let mut client_properties = FieldTable::default();
    client_properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    for method in [
        connection::AMQPMethod::StartOk(connection::StartOk {
            client_properties,
            mechanism: "PLAIN".into(),
            response: "\0guest\0guest".into(),
            locale: "en_US".into(),
        }),
        connection::AMQPMethod::TuneOk(connection::TuneOk {
            channel_max: 3,
            frame_max: 4096,
            heartbeat: 0,
        }),
        connection::AMQPMethod::Open(connection::Open {
            virtual_host: "/".into(),
        }),
    ] {
        encode::method(&mut bytes, 0, &AMQPClass::Connection(method));
    }
    bytes
});
