//! What a server needs of a service: its descriptor and one entry point. `#[rpc_service]` implements
//! this; so can a program that learns its methods at run time.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::arguments::Arguments;
use crate::codec::Codec;
use crate::context::Context;
use crate::descriptor::ServiceDescriptor;
use crate::encoded::Encoded;
use crate::error::{Code, Error, Executed, MethodError};

/// The future of one running handler.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

/// A set of methods that a server can offer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "wrap the implementation in the generated server: for `trait Math`, `MathServer::new(..)`"
)]
pub trait Service: Send + Sync + 'static {
    /// The names, arguments and options of the methods.
    fn descriptor(&self) -> &ServiceDescriptor;

    /// Runs one method. `method` is a name from the descriptor.
    fn call(self: Arc<Self>, method: &str, request: Request) -> HandlerFuture;
}

/// One request on its way to a handler.
#[derive(Debug)]
pub struct Request {
    body: Bytes,
    codec: Codec,
    context: Context,
    /// The right to run, given back when the handler has ended, on whatever thread.
    slot: Option<Arc<Slot>>,
}

/// The right to run, and who hears that it is no longer used.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    _ended: Option<oneshot::Sender<()>>,
}

impl From<OwnedSemaphorePermit> for Slot {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: permit,
            _ended: None,
        }
    }
}

impl Slot {
    /// With what ends when the handler has, on whatever thread.
    pub(crate) fn watched(permit: OwnedSemaphorePermit) -> (Self, oneshot::Receiver<()>) {
        let (ended, has_ended) = oneshot::channel();
        let slot = Self {
            _permit: permit,
            _ended: Some(ended),
        };
        (slot, has_ended)
    }
}

/// A finished value, encoded as the caller asked.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) body: Bytes,
    pub(crate) codec: Codec,
}

impl Request {
    pub(crate) fn new(
        body: Bytes,
        codec: Codec,
        context: Context,
        slot: Option<Arc<Slot>>,
    ) -> Self {
        Self {
            body,
            codec,
            context,
            slot,
        }
    }

    /// What the handler may know about the call.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The arguments, for the parameters with these names.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`], executed no, when the body does not fit.
    pub fn arguments<'a>(&'a self, names: &'a [&'a str]) -> Result<Arguments<'a>, Error> {
        Arguments::parse(self.codec, &self.body, names)
    }

    /// How the arguments came, and how the reply will go.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The arguments as one checked MessagePack map by name, for handlers that decode for themselves. Absent ones
    /// are left out. A text for the only parameter is given as it is read when it is no string; where a string is
    /// wanted, use [`text`](Self::text). Bytes that came as JSON or text are base64 strings.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`], executed no, when the body does not fit the names.
    pub fn named_arguments(&self, names: &[&str]) -> Result<Bytes, Error> {
        Arguments::named(self.codec, &self.body, names)
    }

    /// The body, when it is a text and nothing else: what the only parameter of a method gets if it is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        (self.codec == Codec::Text)
            .then(|| std::str::from_utf8(&self.body).ok())
            .flatten()
    }

    /// Takes a value that is MessagePack already.
    ///
    /// # Errors
    /// [`Code::Internal`], executed yes, when it is malformed or has no form on the wire.
    pub fn encoded_value(&self, body: impl Into<Bytes>) -> Result<Reply, Error> {
        match Encoded::from_msgpack(body, self.codec) {
            Ok(encoded) => {
                let (codec, body) = encoded.into_parts();
                Ok(Reply { body, codec })
            }
            Err(error) => Err(self.no_form(error)),
        }
    }

    /// Encodes the value of a handler that cannot fail.
    ///
    /// # Errors
    /// [`Code::Internal`], executed yes, when the value has no form on the wire.
    pub fn value<T: Serialize>(&self, value: &T) -> Result<Reply, Error> {
        match self.codec.encode(value) {
            Ok(body) => Ok(Reply {
                body: body.into(),
                codec: self.codec,
            }),
            Err(error) => Err(self.no_form(error)),
        }
    }

    fn no_form(&self, error: Error) -> Error {
        Error::new(
            Code::Internal,
            format!(
                "the result of {}.{} cannot be encoded: {}",
                self.context.service(),
                self.context.method(),
                error.message()
            ),
        )
        .with_executed(Executed::Yes)
        .with_source(error)
    }

    /// Encodes what a handler returned.
    ///
    /// # Errors
    /// The handler's own error, as it will be sent; or as [`value`](Self::value).
    pub fn outcome<T: Serialize, E: MethodError>(
        &self,
        outcome: Result<T, E>,
    ) -> Result<Reply, Error> {
        match outcome {
            Ok(value) => self.value(&value),
            Err(error) => Err(error.into_error().after_handler()),
        }
    }

    /// Runs a blocking handler on a thread of its own, with the context in scope.
    ///
    /// # Errors
    /// [`Code::Internal`] when it panics.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the closure running: a thread cannot be stopped.
    pub async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (context, slot) = (self.context.clone(), self.slot.clone());
        let run = move || {
            let _slot = slot;
            context.scope_sync(|| catch_unwind(AssertUnwindSafe(run)))
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(panicked(&*panic)),
            Err(error) => Err(
                Error::new(Code::Unavailable, "the runtime is shutting down").with_source(error),
            ),
        }
    }
}

/// The error reply for a handler that panicked. The panic's text stays in the log: it may hold secrets.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)");
    tracing::error!(panic = text, "a handler panicked");
    Error::new(
        Code::Internal,
        "the handler panicked; the server's log has the reason",
    )
    .with_executed(Executed::Maybe)
    .with_retryable(false)
}
