//! The harness, tested by itself: a fault test that runs on a lever that does nothing proves nothing.

mod own_node;
mod process;
mod proxy;
mod with_rabbitmq;
