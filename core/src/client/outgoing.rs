//! A request on its way out: deadline, permit, route, publish; and the wait for what becomes of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::limits::Permit;
use super::line::{Pass, Wish};
use super::pending::{Key, Outcome};
use super::route::{Route, Ticket};
use super::{Client, DEFAULT_TIMEOUT};
use crate::amqp::{Delivery, HeaderValue, Message};
use crate::codec::Codec;
use crate::context::{Context, Metadata, TraceContext};
use crate::error::{Code, Error, Executed};
use crate::wire;

/// A request before it is sent.
pub(super) struct Outgoing {
    client: Client,
    pub(super) target: Target,
    codec: Codec,
    body: Bytes,
    /// What was wrong with the call before it was sent.
    pub(super) refused: Option<Error>,
    /// What orders it, if anything does.
    pub(super) key: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) expires: Option<Duration>,
    pub(super) priority: Option<u8>,
    metadata: Metadata,
    pub(super) trace: Option<TraceContext>,
    pub(super) wait: bool,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) queue: Cow<'static, str>,
    pub(super) method: Cow<'static, str>,
    pub(super) timeout: Option<Duration>,
}

impl Outgoing {
    pub(super) fn new(
        client: Client,
        target: Target,
        codec: Codec,
        body: Result<Bytes, Error>,
    ) -> Self {
        let metadata = client.defaults.metadata.clone();
        let (body, refused) = match body {
            Ok(body) => (body, None),
            Err(error) => (Bytes::new(), Some(error)),
        };
        Self {
            client,
            target,
            codec,
            body,
            refused,
            key: None,
            timeout: None,
            expires: None,
            priority: None,
            metadata,
            trace: None,
            wait: true,
        }
    }

    pub(super) fn metadata(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        if let Err(error) = self.metadata.insert(key, value) {
            self.refused.get_or_insert(error);
        }
    }

    pub(super) async fn call(&mut self) -> Result<Box<Delivery>, Error> {
        let (deadline, mut flight) = self.send(false).await?;
        match timeout_at(deadline, &mut flight.outcome).await {
            Ok(outcome) => {
                flight.landed = true;
                match outcome {
                    Ok(Outcome::Reply(reply)) => Ok(reply),
                    Ok(Outcome::Failed(error)) => Err(error),
                    Ok(Outcome::Unroutable) => Err(no_such_service(flight.queue)),
                    Ok(Outcome::Accepted) | Err(_) => Err(super::pending::connection_lost()),
                }
            }
            Err(_) => Err(Error::new(
                Code::DeadlineExceeded,
                format!(
                    "no answer to `{}` from `{}` in time; it may be slow, overloaded or not running",
                    flight.method, flight.queue
                ),
            )
            .with_executed(Executed::Maybe)),
        }
    }

