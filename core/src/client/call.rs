//! A call or cast as its caller sees it: options, `.await`, the answer decoded.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::outgoing::Outgoing;
use crate::amqp::Delivery;
use crate::codec::Codec;
use crate::context::TraceContext;
use crate::encoded::Encoded;
use crate::error::{Code, Error, Executed, MethodError};
use crate::partition;
use crate::wire::{self, error_body};

/// A call that has its arguments; it is sent when it is awaited.
///
/// ```no_run
/// # async fn example(client: leveret::Client) -> Result<(), leveret::Error> {
/// use std::time::Duration;
///
/// let n: u64 = client.call("math", "fib", &30).timeout(Duration::from_millis(500)).metadata("team", "blue").await?;
/// # let _ = n;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// An [`Error`], or for a method with domain errors a [`CallError`](crate::CallError). The code tells why, and
/// [`executed`](Error::executed) whether the handler ran.
///
/// # Cancel safety
/// Dropping the future cancels the call: its handler is told, running or still queued.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T, E = Error> {
    outgoing: Box<Outgoing>,
    result: PhantomData<fn() -> (T, E)>,
}

/// A call without an answer, sent when it is awaited; done when the broker has it.
///
/// A server that crashes loses the casts that it had received and not finished, begun or not: they come back to
/// the next one as redelivered, and without an end to the loop that could make they are not run. Where that
/// matters mark the method `idempotent`, or give the cast an end with [`expires`](Self::expires).
///
/// # Errors
/// [`Code::NoSuchService`] when no queue takes it, [`Code::ResourceExhausted`] when the queue is full,
/// [`Code::Unavailable`] when it cannot be sent or its fate is unknown, [`Code::DeadlineExceeded`] when the broker
/// does not confirm it in time.
///
/// # Cancel safety
/// A cast whose future is dropped may or may not be executed.
#[must_use = "a cast is sent when it is awaited"]
pub struct Cast {
    outgoing: Box<Outgoing>,
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("target", &self.outgoing.target)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cast")
            .field("target", &self.outgoing.target)
            .finish_non_exhaustive()
    }
}

impl<T, E> Call<T, E> {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        Self {
            outgoing: Box::new(outgoing),
            result: PhantomData,
        }
    }

    /// How long to wait for the answer, everything included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout = Some(timeout);
        self
    }

    /// Sends a metadata entry. A key that may not be used makes the call fail with
    /// [`Code::InvalidArgument`].
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.outgoing.metadata(key, value);
        self
    }

    /// Sends these trace headers. Default: those of the handler that makes the call, if one does.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.outgoing.trace = Some(trace);
        self
    }

    /// Orders the call by a key, for a method that its service has declared so (`#[rpc(key = "…")]`): calls with
    /// the same key are handled one after another. A key is a string, an integer, a boolean or a UUID, and
    /// `partitions` what the service says, 16 by default. Generated stubs do this by themselves.
    ///
    /// ```no_run
    /// # async fn example(client: leveret::Client) -> Result<(), leveret::Error> {
    /// let left: u32 = client.call("shop", "buy", &("item-7", 2)).key("item-7", 16).await?;
    /// # let _ = left;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key(mut self, key: impl Serialize, partitions: u16) -> Self {
        self.outgoing.order_by(partition::text(&key), partitions);
        self
    }

    /// Lets the request overtake others in a queue that has priorities
    /// ([`QueueOptions::max_priority`](crate::QueueOptions::max_priority)); more is more urgent. Default: 0.
    pub fn priority(mut self, priority: u8) -> Self {
        self.outgoing.priority = Some(priority);
        self
    }

    /// Fails with [`Code::ResourceExhausted`] at once, instead of waiting, when the limits on calls and bytes
    /// in flight are reached.
    pub fn try_now(mut self) -> Self {
        self.outgoing.wait = false;
        self
    }
}

impl<T> Call<T> {
    /// Sends the call and gives its answer as it came, for a caller with a codec of its own.
    ///
    /// # Errors
    /// As those of the call itself; and [`Code::Unimplemented`] for an answer in an unknown content type.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    pub async fn undecoded(mut self) -> Result<Encoded, Error> {
        let reply = self.outgoing.call().await.map_err(Error::of_call)?;
        if reply.kind() == Some(wire::TYPE_ERROR) {
            return Err(error_body::read(&reply).of_call());
        }
        Ok(Encoded::new(
            codec(&reply).map_err(Error::of_call)?,
            reply.body,
        ))
    }
}

impl Cast {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        Self {
            outgoing: Box::new(outgoing),
        }
    }

    /// How long to wait for the broker to have it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout = Some(timeout);
        self
    }

    /// Drops the request when it has waited in the queue for this long, to the millisecond. Default: never.
    pub fn expires(mut self, after: Duration) -> Self {
        self.outgoing.expires = Some(after);
        self
    }

    /// Orders the cast by a key, as [`Call::key`].
    pub fn key(mut self, key: impl Serialize, partitions: u16) -> Self {
        self.outgoing.order_by(partition::text(&key), partitions);
        self
    }

    /// Lets the request overtake others, as [`Call::priority`].
    pub fn priority(mut self, priority: u8) -> Self {
        self.outgoing.priority = Some(priority);
        self
    }

    /// Sends a metadata entry, as [`Call::metadata`].
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.outgoing.metadata(key, value);
        self
    }

    /// Sends these trace headers, as [`Call::trace`].
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.outgoing.trace = Some(trace);
        self
    }
}

impl<T: DeserializeOwned + Send + 'static, E: MethodError> IntoFuture for Call<T, E> {
    type Output = Result<T, E::CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.outgoing.call().await;
            let reply = reply.map_err(|error| E::CallError::from(error.of_call()))?;
            if reply.kind() == Some(wire::TYPE_ERROR) {
                return Err(E::from_error(error_body::read(&reply).of_call()));
            }
            value(&reply).map_err(|error| E::CallError::from(error.of_call()))
        })
    }
}

impl IntoFuture for Cast {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.outgoing.cast().await.map_err(Error::of_call) })
    }
}

fn codec(reply: &Delivery) -> Result<Codec, Error> {
    Codec::from_content_type(reply.content_type()).ok_or_else(|| {
        Error::new(
            Code::Unimplemented,
            format!(
                "the answer has the content type {:?}, which is not known here",
                reply.content_type()
            ),
        )
    })
}

/// Any reply that is not an error is a value, so that servers without Leveret can answer.
fn value<T: DeserializeOwned>(reply: &Delivery) -> Result<T, Error> {
    codec(reply)
        .and_then(|codec| codec.decode(&reply.body))
        .map_err(|error| {
            // The service and the caller disagree about the type; the arguments were fine.
            Error::new(
                Code::Internal,
                format!("the answer cannot be read: {}", error.message()),
            )
            .with_executed(Executed::Yes)
            .with_source(error)
        })
}
