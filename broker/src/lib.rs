//! An in-memory AMQP 0-9-1 broker.
#![allow(dead_code, unused_imports)]

mod error;
mod message;
mod vhost;
mod wire;

pub(crate) type Name = std::sync::Arc<str>;
