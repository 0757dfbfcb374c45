//! A task or event as its handler sees it, beside its value.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::guard::RunGuard;
use super::settle::{Desk, Verdict};
use crate::amqp::HeaderValue;
use crate::context::Context;
use crate::encoded::Encoded;
use crate::error::{Code, Error};
use crate::payload;
use crate::tasks::DeathReason;
use crate::tasks::once::Guard;
use crate::wire;

/// What a handler knows about a task or event besides its value, and by which it can settle it by hand. Cheap to clone.
///
/// ```
/// use leveret::Message;
///
/// async fn archive(line: String, message: Message) {
///     println!("{} (attempt {}): {line}", message.routing_key(), message.attempt());
/// }
/// # let _ = archive;
/// ```
#[derive(Clone)]
pub struct Message(Arc<Inner>);

struct Inner {
    context: Context,
    body: Bytes,
    attempt: u32,
    /// For how long it waits where it is, and as which attempt it is run then.
    rest: Mutex<Option<(Duration, u32)>>,
    desk: Arc<Desk>,
    settled: AtomicBool,
    /// Whether it is being settled by hand.
    settling: OnceLock<TaskTracker>,
    /// Settled in no way: the broker still counts it as ours.
    left: AtomicBool,
    once: Mutex<Option<Guard>>,
    /// What goes on of the run, if it was asked for.
    run: OnceLock<TaskTracker>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id())
            .field("attempt", &self.attempt())
            .field("routing_key", &self.routing_key())
            .finish_non_exhaustive()
    }
}

impl Message {
    pub(super) fn new(context: Context, body: Bytes, attempt: u32, desk: Arc<Desk>) -> Self {
        Self(Arc::new(Inner {
            context,
            body,
            attempt,
            rest: Mutex::default(),
            desk,
            settled: AtomicBool::new(false),
            settling: OnceLock::new(),
            left: AtomicBool::new(false),
            once: Mutex::default(),
            run: OnceLock::new(),
        }))
    }

