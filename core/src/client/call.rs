//! One call: its options, its wait, its answer.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::pending::{Key, Outcome};
use super::route::{Route, Ticket};
use super::{Client, DEFAULT_TIMEOUT};
use crate::amqp::{Delivery, Message};
use crate::codec::Codec;
use crate::context::{Context, Metadata, TraceContext};
use crate::error::{Code, Error, Executed, MethodError};
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
    outgoing: Outgoing,
    result: PhantomData<fn() -> (T, E)>,
}

/// A call without an answer, sent when it is awaited; done when the broker has it.
///
/// # Errors
/// [`Code::NoSuchService`] when no queue takes it, [`Code::ResourceExhausted`] when the queue is full,
/// [`Code::Unavailable`] when it cannot be sent or its fate is unknown.
///
/// # Cancel safety
/// A cast whose future is dropped may or may not be executed.
#[must_use = "a cast is sent when it is awaited"]
pub struct Cast {
    outgoing: Outgoing,
}

/// A request before it is sent.
pub(super) struct Outgoing {
    client: Client,
    target: Target,
    body: Result<Bytes, Error>,
    timeout: Option<Duration>,
    expires: Option<Duration>,
    metadata: Metadata,
    trace: Option<TraceContext>,
    wait: bool,
}

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) queue: Cow<'static, str>,
    pub(super) method: Cow<'static, str>,
    pub(super) timeout: Option<Duration>,
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
            outgoing,
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

    /// Fails with [`Code::ResourceExhausted`] at once, instead of waiting, when the limits on calls and bytes
    /// in flight are reached.
    pub fn try_now(mut self) -> Self {
        self.outgoing.wait = false;
        self
    }
}

impl Cast {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        Self { outgoing }
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

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.outgoing.call().await.map_err(E::CallError::from)?;
            if reply.kind() == Some(wire::TYPE_ERROR) {
                return Err(E::from_error(error_body::read(&reply)));
            }
            value(&reply).map_err(E::CallError::from)
        })
    }
}

impl IntoFuture for Cast {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.outgoing.cast())
    }
}

/// Any reply that is not an error is a value, so that servers without Leveret can answer.
fn value<T: DeserializeOwned>(reply: &Delivery) -> Result<T, Error> {
    let codec = Codec::from_content_type(reply.content_type()).ok_or_else(|| {
        Error::new(
            Code::Unimplemented,
            format!(
                "the answer has the content type {:?}, which is not known here",
                reply.content_type()
            ),
        )
    });
    codec
        .and_then(|codec| codec.decode(&reply.body))
        .map_err(|error| {
            Error::new(
                error.code(),
                format!("the answer cannot be read: {}", error.message()),
            )
            .with_executed(Executed::Yes)
            .with_source(error)
        })
}

impl Outgoing {
    pub(super) fn new(client: Client, target: Target, body: Result<Bytes, Error>) -> Self {
        let metadata = client.defaults.metadata.clone();
        Self {
            client,
            target,
            body,
            timeout: None,
            expires: None,
            metadata,
            trace: None,
            wait: true,
        }
    }

    fn metadata(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        if let Err(error) = self.metadata.insert(key, value)
            && self.body.is_ok()
        {
            self.body = Err(error);
        }
    }

    async fn call(self) -> Result<Delivery, Error> {
        let (deadline, mut flight) = self.send(false).await?;
        match timeout_at(deadline, &mut flight.outcome).await {
            Ok(outcome) => {
                flight.landed = true;
                match outcome {
                    Ok(Outcome::Reply(reply)) => Ok(reply),
                    Ok(Outcome::Failed(error)) => Err(error),
                    Ok(Outcome::Accepted) | Err(_) => Err(super::pending::connection_lost()),
                }
            }
            Err(_) => Err(Error::new(
                Code::DeadlineExceeded,
                format!(
                    "no answer from `{}` in time; it may be slow, overloaded or not running",
                    flight.queue
                ),
            )
            .with_executed(Executed::Maybe)),
        }
    }

    async fn cast(self) -> Result<(), Error> {
        let (deadline, mut flight) = self.send(true).await?;
        // A cast is not cancelled: whoever makes one has said that nobody waits.
        flight.landed = true;
        match timeout_at(deadline, &mut flight.outcome).await {
            Ok(Ok(Outcome::Accepted | Outcome::Reply(_))) => Ok(()),
            Ok(Ok(Outcome::Failed(error))) => Err(error),
            Ok(Err(_)) => Err(super::pending::connection_lost()),
            Err(_) => {
                flight.route.pending.remove(flight.key);
                Err(Error::new(
                    Code::DeadlineExceeded,
                    "the broker did not confirm the cast in time",
                )
                .with_executed(Executed::Maybe))
            }
        }
    }

