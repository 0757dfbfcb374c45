//! The only module that drives lapin. Everything it hands out is ours: links, channels, publishers,
//! consumers, messages and errors.
//!
//! ```text
//! Link        one TCP connection to a broker, and what became of it
//! Channel     declaring, binding, consuming, acknowledging
//! Publisher   publishes without waiting, learns of confirms and returns in the background
//! Writer      publishes without waiting, learns when a message has been written
//! Message     what is published;  Delivery: what arrives
//! ```

mod acks;
mod address;
mod channel;
mod declare;
mod failure;
mod guard;
mod header;
mod link;
mod message;
mod pool;
mod publisher;
mod runtime;
mod size;
mod socket;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod writer;

pub(crate) use acks::Acks;
pub(crate) use address::Address;
pub(crate) use channel::{Binding, Channel, ConsumeOptions, Consumer};
pub use header::HeaderValue;
pub(crate) use link::{Link, LinkOptions, LinkState};
pub(crate) use message::{Delivery, Message};
pub(crate) use publisher::{ConfirmSink, Publisher, Returned, Ticket};
pub(crate) use socket::TlsOptions;
pub(crate) use writer::Writer;
