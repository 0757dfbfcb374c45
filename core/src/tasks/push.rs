//! One task on its way to the queue.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use uuid::Uuid;

use super::delay::Detour;
use super::{Names, QueueSpec, Target};
use crate::amqp::{HeaderValue, Message};
use crate::client::deadline;
use crate::connection::{Connection, Session};
use crate::context::TraceContext;
use crate::error::{Code, Error, Executed};
use crate::post::{Declared, Draft, Place};
use crate::wire;

/// How long a queue is taken for granted to which a message comes only later: where it is gone, nobody is told.
const LASTS: Duration = Duration::from_secs(10);

/// A task that is pushed when it is awaited. Gives its id.
///
/// ```no_run
/// # async fn example(tasks: leveret::Tasks<String>) -> Result<(), leveret::Error> {
/// use std::time::Duration;
///
/// tasks.push(&"now".to_owned()).priority(5).await?;
/// tasks.push(&"later".to_owned()).delay(Duration::from_secs(3600)).await?;
/// tasks.push(&"once".to_owned()).dedup("invoice-2017-4711").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Code::InvalidArgument`] for options that do not go together or are too large,
/// [`Code::ResourceExhausted`] when the task is larger than a message may be, or the queue is full
/// ([`max_length`](crate::QueueOptions::max_length)): a classic queue has kept the task as a
/// [dead letter](crate::DeathReason::Full) then, so that pushing it again *and* retrying the letter does it twice.
/// [`Code::NoSuchService`] when the queue may not be declared here and is not there, [`Code::DeadlineExceeded`] when the
/// broker does not confirm in time, [`Code::Unavailable`] when the connection has been closed.
///
/// # Cancel safety
/// A task whose future is dropped may have been pushed or not.
#[derive(Debug)]
#[must_use = "nothing is pushed until it is awaited"]
pub struct Push {
    draft: Draft,
    spec: Arc<QueueSpec>,
    delay: Option<Duration>,
    dedup: Option<String>,
    key: Option<String>,
}

impl Push {
    pub(super) fn new(draft: Draft, spec: Arc<QueueSpec>) -> Self {
        Self {
            draft,
            spec,
            delay: None,
            dedup: None,
            key: None,
        }
    }

    /// Keeps the task back for this long: rounded up to 0.1 s, at most 310 days. It waits at the broker, whether
    /// workers are there or not.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Keeps the task back until then, by this machine's clock. A time that has passed is now.
    pub fn at(self, time: SystemTime) -> Self {
        let delay = time.duration_since(SystemTime::now()).unwrap_or_default();
        if delay.is_zero() {
            return self;
        }
        self.delay(delay)
    }

    /// Lets the task overtake others, in a queue with [`max_priority`](crate::QueueOptions::max_priority).
    pub fn priority(mut self, priority: u8) -> Self {
        self.draft.priority = Some(priority);
        self
    }

    /// What orders the task, in a queue that is [`keyed`](crate::TaskQueue::keyed): text as it is, numbers in decimal.
    pub fn key(mut self, key: impl fmt::Display) -> Self {
        self.key = Some(key.to_string());
        self
    }

    /// Does the task once, however often it is pushed with this key (1 to 255 bytes): while one runs no second one does,
    /// and those that come within the queue's [`dedup_window`](crate::TaskQueue::dedup_window) after its success are
    /// skipped by the workers. Costs a worker four round trips to the broker, and the broker a small queue for each key
    /// in the window.
    pub fn dedup(mut self, key: impl Into<String>) -> Self {
        self.dedup = Some(key.into());
        self
    }

    /// Makes it a dead letter when it has waited this long for its first attempt, to the millisecond.
    pub fn expires(mut self, after: Duration) -> Self {
        self.draft.expires = Some(after);
        self
    }

    /// Sends a metadata entry, which the worker reads by [`Message::header`](crate::Message::header).
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.draft.metadata(key, value);
        self
    }

    /// Sends these trace headers. Default: those of the handler that this runs in.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.draft.trace = Some(trace);
        self
    }

    /// How long to wait for the broker's confirm. Default: that of [`Tasks`](crate::Tasks).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = timeout;
        self
    }

    async fn send(self) -> Result<Uuid, Error> {
        let invalid = |what: &'static str| {
            Err(Error::new(Code::InvalidArgument, what).with_executed(Executed::No))
        };
        let draft = self.draft.sealed()?;
        if self.delay.is_some() && draft.expires.is_some() {
            return invalid("a task that is delayed cannot expire as well: set one of the two");
        }
        if self
            .dedup
            .as_ref()
            .is_some_and(|key| !(1..=255).contains(&key.len()))
        {
            return invalid("a de-duplication key takes 1 to 255 bytes");
        }
        let shared = draft.connection.shared();
        let names = self.spec.names(&shared.settings.namespace)?;
        let target = names.target(self.key.as_deref())?;
        let id = Uuid::new_v4();
        let mut uuid = Uuid::encode_buffer();
        let dedup = self.dedup.map(HeaderValue::Text);
        let values = dedup
            .map(|key| (wire::HEADER_DEDUP, key))
            .into_iter()
            .collect();
        let message = Message {
            routing_key: &target,
            mandatory: true,
            ..draft.message(
                id.as_hyphenated().encode_lower(&mut uuid),
                self.key.as_deref(),
                values,
            )?
        };
        let deadline = deadline(draft.timeout);
        match self.delay.filter(|delay| !delay.is_zero()) {
            None => {
                let place = Target {
                    names: &names,
                    queue: &target,
                };
                shared.post(message, &place, deadline).await?;
            }
            Some(delay) => {
                post_later(&draft.connection, &names, &target, message, delay, deadline).await?;
            }
        }
        Ok(id)
    }
}

/// Sends a message that is to come to the queue after a while.
pub(crate) async fn post_later(
    connection: &Connection,
    names: &Names,
    target: &str,
    message: Message<'_>,
    delay: Duration,
    deadline: Instant,
) -> Result<(), Error> {
    let detour = names.delays.detour(delay, target)?;
    let message = Message {
        exchange: &detour.exchange,
        routing_key: &detour.routing_key,
        mandatory: true,
        expiration: None,
        ..message
    };
    let place = Later {
        name: format!("{target} by {}", detour.exchange),
        names,
        target,
        detour: &detour,
    };
    connection.shared().post(message, &place, deadline).await
}

/// A queue and the way there through the delays.
struct Later<'a> {
    name: String,
    names: &'a Names,
    target: &'a str,
    detour: &'a Detour,
}

impl Place for Later<'_> {
    async fn declare(&self, session: &Session) -> Result<(), Error> {
        if !session.declared.queues.has_lately(self.target, LASTS) {
            self.names.declare_for(session, self.target).await?;
            session.declared.queues.add(self.target);
        }
        self.names.delays.declare(session, self.detour.level).await
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn lasts(&self) -> Duration {
        LASTS
    }

    fn forget(&self, declared: &Declared) {
        declared.queues.forget(&self.name);
        declared.queues.forget(self.target);
        self.names.delays.forget(declared, self.detour.level);
    }
}

impl IntoFuture for Push {
    type Output = Result<Uuid, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
