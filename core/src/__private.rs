//! The one doorway for code that the macros generate. Not part of the public API.

pub mod domain;
mod marker;
#[cfg(feature = "schema")]
pub mod schema;

pub use std::borrow::Cow;
pub use std::boxed::Box;
pub use std::sync::Arc;

use bytes::Bytes;

pub use crate::arguments::{Arguments, ArgumentsWriter};
pub use crate::client::{Call, Cast, Client};
use crate::codec::Codec;
pub use crate::context::Context;
use crate::context::{Cancellation, Metadata, Parts};
pub use crate::descriptor::{
    DESCRIPTOR_VERSION, MethodDescriptor, MethodOptions, MethodSchemas, Schemas, ServiceDescriptor,
};
use crate::error::Executed;
pub use crate::error::{CallError, Code, Error, MethodError};
pub use crate::service::{HandlerFuture, Reply, Request, Service};
pub use domain::{Detail, Message};
pub use marker::{Argument, Returned};
#[cfg(feature = "schema")]
pub use schema::{Described, SchemaWriter};

/// The answer to a request for a method that the service does not have.
#[must_use]
pub fn no_such_method(service: &ServiceDescriptor, method: &str) -> HandlerFuture {
    let known: Vec<&str> = service.methods.iter().map(|known| &*known.name).collect();
    let message = format!(
        "service {:?} has no method {method:?}; it has {}",
        service.name,
        known.join(", ")
    );
    let error = Error::new(Code::NoSuchMethod, message)
        .with_executed(Executed::No)
        .with_retryable(false);
    Box::pin(async move { Err(error) })
}

/// A request that no broker has seen, for tests that drive a [`Service`] directly.
#[must_use]
pub fn detached_request(
    service: &ServiceDescriptor,
    method: &str,
    codec: Codec,
    body: impl Into<Bytes>,
) -> Request {
    let context = Context::new(Parts {
        service: service.name.clone(),
        method: Cow::Owned(method.to_owned()),
        deadline: None,
        metadata: Metadata::new(),
        trace: None,
        delivery: crate::amqp::Delivery::default(),
        cancellation: Cancellation::default(),
    });
    Request::new(body.into(), codec, context, None)
}

/// The body of a finished reply, for the same tests.
#[must_use]
pub fn reply_body(reply: &Reply) -> &[u8] {
    &reply.body
}
