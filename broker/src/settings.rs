//! What a broker is started with.

use std::fmt;
use std::time::Duration;

use crate::Name;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) users: Vec<User>,
    /// The first is what `Broker::url` names.
    pub(crate) vhosts: Vec<Name>,
    /// Bytes of messages above which publishers are held back.
    pub(crate) memory_limit: usize,
    /// Proposed to clients; zero is none.
    pub(crate) heartbeat: Duration,
    pub(crate) frame_max: u32,
    pub(crate) channel_max: u16,
    pub(crate) max_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            vhosts: vec!["/".into()],
            memory_limit: 256 << 20,
            heartbeat: Duration::from_secs(60),
            frame_max: 131_072,
            channel_max: 2047,
            max_connections: 4096,
        }
    }
}

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: Name,
    pub(crate) password: String,
    /// Nobody from another machine may use it.
    pub(crate) local_only: bool,
}

impl User {
    /// The login that everybody knows.
    pub(crate) fn guest() -> Self {
        Self {
            name: "guest".into(),
            password: "guest".to_owned(),
            local_only: true,
        }
    }

    /// Takes as long for a wrong password as for the right one. As with RabbitMQ, an empty one is always wrong.
    pub(crate) fn has_password(&self, given: &[u8]) -> bool {
        let password = self.password.as_bytes();
        let mut difference = password.len() ^ given.len();
        for (at, byte) in given.iter().enumerate() {
            let own = password.get(at % password.len().max(1)).unwrap_or(&0);
            difference |= usize::from(byte ^ own);
        }
        std::hint::black_box(difference) == 0 && !given.is_empty()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
