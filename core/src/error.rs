//! What a failed call tells its caller: a code from a small closed set, whether the handler ran, and
//! whether trying again makes sense. Every other module ends in one of these.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::Codec;
use crate::encoded::Encoded;

mod code;
mod outcome;

pub use code::{Code, Executed};
pub use outcome::{CallError, MethodError};

type Source = Box<dyn StdError + Send + Sync + 'static>;

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
    /// It is the end of a call, and speaks of that call's method.
    of_call: bool,
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
            of_call: false,
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

    /// Attaches details that are MessagePack already.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] when they are malformed or beyond the limits.
    pub fn with_encoded_details(self, details: impl Into<Bytes>) -> Result<Self, Self> {
        let (codec, body) = Encoded::from_msgpack(details, Codec::MsgPack)?.into_parts();
        Ok(self.with_raw_details(codec, body))
    }

    /// The details as they came, for programs with a codec of their own.
    #[must_use]
    pub fn encoded_details(&self) -> Option<Encoded> {
        let (codec, body) = self.0.details.as_ref()?;
        Some(Encoded::new(*codec, body.clone()))
    }

    pub(crate) fn with_raw_details(mut self, codec: Codec, body: Bytes) -> Self {
        self.0.details = Some((codec, body));
        self
    }

    /// An error with a code as it stands on the wire. One that is not known here is [`Code::Unknown`] and stays
    /// readable as [`wire_code`](Self::wire_code).
    ///
    /// ```
    /// use leveret::{Code, Error};
    ///
    /// let error = Error::from_wire_code("QuotaExceeded", "ask again tomorrow");
    /// assert_eq!((error.code(), error.wire_code()), (Code::Unknown, "QuotaExceeded"));
    /// assert_eq!(Error::from_wire_code("Aborted", "").code(), Code::Aborted);
    /// ```
    #[must_use]
    pub fn from_wire_code(code: &str, message: impl Into<Cow<'static, str>>) -> Self {
        match Code::from_wire(code) {
            Some(code) => Self::new(code, message),
            None => {
                let mut error = Self::new(Code::Unknown, message);
                error.0.wire_code = Some(code.to_owned());
                error
            }
        }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks the error as the outcome of a handler that ran, unless the handler said otherwise.
    pub(crate) fn after_handler(mut self) -> Self {
        self.0.executed = match self.0.executed {
            None => Some(Executed::Yes),
            // The method that it speaks of never began; the handler that called it did.
            Some(Executed::No) if self.0.of_call => Some(Executed::Maybe),
            said => said,
        };
        self
    }

    /// Marks the error that a call ended in, for the case that a handler lets it through.
    pub(crate) fn of_call(mut self) -> Self {
        self.0.of_call = true;
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

// What a `main` that returns it prints, so it is written for a person.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (executed: {}", self.executed())?;
        let mut said = self.message().to_owned();
        let mut source = self.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many messages quote what they come from.
            if !said.contains(&text) {
                write!(f, "; caused by: {text}")?;
                said = text;
            }
            source = cause.source();
        }
        f.write_str(")")
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn debug_tells_a_person_what_failed_and_why() {
        let plain = Error::new(Code::PermissionDenied, "only the owner may delete an order");
        assert_eq!(
            format!("{:?}", plain.with_executed(Executed::No)),
            "PermissionDenied: only the owner may delete an order (executed: no)"
        );
        let named = Error::from_wire_code("QuotaExceeded", "ask again tomorrow").with_name("Quota");
        assert_eq!(
            format!("{named:?}"),
            "QuotaExceeded (Quota): ask again tomorrow (executed: maybe)"
        );
    }

    #[test]
    fn debug_names_causes_that_the_message_does_not() {
        let reset = Error::new(Code::Unavailable, "the broker is away: it hung up")
            .with_source(io::Error::other("it hung up"));
        let late = Error::new(Code::DeadlineExceeded, "no confirm").with_source(reset);
        assert_eq!(
            format!("{late:?}"),
            "DeadlineExceeded: no confirm (executed: maybe; caused by: Unavailable: the broker is away: it hung up)"
        );
    }
}
