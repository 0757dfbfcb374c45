//! A worker before it is started: how many at once, how fast, and by which handler.

use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::common::{Batch, Handler};
use super::message::Message;
use super::outcome::Outcome;
use super::rate::Rate;
use super::settle::Verdict;
use super::source::Source;
use super::{Worker, Workload};
use crate::connection::Connection;
use crate::error::{Code, Error, Executed};
use crate::payload;
use crate::service::panicked;
use crate::tasks::{DeathReason, TaskQueue};
use crate::wire;

/// How many handlers run at once when nobody says so.
const CONCURRENCY: u16 = 10;

/// A worker that has not started. Made by [`Connection::worker`].
///
/// ```no_run
/// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
/// use std::time::Duration;
/// use leveret::{Message, TaskQueue};
///
/// let worker = connection
///     .worker(&TaskQueue::<String>::new("emails"))
///     .concurrency(3)
///     .rate(10, Duration::from_secs(1))
///     .start(|to: String, message: Message| async move {
///         println!("to {to}, attempt {}", message.attempt());
///         Ok::<(), std::io::Error>(())
///     })
///     .await?;
/// worker.run().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a worker works after `start`"]
pub struct WorkerBuilder<T> {
    connection: Connection,
    source: Result<Source, Error>,
    settings: Settings,
    of: PhantomData<fn() -> T>,
}

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    concurrency: u16,
    prefetch: Option<u16>,
    rate: Option<(u32, Duration)>,
    grace: Duration,
    timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: CONCURRENCY,
            prefetch: None,
            rate: None,
            grace: Duration::from_secs(10),
            timeout: None,
        }
    }
}

impl Connection {
    /// A worker for the tasks of this queue.
    pub fn worker<T>(&self, queue: &TaskQueue<T>) -> WorkerBuilder<T> {
        let spec = &queue.spec;
        let names = spec.names(&self.shared().settings.namespace);
        let source = names.map(|names| Source {
            names: Some(names),
            retry: spec.retry,
            dedup_window: spec.dedup_window,
            exchange: None,
            bindings: Vec::new(),
        });
        WorkerBuilder::new(self.clone(), source)
    }
}

impl<T> fmt::Debug for WorkerBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("source", &self.source)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<T> WorkerBuilder<T> {
    pub(crate) fn new(connection: Connection, source: Result<Source, Error>) -> Self {
        Self {
            connection,
            source,
            settings: Settings::default(),
            of: PhantomData,
        }
    }

    pub(crate) fn with_source(mut self, source: Result<Source, Error>) -> Self {
        self.source = source;
        self
    }

    /// How many handlers run at once, at least 1. Default: 10.
    pub fn concurrency(mut self, handlers: u16) -> Self {
        self.settings.concurrency = handlers;
        self
    }

    /// How many messages the broker may hand over before earlier ones are done, at least 1. Default: the concurrency,
    /// times the size of a batch. More hides the broker's round trip, makes sharing between workers less even, and
    /// when a worker dies that many are set aside to be run one at a time.
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.settings.prefetch = Some(messages);
        self
    }

    /// Starts at most so many handlers in so much time, spread evenly: `rate(10, Duration::from_secs(1))` is one every
    /// 0.1 s. A batch counts once. It holds for this worker; several have as many times the rate. What comes faster
    /// waits in the queue.
    pub fn rate(mut self, runs: u32, period: Duration) -> Self {
        self.settings.rate = Some((runs, period));
        self
    }

    /// How long a handler may take; one that takes longer is dropped, and its task has failed. What goes on then, such as
    /// a thread, is waited for if it has a [`Message::guard`]. Default: no limit of ours, but the broker's
    /// `consumer_timeout` (30 min unless changed), after which a task is given to others.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// How long handlers may go on once the worker is told to stop. Default: 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> WorkerBuilder<T> {
    /// Declares what is missing and begins to work; returns when messages are taken.
    ///
    /// The handler is given the value and the [`Message`] that brought it. A task is acknowledged after its handler's
    /// success; what it returns else, or a panic, decides whether it is tried again ([`Outcome`]).
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for settings that make no sense, [`Code::NoSuchService`] when a queue or exchange is
    /// not there and may not be created, [`Code::PermissionDenied`] when the login may not declare or consume,
    /// [`Code::Unavailable`] when there is no connection within 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future stops what has been started.
    pub async fn start<F, R>(self, handler: F) -> Result<Worker, Error>
    where
        F: Fn(T, Message) -> R + Send + Sync + 'static,
        R: Future<Output: Into<Outcome>> + Send,
    {
        let each = Each {
            handler,
            timeout: self.settings.timeout,
            of: PhantomData,
        };
        self.begin(each, None).await
    }

    /// The same by batches: of `size` messages, or of as many as have come when the first has waited for `age`. The
    /// handler's result holds for all of a batch that it has not settled by hand.
    ///
    /// ```no_run
    /// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
    /// use std::time::Duration;
    /// use leveret::{Message, TaskQueue};
    ///
    /// let rows = TaskQueue::<String>::new("rows");
    /// let insert = |rows: Vec<(String, Message)>| async move {
    ///     println!("{} rows in one statement", rows.len());
    /// };
    /// let worker = connection.worker(&rows).start_batches(500, Duration::from_secs(1), insert).await?;
    /// # worker.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    pub async fn start_batches<F, R>(
        self,
        size: u16,
        age: Duration,
        handler: F,
    ) -> Result<Worker, Error>
    where
        F: Fn(Vec<(T, Message)>) -> R + Send + Sync + 'static,
        R: Future<Output: Into<Outcome>> + Send,
    {
        let together = Together {
            handler,
            timeout: self.settings.timeout,
            of: PhantomData,
        };
        self.begin(together, Some((size, age))).await
    }

    async fn begin(
        self,
        handler: impl Handler,
        batch: Option<(u16, Duration)>,
    ) -> Result<Worker, Error> {
        let invalid = |what: &'static str| {
            Err(Error::new(Code::InvalidArgument, what).with_executed(Executed::No))
        };
        let settings = self.settings;
        let source = self.source?;
        let size = batch.map_or(1, |(size, _)| size);
        if settings.concurrency == 0 || settings.prefetch == Some(0) || size == 0 {
            return invalid("a worker's concurrency, prefetch and batch size are at least 1");
        }
        let enough = settings.concurrency.saturating_mul(size);
        let prefetch = settings.prefetch.unwrap_or(enough);
        if prefetch < size {
            return invalid("the prefetch is smaller than a batch, which could never be full");
        }
        if batch.is_some() && source.partitions().is_some() {
            return invalid("a queue that is ordered by key has no batches");
        }
        let rate = match settings.rate {
            None => None,
            Some((runs, period)) => match Rate::new(runs, period) {
                None => return invalid("a rate is at least one run in a time that is not zero"),
                rate => rate,
            },
        };
        let workload = Workload {
            source,
            concurrency: settings.concurrency,
            prefetch,
            rate,
            batch: batch.map(|(size, age)| Batch {
                size: size.into(),
                age,
            }),
            grace: settings.grace,
        };
        Worker::start(self.connection, workload, Box::new(handler)).await
    }
}

