//! Typed RPC over message queues.

#[doc(hidden)]
pub mod __private;
mod arguments;
mod client;
mod codec;
mod context;
mod descriptor;
mod error;
mod service;
mod wire;

pub use arguments::{Arguments, ArgumentsWriter};
pub use client::{Call, Cast, Client};
pub use codec::Codec;
pub use context::{Context, Metadata, TraceContext};
pub use descriptor::{
    DESCRIPTOR_VERSION, MethodDescriptor, MethodOptions, MethodSchemas, ServiceDescriptor,
};
pub use error::{CallError, Code, Error, Executed, MethodError};
pub use leveret_macros::{DomainError, rpc_service};
pub use service::{HandlerFuture, Reply, Request, Service};
