//! RabbitMQ and the embedded broker are sent the same frames and must answer the same: every code, every text, every order.
//!
//! A scenario sends frames over one connection or more and writes down what was sent and everything that came back, without
//! what differs from one run to the next. `LEVERET_DIFF_DUMP=folder` keeps the transcripts.

mod compare;
mod frame;
mod known;
mod methods;
mod peer;
mod render;
mod scenarios;
mod stage;
mod transcript;

/// The broker that knows: a RabbitMQ.
fn reference() -> String {
    std::env::var("AMQP_URL")
        .expect("AMQP_URL: the RabbitMQ to compare with (`with-rabbitmq` sets it)")
}

/// Names the broker under test, until it is started right here.
const SUBJECT: &str = "LEVERET_DIFF_URL";

/// THE BROKER UNDER TEST: the one place that says which. To become the embedded broker, started in this process.
fn subject() -> String {
    std::env::var(SUBJECT).expect("LEVERET_DIFF_URL: the broker to compare with RabbitMQ")
}
