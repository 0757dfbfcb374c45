//! AMQP 0-9-1 as bytes.

pub(crate) mod properties;
mod table;