/// One message at a time.
struct Each<T, F> {
    handler: F,
    timeout: Option<Duration>,
    of: PhantomData<fn() -> T>,
}

/// Batches.
struct Together<T, F> {
    handler: F,
    timeout: Option<Duration>,
    of: PhantomData<fn() -> T>,
}

impl<T, F, R> Handler for Each<T, F>
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(T, Message) -> R + Send + Sync + 'static,
    R: Future<Output: Into<Outcome>> + Send,
{
    fn handle(&self, messages: Vec<Message>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for message in messages {
                let Some(value) = read::<T>(&message).await else {
                    continue;
                };
                let context = message.context().clone();
                let handler = context.scope(async { (self.handler)(value, message.clone()).await });
                let verdict = run(handler, self.timeout, std::slice::from_ref(&message)).await;
                message.settle(verdict).await;
            }
        })
    }
}

impl<T, F, R> Handler for Together<T, F>
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(Vec<(T, Message)>) -> R + Send + Sync + 'static,
    R: Future<Output: Into<Outcome>> + Send,
{
    fn handle(&self, messages: Vec<Message>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut batch = Vec::with_capacity(messages.len());
            for message in messages {
                if let Some(value) = read::<T>(&message).await {
                    batch.push((value, message));
                }
            }
            if batch.is_empty() {
                return;
            }
            let messages: Vec<_> = batch.iter().map(|(_, message)| message.clone()).collect();
            let handler = async { (self.handler)(batch).await };
            let verdict = run(handler, self.timeout, &messages).await;
            for message in messages {
                message.settle(verdict.clone()).await;
            }
        })
    }
}

/// A value that cannot be read now can never be.
async fn read<T: DeserializeOwned + 'static>(message: &Message) -> Option<T> {
    let delivery = message.context().delivery();
    let decode = || {
        // What a later version says may change what is to be done, whoever reads the body.
        wire::check_version(delivery)?;
        payload::read(delivery, message.body())
    };
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(decode));
    match decoded.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(value) => Some(value),
        Err(error) => {
            let verdict = Verdict::Dead {
                why: DeathReason::Undecodable,
                error: error.message().to_owned(),
            };
            message.settle(verdict).await;
            None
        }
    }
}

async fn run<R: Into<Outcome>>(
    handler: impl Future<Output = R>,
    timeout: Option<Duration>,
    messages: &[Message],
) -> Verdict {
    // What it returns is of the user's making too.
    let handler = AssertUnwindSafe(async { handler.await.into() }).catch_unwind();
    let outcome = match timeout {
        None => handler.await,
        Some(timeout) => match tokio::time::timeout(timeout, handler).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // For what the handler has begun elsewhere, such as in a thread.
                for message in messages {
                    message.context().cancellation().cancel();
                }
                return Verdict::Retry {
                    after: None,
                    reason: format!("the handler took longer than {timeout:?}"),
                };
            }
        },
    };
    match outcome {
        Ok(Outcome::Done) => Verdict::Done,
        Ok(Outcome::Retry { after, reason }) => Verdict::Retry { after, reason },
        Ok(Outcome::Reject { reason }) => Verdict::Dead {
            why: DeathReason::Rejected,
            error: reason,
        },
        Err(panic) => Verdict::Retry {
            after: None,
            reason: panicked(&*panic).message().to_owned(),
        },
    }
}
