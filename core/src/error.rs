//! What a failed call tells its caller: a code from a small closed set, whether the handler ran, and
//! whether trying again makes sense. Every other module ends in one of these.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::Codec;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// Why a call failed. The set is closed on the wire (`docs/protocol.md`, section "Errors").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request does not fit the method: wrong type, missing or unknown argument, undecodable body.
    InvalidArgument,
    /// No queue of that name exists, so no server can ever have seen the request.
    NoSuchService,
    /// The service does not have the method.
    NoSuchMethod,
    /// The deadline passed first.
    DeadlineExceeded,
    /// The caller gave up.
    Cancelled,
    /// The broker or the service cannot be reached now.
    Unavailable,
    /// A limit was hit: size, calls in flight, queue length.
    ResourceExhausted,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The caller is not known.
    Unauthenticated,
    /// The system is not in a state that allows the call.
    FailedPrecondition,
    /// The call was given up because going on could have run it twice.
    Aborted,
    /// The peer does not support what was asked, for example a newer wire version.
    Unimplemented,
    /// The service is broken: a panic, a result that cannot be encoded.
    Internal,
    /// A code that this version does not know; [`Error::wire_code`] has it as the peer wrote it.
    Unknown,
    /// An error that the service's own domain defines; [`Error::name`] says which.
    Application,
}

impl Code {
    const ALL: [Self; 15] = [
        Self::InvalidArgument,
        Self::NoSuchService,
        Self::NoSuchMethod,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::Unavailable,
        Self::ResourceExhausted,
        Self::PermissionDenied,
        Self::Unauthenticated,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::Unimplemented,
        Self::Internal,
        Self::Unknown,
        Self::Application,
    ];

    /// The code as it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NoSuchService => "NoSuchService",
            Self::NoSuchMethod => "NoSuchMethod",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Cancelled => "Cancelled",
            Self::Unavailable => "Unavailable",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::PermissionDenied => "PermissionDenied",
            Self::Unauthenticated => "Unauthenticated",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Aborted => "Aborted",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unknown => "Unknown",
            Self::Application => "Application",
        }
    }

    /// Reads a code from the wire; `None` when this version does not know it.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    const fn retryable(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::ResourceExhausted | Self::Aborted
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the handler of a failed call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Executed {
    /// It provably never started, on any attempt.
    No,
    /// Nobody can say: it may have started, and may even have finished.
    Maybe,
    /// It ran to its end.
    Yes,
}

impl Executed {
    /// The word that is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }

    /// Reads the word from the wire; anything unknown is [`Executed::Maybe`], the only honest guess.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        match text {
            "no" => Self::No,
            "yes" => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed call, cast, connection attempt or declaration.
///
/// Match on [`code`](Self::code), never on the text.
///
/// ```
/// use leveret::{Code, Error};
///
/// // What a handler returns when its caller may not do something:
/// let error = Error::new(Code::PermissionDenied, "only the owner may delete an order");
/// assert_eq!(error.code(), Code::PermissionDenied);
/// assert!(!error.retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    wire_code: Option<String>,
    name: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    /// `None` until somebody who knows says so: a fresh error does not know where it will surface.
    executed: Option<Executed>,
    retryable: Option<bool>,
    retry_after: Option<Duration>,
    details: Option<(Codec, Bytes)>,
    source: Option<Source>,
}

impl Error {
    /// Makes an error, for a handler to return.
    ///
    /// Returned from a handler it reaches the caller as `executed: yes`, unless
    /// [`with_executed`](Self::with_executed) says that nothing was done.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            wire_code: None,
            name: None,
            message: message.into(),
            executed: None,
            retryable: None,
            retry_after: None,
            details: None,
            source: None,
        }))
    }

    /// Says whether the call's handler ran.
    #[must_use]
    pub fn with_executed(mut self, executed: Executed) -> Self {
        self.0.executed = Some(executed);
        self
    }

    /// Says whether the same call may succeed later. By default the code decides.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// Asks the caller to wait this long before it tries again; travels in milliseconds.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self.0.retryable = Some(true);
        self
    }

    /// Attaches machine-readable details, which the caller reads with [`details`](Self::details).
    ///
    /// # Errors
    /// [`Code::Internal`] when the value cannot be encoded, for example a map with keys that are not strings.
    pub fn with_details<T: Serialize + ?Sized>(mut self, details: &T) -> Result<Self, Self> {
        let body = Codec::MsgPack.encode(details)?;
        self.0.details = Some((Codec::MsgPack, body.into()));
        Ok(self)
    }

    /// Names the domain error, as `name` in the error reply.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    pub(crate) fn with_raw_details(mut self, codec: Codec, body: Bytes) -> Self {
        self.0.details = Some((codec, body));
        self
    }

    pub(crate) fn with_wire_code(mut self, code: String) -> Self {
        self.0.wire_code = Some(code);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks the error as the outcome of a handler that ran, unless the handler said otherwise.
    pub(crate) fn after_handler(mut self) -> Self {
        self.0.executed.get_or_insert(Executed::Yes);
        self
    }

    /// Why the call failed.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The code as the peer wrote it, also when this version does not know it.
    #[must_use]
    pub fn wire_code(&self) -> &str {
        self.0.wire_code.as_deref().unwrap_or(self.0.code.as_str())
    }

    /// The name of the domain error, when [`code`](Self::code) is [`Code::Application`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What went wrong and what to do about it, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the handler ran.
    #[must_use]
    pub fn executed(&self) -> Executed {
        self.0.executed.unwrap_or(Executed::Maybe)
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.0.retryable.unwrap_or(self.0.code.retryable())
    }

    /// How long the peer asks to wait before the next attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The details that the peer attached; `None` when there are none or they have another shape.
    #[must_use]
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        let (codec, body) = self.0.details.as_ref()?;
        codec.decode(body).ok()
    }

    pub(crate) fn raw_details(&self) -> Option<(Codec, &Bytes)> {
        self.0.details.as_ref().map(|(codec, body)| (*codec, body))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.wire_code())?;
        if let Some(name) = self.name() {
            write!(f, " ({name})")?;
        }
        write!(f, ": {}", self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.wire_code())
            .field("name", &self.name())
            .field("message", &self.message())
            .field("executed", &self.executed())
            .field("retryable", &self.retryable())
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

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