    /// The id that its sender gave it, the same over all attempts.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.context.message_id()
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Whether it was delivered before and may have been run, to its end or not.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.0.context.redelivered()
    }

    /// What orders it, if its queue is keyed.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.header(wire::HEADER_KEY)
    }

    /// The queue that it came from, with its namespace.
    #[must_use]
    pub fn queue(&self) -> &str {
        self.0.context.service()
    }

    /// The exchange that it was published to; empty for a task.
    #[must_use]
    pub fn exchange(&self) -> &str {
        let delivery = self.0.context.delivery();
        let first = delivery.header(wire::HEADER_EXCHANGE);
        let straight = self.0.desk.meant_for(self.queue(), delivery).map(|_| "");
        first.or(straight).unwrap_or(&delivery.exchange)
    }

    /// The routing key that it was published with; for a task the name of its queue.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        let delivery = self.0.context.delivery();
        let first = delivery.header(wire::HEADER_ROUTING_KEY);
        let straight = || self.0.desk.meant_for(self.queue(), delivery);
        first.or_else(straight).unwrap_or(&delivery.routing_key)
    }

    /// A metadata entry or other header that holds text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.context.delivery().header(name)
    }

    /// A header of any type but tables and lists.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<HeaderValue> {
        self.0.context.delivery().value(name)
    }

    /// All headers but tables and lists, the broker's and Leveret's own among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, HeaderValue)> {
        self.0.context.delivery().values()
    }

    /// What its sender says that the body is.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.0.context.delivery().content_type()
    }

    /// The body as it travelled.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// The value, still encoded: for handlers of [`Raw`](crate::Raw) with a codec of their own.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a content type that is not known, [`Code::Unimplemented`] for a content encoding or
    /// a later version of the protocol.
    pub fn undecoded(&self) -> Result<Encoded, Error> {
        payload::undecoded(self.0.context.delivery(), self.body())
    }

    /// Its priority, if it has one.
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        self.0.context.delivery().priority()
    }

    /// When it was sent, in seconds since 1970, if its sender says so.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.0.context.delivery().timestamp()
    }

    /// What its sender calls itself.
    #[must_use]
    pub fn sender(&self) -> Option<&str> {
        self.0.context.caller()
    }

    /// AMQP's `type`, if its sender set it.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.0.context.delivery().kind()
    }

    /// Its metadata, and its trace, which calls and pushes in the handler inherit.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Keeps the run going until the guard is dropped. For a handler that goes on in a thread, which its timeout cannot end:
    /// nothing else may run in its place meanwhile, such as the next attempt or the next task of its key. A stop waits for
    /// it no longer than its grace time.
    ///
    /// ```
    /// use leveret::Message;
    ///
    /// async fn shrink(image: String, message: Message) -> Result<(), tokio::task::JoinError> {
    ///     let guard = message.guard();
    ///     tokio::task::spawn_blocking(move || {
    ///         let _guard = guard;
    ///         println!("{image}");
    ///     })
    ///     .await
    /// }
    /// # let _ = shrink;
    /// ```
    pub fn guard(&self) -> RunGuard {
        let run = self.0.run.get_or_init(TaskTracker::new);
        RunGuard {
            _token: run.token(),
        }
    }

    /// Whether something of a run goes on whose handler has been dropped: a thread cannot be stopped at its timeout.
    pub(super) fn goes_on(&self) -> bool {
        let goes_on = self.0.run.get().is_some_and(|run| !run.is_empty());
        if goes_on {
            let (queue, id) = (self.queue(), self.id());
            tracing::warn!(
                queue,
                id,
                "a handler was given up and goes on: its place stays taken until it ends"
            );
        }
        goes_on
    }

    /// Waits until nothing of the run goes on.
    pub(super) async fn has_ended(&self) {
        if let Some(run) = self.0.run.get() {
            run.close();
            run.wait().await;
        }
    }

    /// Says now that it is done. Whatever the handler returns does not count then: if it fails, or its worker dies,
    /// there is no other attempt.
    ///
    /// # Errors
    /// [`Code::FailedPrecondition`] when it has been settled before, [`Code::Unavailable`] when the mark of a
    /// de-duplication key cannot be set.
    ///
    /// # Cancel safety
    /// It may have been settled or not.
    pub async fn ack(&self) -> Result<(), Error> {
        self.by_hand(Verdict::Done).await
    }

    /// Asks for another attempt after the queue's own delay; without one left it becomes a dead letter. An event of a
    /// transient subscription, which nobody keeps, is logged and dropped.
    ///
    /// # Errors
    /// [`Code::FailedPrecondition`] when it has been settled before; [`Code::Unavailable`] when the broker could not
    /// take the copy, so that the task goes back to its queue as it is.
    ///
    /// # Cancel safety
    /// It may have been settled or not.
    pub async fn retry(&self, reason: impl Into<String>) -> Result<(), Error> {
        self.by_hand(Verdict::Retry {
            after: None,
            reason: reason.into(),
        })
        .await
    }

    /// The same after this time (to 0.1 s), in a keyed queue after 10 minutes at most: it stays where it is.
    ///
    /// # Errors
    /// As [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// It may have been settled or not.
    pub async fn retry_in(&self, after: Duration, reason: impl Into<String>) -> Result<(), Error> {
        self.by_hand(Verdict::Retry {
            after: Some(after),
            reason: reason.into(),
        })
        .await
    }

    /// Makes it a dead letter. An event of a transient subscription, which nobody keeps, is logged and dropped.
    ///
    /// # Errors
    /// As [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// It may have been settled or not.
    pub async fn reject(&self, reason: impl Into<String>) -> Result<(), Error> {
        self.by_hand(Verdict::Dead {
            why: DeathReason::Rejected,
            error: reason.into(),
        })
        .await
    }

    /// Makes it a dead letter that is no task of the queue's type: for handlers of [`Raw`](crate::Raw) that read the body
    /// themselves.
    ///
    /// # Errors
    /// As [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// It may have been settled or not.
    pub async fn undecodable(&self, error: impl Into<String>) -> Result<(), Error> {
        self.by_hand(Verdict::Dead {
            why: DeathReason::Undecodable,
            error: error.into(),
        })
        .await
    }

    async fn by_hand(&self, verdict: Verdict) -> Result<(), Error> {
        // Before the claim: whoever finds it claimed waits for the token.
        let token = self.0.settling.get_or_init(TaskTracker::new).token();
        if !self.claim() {
            return Err(Error::new(
                Code::FailedPrecondition,
                "the message has been settled already: acknowledged, retried or rejected",
            ));
        }
        self.carry_out(verdict, Some(token)).await
    }

    /// In a task of its own: who waits for it may give up, and the message would be settled by nobody.
    async fn carry_out(
        &self,
        verdict: Verdict,
        token: Option<TaskTrackerToken>,
    ) -> Result<(), Error> {
        let (desk, message) = (Arc::clone(&self.0.desk), self.clone());
        let settling = async move {
            let _token = token;
            desk.carry_out(&message, verdict).await
        };
        let settled = self.0.desk.running.spawn(settling).await;
        settled.unwrap_or_else(|_| {
            Err(Error::new(
                Code::Internal,
                "the message could not be settled",
            ))
        })
    }

    /// What follows from the handler's result, unless it has settled the message by hand: returns when that is done, even
    /// if the handler has not waited for it.
    pub(super) async fn settle(&self, verdict: Verdict) {
        if !self.claim() {
            if let Some(settling) = self.0.settling.get() {
                settling.close();
                settling.wait().await;
            }
            return;
        }
        // The common case, in which there is nothing to wait for.
        let settled = if matches!(verdict, Verdict::Done) && !self.is_held() {
            self.0.desk.carry_out(self, verdict).await
        } else {
            self.carry_out(verdict, None).await
        };
        if let Err(error) = settled {
            tracing::warn!(queue = self.queue(), %error, "a message could not be settled and goes back to its queue");
        }
    }

    /// True for whoever comes first.
    pub(super) fn claim(&self) -> bool {
        !self.0.settled.swap(true, Ordering::AcqRel)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.0.settled.load(Ordering::Acquire)
    }

    pub(super) fn desk(&self) -> &Arc<Desk> {
        &self.0.desk
    }

    pub(super) fn hold(&self, guard: Guard) {
        *self.once() = Some(guard);
    }

    fn is_held(&self) -> bool {
        self.once().is_some()
    }

    pub(super) fn let_go(&self) -> Option<Guard> {
        self.once().take()
    }

    fn once(&self) -> MutexGuard<'_, Option<Guard>> {
        self.0.once.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of its channel is to bring it back.
    pub(super) fn leave(&self) {
        self.0.left.store(true, Ordering::Release);
    }

    pub(super) fn is_left(&self) -> bool {
        self.0.left.load(Ordering::Acquire)
    }

    /// It stays where it is, to be run again after this time.
    pub(super) fn rest(&self, time: Duration, counts: bool) {
        let next = self.attempt().saturating_add(counts.into());
        *self.resting() = Some((time, next));
    }

    /// Whether and when it is to be run again, and as which attempt.
    pub(super) fn take_rest(&self) -> Option<(Duration, u32)> {
        self.resting().take()
    }

    fn resting(&self) -> MutexGuard<'_, Option<(Duration, u32)>> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another attempt, which has nothing to do with a handler that may still hold on to this one.
    pub(super) fn again(&self, attempt: u32) -> Self {
        let (context, body) = (self.0.context.again(), self.0.body.clone());
        Self::new(context, body, attempt, Arc::clone(&self.0.desk))
    }

    /// Whether it is one of the protocol's own messages, sent here by mistake or by a forged reply address.
    pub(super) fn is_reserved(&self) -> bool {
        self.kind()
            .is_some_and(|kind| kind.starts_with(wire::RESERVED_PREFIX))
    }
}
