//! What an embedded broker is started with.

use std::time::Duration;

use serde::Deserialize;

use crate::settings::maybe_duration;

/// What is absent keeps the broker's default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerSettings {
    listen: String,
    /// Name and password; the first are in the URL.
    users: Vec<(String, String)>,
    vhosts: Vec<String>,
    #[serde(default)]
    memory_limit: Option<usize>,
    #[serde(default, deserialize_with = "maybe_duration")]
    heartbeat: Option<Duration>,
    #[serde(default)]
    frame_max: Option<u32>,
    #[serde(default)]
    channel_max: Option<u16>,
    #[serde(default)]
    max_connections: Option<usize>,
}

impl BrokerSettings {
    /// The address to listen on, and the rest.
    pub(super) fn builder(self) -> (String, leveret_broker::Builder) {
        let mut builder = leveret_broker::Broker::builder();
        for (name, password) in self.users {
            builder = builder.user(name, password);
        }
        for name in self.vhosts {
            builder = builder.vhost(name);
        }
        if let Some(bytes) = self.memory_limit {
            builder = builder.memory_limit(bytes);
        }
        if let Some(interval) = self.heartbeat {
            builder = builder.heartbeat(interval);
        }
        if let Some(bytes) = self.frame_max {
            builder = builder.frame_max(bytes);
        }
        if let Some(channels) = self.channel_max {
            builder = builder.channel_max(channels);
        }
        if let Some(connections) = self.max_connections {
            builder = builder.max_connections(connections);
        }
        (self.listen, builder)
    }
}
