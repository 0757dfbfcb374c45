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

use std::sync::OnceLock;

use leveret_broker::Broker;
use tokio::runtime::Runtime;

/// The broker that knows: a RabbitMQ.
fn reference() -> String {
    std::env::var("AMQP_URL")
        .expect("AMQP_URL: the RabbitMQ to compare with (`with-broker --rabbitmq` sets it)")
}

/// The broker under test, in this process.
fn subject() -> String {
    static SUBJECT: OnceLock<(Runtime, Broker)> = OnceLock::new();
    let (_, broker) = SUBJECT.get_or_init(|| {
        let runtime = Runtime::new().expect("a runtime");
        let broker = runtime
            .block_on(Broker::bind("127.0.0.1:0"))
            .expect("an embedded broker");
        (runtime, broker)
    });
    broker.url().to_owned()
}
