//! What an open connection is in its virtual host, and how it leaves that.

use std::sync::Arc;

use crate::channels::Channels;
use crate::shared::Host;
use crate::vhost::{ConnectionId, Vhost};

/// An open connection's place in its virtual host.
pub(super) struct Link {
    pub(super) host: Arc<Host>,
    pub(super) id: ConnectionId,
    pub(super) channels: Channels,
}

impl Link {
    /// Under the lock to its end: half a message that is dropped makes room for others.
    pub(super) fn leave(self, vhost: &mut Vhost) {
        drop(self.channels);
        vhost.disconnect(self.id);
    }
}
