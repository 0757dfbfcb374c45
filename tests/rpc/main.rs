//! What a call promises, on a broker: each test fails when the behaviour that it names is taken out.

mod acks;
mod calls;
mod cancel;
mod casts;
mod context;
mod deadlines;
mod destructors;
mod direct;
mod encoded;
mod examples;
mod keyed;
mod limits;
mod missing;
mod probe;
mod programs;
mod queues;
mod redelivery;
mod replies;
mod sharing;
mod shop;
mod stopping;
mod tutorial;
mod waiting;
mod wire_errors;
mod wire_requests;
mod world;
