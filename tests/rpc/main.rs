//! What a call promises, on a real RabbitMQ: each test fails when the behaviour that it names is taken out.

mod calls;
mod context;
mod deadlines;
mod missing;
mod probe;
mod replies;
mod wire_errors;
mod wire_requests;
mod world;
