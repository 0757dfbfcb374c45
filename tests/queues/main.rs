//! What tasks and events promise, on a broker: each test fails when the behaviour that it names is taken out.

mod batches;
mod channels;
mod closing;
mod dead_letters;
mod declaring;
mod dedup;
mod delays;
mod events;
mod foreign;
mod keyed;
mod keyed_order;
mod management;
mod own_broker;
mod priorities;
mod rabbitmq_only;
mod rates;
mod retries;
mod settling;
mod sizes;
mod stopping;
mod subscriptions;
mod suspects;
mod tasks;
mod unreadable;
mod world;
