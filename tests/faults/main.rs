//! Leveret when things break: what a caller learns and what heals, one file for each thing that breaks.
//!
//! Tests that count threads, memory or connections count those of their whole process, so they need nextest's one
//! process a test.

mod fixture;

mod connecting;
mod cuts;
mod hostile;
mod hygiene;
mod keyed;
mod link;
mod own_broker;
mod queues;
mod rabbitmq_only;
mod secrets;
mod server_link;
mod tasks;
mod volume;