    pub(super) async fn cast(&mut self) -> Result<(), Error> {
        let (deadline, mut flight) = self.send(true).await?;
        // A cast is not cancelled: whoever makes one has said that nobody waits.
        flight.landed = true;
        match timeout_at(deadline, &mut flight.outcome).await {
            Ok(Ok(Outcome::Accepted | Outcome::Reply(_))) => Ok(()),
            Ok(Ok(Outcome::Failed(error))) => Err(error),
            Ok(Ok(Outcome::Unroutable)) => Err(no_such_service(flight.queue)),
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

    /// Waits for what has to be there, and hands the request over. The waits are boxed: they are rare, and
    /// without them the future of a call is small.
    async fn send(&mut self, cast: bool) -> Result<(Instant, Flight<'_>), Error> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        let (caller, defaults) = (&self.client.caller, &self.client.defaults);
        let timeout = self
            .timeout
            .or(defaults.timeout)
            .or(self.target.timeout)
            .unwrap_or(DEFAULT_TIMEOUT);
        let deadline = deadline(timeout);
        let wish = Wish {
            size: self.body.len(),
            deadline,
            wait: self.wait,
            when_disconnected: defaults.when_disconnected,
            when_blocked: defaults.when_blocked,
        };
        let id = Uuid::new_v4();
        let mut pass = match caller.pass_now(&wish) {
            Some(pass) => pass,
            None => Box::pin(caller.pass(&wish, None)).await?,
        };
        loop {
            if defaults.fail_fast {
                Box::pin(caller.look(&pass.route, &self.served_queue(), deadline)).await?;
            }
            if let Some(flight) = self.publish(&pass, id, deadline, cast)? {
                return Ok((deadline, flight));
            }
            let turn = pass.turn.take();
            drop(pass);
            pass = Box::pin(caller.pass(&wish, turn)).await?;
        }
    }

    /// `None` when the route has ended and nothing was sent.
    fn publish(
        &self,
        pass: &Pass<'_>,
        id: Uuid,
        deadline: Instant,
        cast: bool,
    ) -> Result<Option<Flight<'_>>, Error> {
        let Pass { route, permit, .. } = pass;
        let around = Context::current();
        let trace = self
            .trace
            .as_ref()
            .or_else(|| around.as_ref().and_then(Context::trace));
        let headers = headers(&self.metadata, trace, self.key.as_deref(), &[])?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(
                Code::DeadlineExceeded,
                "the deadline passed before the call was sent",
            )
            .with_executed(Executed::No));
        }
        let Some((key, outcome)) = route.pending.insert() else {
            return Ok(None);
        };
        let correlation_id = key.text();
        let mut uuid = Uuid::encode_buffer();
        let message = Message {
            exchange: "",
            routing_key: &self.target.queue,
            mandatory: true,
            kind: Some(&*self.target.method).filter(|method| !method.is_empty()),
            content_type: Some(self.codec.content_type()),
            correlation_id: Some(&correlation_id),
            reply_to: (!cast).then_some(&*route.reply_to),
            message_id: Some(&*id.as_hyphenated().encode_lower(&mut uuid)),
            expiration: if cast {
                self.expires.map(ceil_millis)
            } else {
                Some(ceil_millis(left))
            },
            priority: self.priority,
            app_id: self.client.connection.shared().settings.name.as_deref(),
            user_id: route.login.as_deref(),
            headers,
            body: self.body.clone(),
            ..Message::default()
        };
        let ticket = Ticket {
            key,
            cast,
            _permit: Arc::clone(permit),
        };
        if let Err(error) = route.publisher.publish(message, ticket) {
            route.pending.remove(key);
            // A broken channel is replaced; anything else would fail there too.
            return if route.is_open() {
                Err(error)
            } else {
                Ok(None)
            };
        }
        let queue = &*self.target.queue;
        Ok(Some(Flight {
            route: Arc::clone(route),
            key,
            outcome,
            queue,
            method: &self.target.method,
            id,
            landed: false,
            _permit: Arc::clone(permit),
        }))
    }
}

/// A call that has been sent. Dropping it before it has landed cancels it.
struct Flight<'a> {
    route: Arc<Route>,
    key: Key,
    outcome: oneshot::Receiver<Outcome>,
    queue: &'a str,
    method: &'a str,
    id: Uuid,
    landed: bool,
    _permit: Arc<Permit>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed && self.route.pending.remove(self.key).is_some() {
            self.route.cancel(self.queue, self.id);
        }
    }
}

fn no_such_service(queue: &str) -> Error {
    Error::new(
        Code::NoSuchService,
        format!(
            "there is no queue `{queue}`: no server of this service has ever run here, or its queue was deleted; \
             start one, or check the name and the namespace"
        ),
    )
    .with_executed(Executed::No)
}

/// So long from now; what is beyond the clock is ten years.
pub(crate) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + LONGEST)
}

/// So long from now, and not beyond the time that is left to the handler that this runs in.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    let deadline = after(timeout);
    match Context::current().as_ref().and_then(Context::deadline) {
        Some(outer) => deadline.min(outer),
        None => deadline,
    }
}

/// The headers that hold text, if they and the other values fit into the frame of all headers.
pub(crate) fn headers<'a>(
    metadata: &'a Metadata,
    trace: Option<&'a TraceContext>,
    key: Option<&'a str>,
    values: &[(&str, HeaderValue)],
) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let mut headers: Vec<_> = metadata.iter().collect();
    headers.extend(key.map(|key| (wire::HEADER_KEY, key)));
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
    let texts = headers.iter().map(|(key, value)| (key, value.len()));
    let others = values.iter().map(|(key, value)| (key, value.size()));
    let size: usize = texts
        .chain(others)
        .map(|(key, value)| key.len() + value + 8)
        .sum();
    if size > wire::MAX_HEADER_BYTES {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "headers, metadata, trace headers and the key take {size} bytes, at most {} fit",
                wire::MAX_HEADER_BYTES
            ),
        )
        .with_executed(Executed::No));
    }
    Ok(headers)
}

/// Whole milliseconds, rounded up, at least one: RabbitMQ reads 0 as "only if a consumer is ready".
pub(crate) fn ceil_millis(duration: Duration) -> u64 {
    u64::try_from(duration.min(LONGEST).as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Ten years, the longest expiration that RabbitMQ takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
