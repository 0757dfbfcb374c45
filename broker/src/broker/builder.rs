//! What a broker is started with, as a program says it.

use std::fmt;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};

use super::{BindError, Broker};
use crate::settings::{Settings, User};
use crate::shared::Shared;
use crate::wire::frame::MIN_FRAME_MAX;

/// Starts a [`Broker`] that is not as [`Broker::bind`] makes it.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Settings,
    vhosts: Vec<String>,
}

impl Builder {
    /// Adds a login; without one it is `guest`, `guest`, and only from the same machine. The first is what
    /// [`Broker::url`] contains.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.settings.users.push(User {
            name: name.into().into(),
            password: password.into(),
            local_only: false,
        });
        self
    }

    /// Adds a virtual host; without one it is `/`. The first is what [`Broker::url`] contains.
    #[must_use]
    pub fn vhost(mut self, name: impl Into<String>) -> Self {
        self.vhosts.push(name.into());
        self
    }

    /// How many bytes of messages each virtual host may hold before publishers are made to wait; 256 MiB unless told.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.settings.memory_limit = bytes;
        self
    }

    /// The heartbeat interval that is proposed to clients; zero proposes none; a minute unless told.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.settings.heartbeat = interval;
        self
    }

    /// The largest frame, in bytes; 131072 unless told, and at least 4096.
    #[must_use]
    pub fn frame_max(mut self, bytes: u32) -> Self {
        self.settings.frame_max = bytes.max(MIN_FRAME_MAX);
        self
    }

    /// How many channels a connection may have; 2047 unless told, and at least one.
    #[must_use]
    pub fn channel_max(mut self, channels: u16) -> Self {
        self.settings.channel_max = channels.max(1);
        self
    }

    /// How many connections there may be; those above are closed at once; 4096 unless told.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// Starts the broker on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn bind(
        mut self,
        address: impl ToSocketAddrs + fmt::Display,
    ) -> Result<Broker, BindError> {
        let text = address.to_string();
        let failed = |source| BindError {
            address: text,
            source,
        };
        let (listener, address) = match listen(address).await {
            Ok(listening) => listening,
            Err(source) => return Err(failed(source)),
        };
        if self.settings.users.is_empty() {
            self.settings.users.push(User::guest());
        }
        if !self.vhosts.is_empty() {
            self.settings.vhosts = self
                .vhosts
                .iter()
                .map(|name| name.as_str().into())
                .collect();
        }
        let url = url(&self.settings, address);
        let broker = Broker::start(url, address, listener, Shared::new(self.settings));
        tracing::warn!(
            %address,
            "listening; queues and messages are in memory only: nothing survives a restart, durable or not"
        );
        Ok(broker)
    }
}

pub(super) async fn listen(
    address: impl ToSocketAddrs,
) -> std::io::Result<(TcpListener, std::net::SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn url(settings: &Settings, address: std::net::SocketAddr) -> String {
    let (user, password) = match settings.users.first() {
        Some(user) => (escape(&user.name), escape(&user.password)),
        None => Default::default(),
    };
    let vhost = settings.vhosts.first().map_or("/", |name| &**name);
    format!("amqp://{user}:{password}@{address}/{}", escape(vhost))
}

/// Percent-encodes what has a meaning in a URL.
fn escape(text: &str) -> String {
    use fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}
