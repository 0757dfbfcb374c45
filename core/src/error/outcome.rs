//! What the caller of a method gets when it fails: its domain error, or the failure of the call.

use std::error::Error as StdError;
use std::fmt;

use super::{Code, Error, Executed};

/// How a call to a method with domain errors ends when it does not end well.
///
/// ```
/// use leveret::{CallError, Error};
///
/// fn explain(error: CallError<std::num::ParseIntError>) -> String {
///     match error {
///         CallError::Domain(error) => format!("the service refused: {error}"),
///         CallError::Rpc(error) => format!("the call failed ({}): {error}", error.code()),
///     }
/// }
/// # let _ = explain;
/// ```
#[derive(Debug)]
pub enum CallError<E> {
    /// The method ran and answered with one of its own errors.
    Domain(E),
    /// The call itself failed.
    Rpc(Error),
}

impl<E> CallError<E> {
    /// The code: [`Code::Application`] for a domain error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Domain(_) => Code::Application,
            Self::Rpc(error) => error.code(),
        }
    }

    /// Whether the handler ran: [`Executed::Yes`] for a domain error.
    #[must_use]
    pub fn executed(&self) -> Executed {
        match self {
            Self::Domain(_) => Executed::Yes,
            Self::Rpc(error) => error.executed(),
        }
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Rpc(error)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(error) => error.fmt(f),
            Self::Rpc(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Domain(error) => error.source(),
            Self::Rpc(error) => error.source(),
        }
    }
}

/// An error type that a method of a service may return: [`Error`] itself, or an enum with
/// `#[derive(DomainError)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an RPC method",
    label = "not a domain error",
    note = "put `#[derive(leveret::DomainError)]` on it, or return `leveret::Error`"
)]
pub trait MethodError: Sized + Send + 'static {
    /// What a caller of the method gets.
    type CallError: From<Error> + Send + 'static;

    /// What goes into the error reply.
    fn into_error(self) -> Error;

    /// What the caller makes of an error reply.
    fn from_error(error: Error) -> Self::CallError;
}

impl MethodError for Error {
    type CallError = Self;

    fn into_error(self) -> Error {
        self
    }

    fn from_error(error: Error) -> Self {
        error
    }
}
