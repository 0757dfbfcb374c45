//! Typed RPC over message queues.

#[doc(hidden)]
pub mod __private;
mod amqp;
mod arguments;
mod client;
mod codec;
mod connection;
mod context;
mod descriptor;
mod error;
mod server;
mod service;
mod topology;
mod wire;

pub use arguments::{Arguments, ArgumentsWriter};
pub use client::{Call, Cast, Client, WhenDown};
pub use codec::Codec;
pub use connection::{Connection, ConnectionBuilder, ConnectionState, ReplyPath, States};
pub use context::{Context, Metadata, TraceContext};
pub use descriptor::{
    DESCRIPTOR_VERSION, MethodDescriptor, MethodOptions, MethodSchemas, ServiceDescriptor,
};
pub use error::{CallError, Code, Error, Executed, MethodError};
pub use leveret_macros::{DomainError, rpc_service};
pub use server::{Server, ServerBuilder, ServiceOptions};
pub use service::{HandlerFuture, Reply, Request, Service};
pub use topology::{Declare, QueueKind, QueueOptions};
