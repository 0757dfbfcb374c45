//! The harness, tested by itself: a fault test that runs on a lever that does nothing proves nothing.

mod orders;
mod process;
mod proxy;
mod rabbitmq_only;
mod raw;
mod with_broker;
