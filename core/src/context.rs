//! What travels with a call besides its arguments: the deadline, the caller's metadata, the trace, who
//! called. Set by callers, seen by handlers, and inherited by the calls that a handler makes.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::amqp::Delivery;
use crate::error::{Code, Error, Executed};
use crate::wire;

tokio::task_local! {
    static CURRENT: Context;
}

/// What a handler knows about the call it serves. Cheap to clone.
///
/// A method asks for it with a first parameter `cx: &Context`:
///
/// ```
/// use leveret::Context;
///
/// async fn report(cx: &Context, lines: Vec<String>) -> usize {
///     if let Some(team) = cx.metadata().get("team") {
///         println!("for {team}, {:?} left", cx.time_left());
///     }
///     lines.len()
/// }
/// # let _ = report;
/// ```
#[derive(Clone, Debug)]
pub struct Context(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) service: Cow<'static, str>,
    pub(crate) method: Cow<'static, str>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) metadata: Metadata,
    pub(crate) trace: Option<TraceContext>,
    /// The message that brought the call, less its body; kept whole rather than copied field by field.
    pub(crate) delivery: Delivery,
    pub(crate) cancellation: Cancellation,
}

/// Whether the caller has given up, and a way to wait for it. Part of the context because every call has
/// one and few are ever cancelled.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    cancelled: AtomicBool,
    changed: Notify,
}

impl Cancellation {
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub(crate) async fn cancelled(&self) {
        let mut changed = pin!(self.changed.notified());
        // Registered before the look, so that a cancel in between is not missed.
        changed.as_mut().enable();
        if !self.is_cancelled() {
            changed.await;
        }
    }
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The context of the handler that this task runs, if it runs one.
    ///
    /// Tasks that a handler spawns do not inherit it: hand them a clone and use [`scope`](Self::scope).
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future so that the calls in it inherit this context's deadline and trace.
    ///
    /// # Cancel safety
    /// As cancel-safe as the future itself.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// The same for a closure, which is how blocking handlers are run.
    pub fn scope_sync<R>(self, run: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, run)
    }

    /// The service's name on the wire.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// The method's name on the wire.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// When the caller stops waiting; `None` for a request without an expiration, as casts are by default and foreign
    /// calls may be.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// The time until the deadline, zero when it has passed.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.0
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// What the caller sent along.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The W3C trace headers of the call.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.as_ref()
    }

    /// The name the caller gave itself (AMQP `app_id`). Not authenticated.
    #[must_use]
    pub fn caller(&self) -> Option<&str> {
        self.0.delivery.app_id()
    }

    /// The caller's broker login (AMQP `user_id`), which the broker has verified; `None` means unauthenticated.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.delivery.user_id()
    }

    /// The id of the logical call, the same over its retries.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.0.delivery.message_id()
    }

    /// Whether the broker has delivered this request before, so that it may have run already.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.0.delivery.redelivered
    }

    /// Whether the caller has given up or the deadline has passed. For blocking handlers to look at;
    /// the future of an async handler is simply dropped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
            || self
                .0
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// The same for another attempt, which nobody has cancelled.
    pub(crate) fn again(&self) -> Self {
        let parts = &*self.0;
        Self::new(Parts {
            service: parts.service.clone(),
            method: parts.method.clone(),
            deadline: parts.deadline,
            metadata: parts.metadata.clone(),
            trace: parts.trace.clone(),
            delivery: parts.delivery.clone(),
            cancellation: Cancellation::default(),
        })
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.0.delivery
    }

    pub(crate) fn cancellation(&self) -> &Cancellation {
        &self.0.cancellation
    }
}

/// The caller's own headers: short keys, string values.
///
/// ```
/// let mut metadata = leveret::Metadata::new();
/// metadata.insert("team", "blue")?;
/// assert_eq!(metadata.get("team"), Some("blue"));
/// assert!(metadata.insert("x-death", "reserved for the broker").is_err());
/// # Ok::<(), leveret::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(Cow<'static, str>, String)>);

impl Metadata {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets an entry.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a key that is not `[a-z0-9_.-]{1,64}` or is reserved.
    pub fn insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<(), Error> {
        let key = key.into();
        if !wire::is_metadata_key(&key) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "metadata key {key:?} is not allowed: use 1 to 64 of a-z 0-9 _ . -, and none of \
                     x-*, leveret-*, cc, bcc, traceparent, tracestate, baggage"
                ),
            )
            .with_executed(Executed::No));
        }
        self.set(key, value.into());
        Ok(())
    }

    pub(crate) fn of(delivery: &Delivery) -> Self {
        // A delivery has each header once.
        let own = delivery
            .headers()
            .filter(|(key, _)| wire::is_metadata_key(key));
        Self(
            own.map(|(key, value)| (key.to_owned().into(), value.to_owned()))
                .collect(),
        )
    }

    pub(crate) fn set(&mut self, key: Cow<'static, str>, value: String) {
        match self.0.iter_mut().find(|(existing, _)| *existing == key) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(existing, _)| *existing == key)
            .map(|(_, value)| value)
    }

    /// All entries, in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The W3C trace headers (<https://www.w3.org/TR/trace-context/>), passed on untouched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`: version, trace id, parent span id, flags.
    pub traceparent: String,
    /// `tracestate`, when there is one.
    pub tracestate: Option<String>,
    /// `baggage` (<https://www.w3.org/TR/baggage/>), when there is some.
    pub baggage: Option<String>,
}

impl TraceContext {
    pub(crate) fn of(delivery: &Delivery) -> Option<Self> {
        let text = |name| delivery.header(name).map(str::to_owned);
        Some(Self {
            traceparent: text(wire::HEADER_TRACEPARENT)?,
            tracestate: text(wire::HEADER_TRACESTATE),
            baggage: text(wire::HEADER_BAGGAGE),
        })
    }

    /// A trace context of a `traceparent` alone.
    #[must_use]
    pub fn new(traceparent: impl Into<String>) -> Self {
        Self {
            traceparent: traceparent.into(),
            ..Self::default()
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent)
    }
}
