//! For the fuzz targets: a connection without a socket. No part of what the crate promises.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::control::Control;
use crate::outbound::Outbound;
use crate::session::{Next, Peer, Session};
use crate::settings::{Settings, User};
use crate::shared::Shared;

/// One of several connections to the same broker.
#[derive(Debug)]
pub struct Wire {
    session: Session,
    out: Arc<Outbound>,
    input: BytesMut,
}

impl Wire {
    /// As many connections to a new broker, each as if it was just accepted. The login is `guest`, `guest`.
    #[must_use]
    pub fn to_one_broker(connections: usize) -> Vec<Self> {
        let settings = Settings {
            users: vec![User::guest()],
            ..Settings::default()
        };
        let shared = Shared::new(settings);
        let connect = || {
            let out = Outbound::detached();
            let address = ([127, 0, 0, 1], 0).into();
            let peer = Peer { address };
            let control = Control::new(Arc::default());
            Self {
                session: Session::new(Arc::clone(&shared), Arc::clone(&out), control, peer),
                out,
                input: BytesMut::new(),
            }
        };
        std::iter::repeat_with(connect).take(connections).collect()
    }

    /// Receives `bytes`; false when the broker would look at nothing more.
    pub fn receive(&mut self, bytes: &[u8]) -> bool {
        self.input.extend_from_slice(bytes);
        self.session.receive(&mut self.input) == Next::Read
    }

    /// What was sent since the last time.
    #[must_use]
    pub fn take(&self) -> Bytes {
        self.out.take()
    }
}
