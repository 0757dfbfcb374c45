//! What a type must do to travel, with messages for people whose type does not. Generated code names
//! these traits wherever it touches a user's type, on that type's own tokens: the server and the client
//! then raise the identical diagnostic, which the compiler prints once.

use serde::{Serialize, de::DeserializeOwned};

use super::{Arguments, ArgumentsWriter, Error, MethodError, Reply, Request};
use crate::partition;

/// A type that can be a parameter of an RPC method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an RPC argument",
    label = "this argument cannot be sent and received",
    note = "derive `serde::Serialize` and `serde::Deserialize` on it; it must own its data and be `Send`"
)]
pub trait Argument: Sized {
    /// Reads the parameter with this index.
    fn take(arguments: &mut Arguments<'_>, index: usize) -> Result<Self, Error>;

    /// Writes the next parameter.
    fn push(&self, arguments: &mut ArgumentsWriter, name: &str) -> Result<(), Error>;

    /// The text by which calls with it are ordered.
    fn key(&self) -> Result<String, Error>;
}

// Without `do_not_recommend` the compiler explains the blanket impl instead of printing the message above.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Argument for T {
    fn take(arguments: &mut Arguments<'_>, index: usize) -> Result<Self, Error> {
        arguments.take(index)
    }

    fn push(&self, arguments: &mut ArgumentsWriter, name: &str) -> Result<(), Error> {
        arguments.push(name, self)
    }

    fn key(&self) -> Result<String, Error> {
        partition::text(self)
    }
}

/// A type that an RPC method can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by an RPC method",
    label = "this result cannot be sent and received",
    note = "derive `serde::Serialize` and `serde::Deserialize` on it; it must own its data and be `Send`"
)]
pub trait Returned: Sized {
    /// The reply of a method that cannot fail.
    fn value(self, request: &Request) -> Result<Reply, Error>;

    /// The reply of a method with domain errors.
    fn outcome<E: MethodError>(outcome: Result<Self, E>, request: &Request)
    -> Result<Reply, Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Returned for T {
    fn value(self, request: &Request) -> Result<Reply, Error> {
        request.value(&self)
    }

    fn outcome<E: MethodError>(
        outcome: Result<Self, E>,
        request: &Request,
    ) -> Result<Reply, Error> {
        request.outcome(outcome)
    }
}
