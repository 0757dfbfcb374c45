//! What the tests that need a broker stand on: a private broker, Leveret's own or RabbitMQ, with an operator's levers; a
//! TCP proxy that breaks connections on demand; child processes that end with the test; and a foreign AMQP peer.
//!
//! ```no_run
//! use harness::{Broker, Proxy};
//!
//! # async fn example() {
//! let broker = Broker::shared().await;
//! let names = broker.namespace();                   // "t3f9a….": no other test uses these names
//! let proxy = Proxy::to(broker.url()).await;
//! // ... connect to proxy.url_through(broker.url()), serve `names + "math"`, start calls ...
//! proxy.wait_accepted(1).await;
//! proxy.reset_connections().await;
//! # }
//! ```
//!
//! A helper here fails by panicking: in a test that is the report, so only what is used outside
//! a test returns a `Result`. Nothing waits for a fixed time; every wait ends with an event or
//! with [`PATIENCE`] and then says what it waited for.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is how a harness reports to its test"
)]

mod broker;
mod certs;
mod ctl;
mod embedded;
mod install;
mod operator;
mod places;
mod ports;
mod process;
mod proxy;
mod rabbitmq;
mod raw;
mod wait;

pub use broker::{Broker, Kind};
pub use certs::Certificates;
pub use operator::{Connection, Queue};
pub use places::{binary, python, root};
pub use ports::free_port;
pub use process::Process;
pub use proxy::{Direction, Proxy};
pub use rabbitmq::{Builder, RabbitMq};
pub use raw::{Raw, RawConsumer, RawDelivery, RawMessage};
pub use rustix::process::Signal;
pub use wait::{PATIENCE, eventually, eventually_some, within};
