//! An in-memory AMQP 0-9-1 broker for tests, demos and single machines: what a client of RabbitMQ expects, in one
//! process and without an installation.

#[doc(hidden)]
pub mod __private;
mod broker;
mod channels;
mod connection;
mod control;
mod erlang;
mod error;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod listener;
mod message;
mod outbound;
mod page;
mod random;
mod registry;
mod session;
mod settings;
mod shared;
mod status;
mod vhost;
mod wire;

pub use broker::{BindError, Broker, Builder, Restart, Suspend};
#[cfg(fuzzing)]
pub use fuzzing::{sessions as fuzz_sessions, wire as fuzz_wire};
pub use status::{
    Argument, BindingStatus, ChannelStatus, ConnectionHandle, ConnectionStatus, ExchangeStatus,
    QueueStatus, Status,
};

/// Names are shared by messages, queues and connections.
pub(crate) type Name = std::sync::Arc<str>;
