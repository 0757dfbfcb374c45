//! The one doorway for code that the macros generate. Not part of the public API.

pub use crate::arguments::{Arguments, ArgumentsWriter};
pub use crate::client::{Call, Cast, Client};
pub use crate::context::Context;
pub use crate::descriptor::{
    DESCRIPTOR_VERSION, MethodDescriptor, MethodOptions, MethodSchemas, ServiceDescriptor,
};
pub use crate::error::{CallError, Code, Error, MethodError};
pub use crate::service::{HandlerFuture, Reply, Request, Service};
pub use serde::{Serialize, de::DeserializeOwned};