    async fn send(self, cast: bool) -> Result<(Instant, Flight), Error> {
        let Self {
            client,
            target,
            body,
            timeout,
            expires,
            metadata,
            trace,
            wait,
        } = self;
        let body = body?;
        let around = Context::current();
        let timeout = timeout
            .or(client.defaults.timeout)
            .or(target.timeout)
            .unwrap_or(DEFAULT_TIMEOUT);
        let now = Instant::now();
        let mut deadline = now.checked_add(timeout).unwrap_or(now + LONGEST);
        if let Some(outer) = around.as_ref().and_then(Context::deadline) {
            deadline = deadline.min(outer);
        }
        let trace = trace
            .as_ref()
            .or_else(|| around.as_ref().and_then(Context::trace));
        let headers = headers(&metadata, trace)?;
        let permit = Arc::new(client.caller.permit(body.len(), deadline, wait).await?);
        let mut uuid = Uuid::encode_buffer();
        let message_id = &*Uuid::new_v4().as_hyphenated().encode_lower(&mut uuid);
        loop {
            let defaults = &client.defaults;
            let route = client
                .caller
                .route(deadline, defaults.when_disconnected, defaults.when_blocked)
                .await?;
            let late = || {
                Error::new(
                    Code::DeadlineExceeded,
                    "the deadline passed before the call was sent",
                )
                .with_executed(Executed::No)
            };
            if defaults.fail_fast {
                let look = client.caller.look(&route, &target.queue);
                timeout_at(deadline, look).await.map_err(|_| late())??;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            let Some((key, outcome)) = route.pending.insert() else {
                continue;
            };
            let correlation_id = key.text();
            let message = Message {
                exchange: "",
                routing_key: &target.queue,
                mandatory: true,
                kind: Some(&*target.method).filter(|method| !method.is_empty()),
                content_type: Some(client.defaults.codec.content_type()),
                correlation_id: Some(&correlation_id),
                reply_to: (!cast).then_some(&*route.reply_to),
                message_id: Some(message_id),
                expiration: if cast {
                    expires.map(ceil_millis)
                } else {
                    Some(ceil_millis(left))
                },
                app_id: client.connection.shared().settings.name.as_deref(),
                user_id: route.login.as_deref(),
                headers: headers.clone(),
                body: body.clone(),
            };
            let ticket = Ticket {
                key,
                cast,
                _permit: Arc::clone(&permit),
            };
            match route.publisher.publish(message, ticket) {
                Ok(()) => {
                    let queue = target.queue;
                    let message_id = message_id.to_owned();
                    return Ok((
                        deadline,
                        Flight {
                            route,
                            key,
                            outcome,
                            queue,
                            message_id,
                            landed: false,
                            _permit: permit,
                        },
                    ));
                }
                // Nothing was sent. A broken channel is replaced, so try on the next one.
                Err(error) => {
                    route.pending.remove(key);
                    if route.is_open() {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// A call that has been sent. Dropping it before it has landed cancels it.
struct Flight {
    route: Arc<Route>,
    key: Key,
    outcome: oneshot::Receiver<Outcome>,
    queue: Cow<'static, str>,
    message_id: String,
    landed: bool,
    _permit: Arc<super::limits::Permit>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed && self.route.pending.remove(self.key).is_some() {
            self.route.cancel(&self.queue, &self.message_id);
        }
    }
}

fn headers<'a>(
    metadata: &'a Metadata,
    trace: Option<&'a TraceContext>,
) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let mut headers: Vec<_> = metadata.iter().collect();
    if let Some(trace) = trace {
        headers.push((wire::HEADER_TRACEPARENT, &trace.traceparent));
        headers.extend(
            trace
                .tracestate
                .as_deref()
                .map(|state| (wire::HEADER_TRACESTATE, state)),
        );
        headers.extend(
            trace
                .baggage
                .as_deref()
                .map(|baggage| (wire::HEADER_BAGGAGE, baggage)),
        );
    }
    let size: usize = headers
        .iter()
        .map(|(key, value)| key.len() + value.len() + 8)
        .sum();
    if size > wire::MAX_HEADER_BYTES {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "metadata and trace headers take {size} bytes, at most {} fit",
                wire::MAX_HEADER_BYTES
            ),
        )
        .with_executed(Executed::No));
    }
    Ok(headers)
}

/// Whole milliseconds, rounded up, at least one: RabbitMQ reads 0 as "only if a consumer is ready".
fn ceil_millis(duration: Duration) -> u64 {
    u64::try_from(duration.min(LONGEST).as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Ten years, the longest expiration that RabbitMQ takes.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
