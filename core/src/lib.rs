//! Typed RPC over RabbitMQ: one trait becomes a server and a client.
//!
//! ```no_run
//! use leveret::{Connection, rpc_service};
//!
//! #[rpc_service]
//! trait Math {
//!     /// The n-th Fibonacci number.
//!     async fn fib(&self, n: u32) -> u64;
//! }
//!
//! struct Calculator;
//!
//! impl Math for Calculator {
//!     async fn fib(&self, n: u32) -> u64 {
//!         (0..n).fold((0, 1_u64), |(a, b), _| (b, a.wrapping_add(b))).0
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), leveret::Error> {
//! let connection = Connection::connect("amqp://127.0.0.1:5672/%2f").await?;
//! let server = connection.server().service(MathServer::new(Calculator)).start().await?;
//! assert_eq!(MathClient::new(connection.client()).fib(30).await?, 832_040);
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look for what
//!
//! | to | look at |
//! |---|---|
//! | write a service | [`rpc_service`], [`DomainError`], [`Context`] |
//! | connect: several brokers, limits, namespace, TLS | [`Connection`], [`ConnectionBuilder`], [`ConnectionState`] |
//! | call | [`Client`], [`Call`] with its timeout and metadata, [`Cast`] |
//! | understand a failure | [`Error`], [`Code`], [`Executed`], [`CallError`] |
//! | hand out work that is done later, and do it | [`TaskQueue`], [`Tasks`], [`Worker`], [`Retry`], [`DeadLetter`] |
//! | tell others what happened, and hear of it | [`Events`], [`EventPublisher`], [`SubscriptionBuilder`] |
//! | serve: concurrency, prefetch, stopping | [`ServerBuilder`], [`ServiceOptions`], [`Server`] |
//! | choose what the queue is like | [`QueueOptions`], [`Declare`] |
//! | serve methods that are known only at run time | [`Service`], [`Request`], [`Arguments`], [`ServiceDescriptor`] |
//! | encode values as the wire does | [`Codec`] |
//! | bring a codec of your own | [`Encoded`], [`Endpoint`], [`Request::named_arguments`] |
//! | call or serve without this library | `docs/protocol.md` in the repository, the wire in full |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tls` | off | `amqps://` by rustls, with own CAs and client certificates (`ConnectionBuilder::extra_ca`, `ConnectionBuilder::client_certificate`); wants a C compiler |
//! | `management` | off | `QueueInfo::unacked`, by RabbitMQ's management API (`ConnectionBuilder::management`) |
//! | `schema` | off | JSON Schemas in service descriptors, by schemars: `#[rpc_service(schema)]` |
//!
//! # Life of a call
//!
//! Paths are below `core/src`. Client and server mirror each other; they share `wire`, `codec`, `arguments`,
//! `context`, `error` and `amqp`, the only module that knows lapin.
//!
//! 1. **Caller**: the generated `MathClient` (`macros/src/expand/client.rs`), or [`Client::call`] by name, in
//!    `client.rs`. Both make a [`Call`] (`client/call.rs`), which holds the encoded arguments and is sent when it
//!    is awaited.
//! 2. **Encode**: [`ArgumentsWriter`] in `arguments.rs` writes arguments by name; [`Codec`] in `codec.rs` turns
//!    each value into bytes (`codec/encode.rs`; `codec/json.rs` and `codec/text.rs` transcode).
//! 3. **Limits and route**: `client/outgoing.rs`, `Outgoing::send`, fixes the deadline and waits inside it for a
//!    permit (`client/limits.rs`) and for an open route (`client/caller.rs` keeps one, `client/route.rs` is
//!    one: confirm channel, reply queue, pending calls).
//! 4. **Publish**: `Outgoing::publish` registers the call in `client/pending.rs` and builds the message;
//!    `amqp/publisher.rs` hands it to lapin, and a background task learns of confirms, returns and nacks.
//! 5. **Broker**: the queue of the service, named by `wire.rs` and `connection.rs`, declared in
//!    `amqp/declare.rs` by [`QueueOptions`]. Where there is none the message is returned: `NoSuchService`.
//! 6. **Consume**: on the server's socket `amqp/guard.rs` looks at the frames before lapin does. `server/queue.rs`
//!    attaches to the queue, again after each loss; `server/consume.rs` takes deliveries from it, holds those
//!    that have no slot yet, starts the others (`server/pace.rs` says where), and stops in order.
//! 7. **Dispatch**: `server/dispatch.rs`. `admit` makes a job of a delivery (`server/job.rs`) or answers it with
//!    the one error it deserves; `run` asks `server/calls.rs` whether the call ran here before or was cancelled
//!    (`server/control.rs` listens for cancels), and `handle` bounds the handler by deadline, cancel and stop.
//! 8. **Handler**: [`Service::call`] in `service.rs`. The generated `MathServer` (`macros/src/expand/server.rs`)
//!    reads [`Arguments`] from the [`Request`] and calls your method with the [`Context`] in scope (`context.rs`).
//! 9. **Reply**: [`Reply`] holds the encoded value; `server/reply.rs` makes an answer of it, or of an [`Error`]
//!    by `wire/error_body.rs`.
//! 10. **Settle**: `server/job.rs` writes the answer through `amqp/writer.rs`; when it is on the socket,
//!     `amqp/acks.rs` acknowledges the request.
//! 11. **Correlate**: back at the client, `Route::receive` in `client/route.rs` finds the call by its correlation
//!     id in `client/pending.rs` and wakes it, in `Outgoing::call`. A call that was dropped before has sent a
//!     cancel (`client/cancel.rs`) instead.
//! 12. **Decode**: `client/call.rs` makes the value, or by `wire/error_body.rs` the [`Error`] or domain error
//!     ([`MethodError::from_error`]), of the reply.
//!
//! A call that is ordered by a key goes another way at three places. `client/keyed.rs` sends it to the partition of its key
//! (`partition.rs`); `partition/ownership.rs` and `partition/round.rs` decide which partitions a server consumes; and
//! `server/keyed.rs` takes its deliveries, which wait for those with the same key in `partition/lanes.rs`.
//!
//! Beneath all of it `connection/supervisor.rs` opens sessions (`connection/session.rs`: two AMQP connections,
//! one that publishes and one that consumes) and replaces the ones that are lost.

#[doc(hidden)]
pub mod __private;
mod amqp;
mod arguments;
mod client;
mod codec;
mod connection;
mod context;
mod descriptor;
mod encoded;
mod error;
mod events;
#[cfg(feature = "management")]
mod management;
mod partition;
mod payload;
mod post;
mod running;
mod server;
mod service;
mod stop;
mod tasks;
mod topology;
mod wire;
mod worker;

pub use amqp::HeaderValue;
pub use arguments::{Arguments, ArgumentsWriter};
pub use client::{Call, Cast, Client, Endpoint, WhenDown};
pub use codec::Codec;
pub use connection::{Connection, ConnectionBuilder, ConnectionState, ReplyPath, States};
pub use context::{Context, Metadata, TraceContext};
pub use descriptor::{
    DESCRIPTOR_VERSION, MethodDescriptor, MethodOptions, MethodSchemas, Schemas, ServiceDescriptor,
};
pub use encoded::Encoded;
pub use error::{CallError, Code, Error, Executed, MethodError};
pub use events::{EventPublisher, Events, Publish, SubscriptionBuilder};
pub use leveret_macros::{DomainError, rpc_service};
pub use payload::Raw;
pub use server::{Server, ServerBuilder, ServiceOptions};
pub use service::{HandlerFuture, Reply, Request, Service};
pub use tasks::{DeadLetter, DeadLetters, DeathReason, Push, QueueInfo, Retry, TaskQueue, Tasks};
pub use topology::{Declare, QueueKind, QueueOptions};
pub use worker::{Message, Outcome, RunGuard, Worker, WorkerBuilder};

/// Keeps the README's program compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The same for the guide to tasks and events.
#[cfg(doctest)]
#[doc = include_str!("../../docs/queues.md")]
struct Queues;
