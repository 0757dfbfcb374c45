//! A subscription before it is started: which events, for how long, and how they are handled.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Events;
use crate::amqp::{Binding, HeaderValue};
use crate::connection::Connection;
use crate::error::{Code, Error, Executed};
use crate::tasks::{LONGEST_NAME, Names, Retry, is_beside};
use crate::topology::{ExchangeKind, QueueOptions};
use crate::wire;
use crate::worker::{Exchange, Message, Outcome, Source, Worker, WorkerBuilder};

/// A subscription that has not started. Made by [`Connection::subscribe`].
///
/// Without [`durable`](Self::durable) it is transient: its queue is its own, gets what is published while it is there,
/// and goes with it. An event whose handler fails is logged and dropped, and so is one that it asks to retry or rejects,
/// by its outcome or by hand ([`Message::retry`]): there is no second attempt, and there are no dead letters.
///
/// ```no_run
/// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
/// use leveret::{Events, Message};
///
/// let logs = Events::<String>::topic("logs");
/// let subscription = connection
///     .subscribe(&logs)
///     .key("kern.*")
///     .key("*.critical")
///     .start(|line: String, message: Message| async move {
///         println!("{}: {line}", message.routing_key());
///     })
///     .await?;
/// subscription.run().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing comes before `start`"]
pub struct SubscriptionBuilder<T> {
    worker: WorkerBuilder<T>,
    connection: Connection,
    exchange: Result<Exchange, Error>,
    bindings: Vec<Binding>,
    group: Option<String>,
    options: QueueOptions,
    retry: Retry,
}

impl Connection {
    /// Subscribes to these events.
    pub fn subscribe<T>(&self, events: &Events<T>) -> SubscriptionBuilder<T> {
        // Replaced by the real one at the start, when everything is known.
        let nothing = Err(Error::new(
            Code::Internal,
            "a subscription without a source",
        ));
        SubscriptionBuilder {
            worker: WorkerBuilder::new(self.clone(), nothing),
            connection: self.clone(),
            exchange: events.exchange(self),
            bindings: Vec::new(),
            group: None,
            options: QueueOptions::classic(),
            retry: Retry::default(),
        }
    }
}

impl<T> fmt::Debug for SubscriptionBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionBuilder")
            .field("exchange", &self.exchange)
            .field("bindings", &self.bindings)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl<T> SubscriptionBuilder<T> {
    /// Asks for events with this key (direct) or with keys that fit this pattern (topic). May be called several times.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.bind(key.into(), Vec::new())
    }

    /// Asks for events that have all of these headers with these values. May be called several times: events that fit
    /// one of them come.
    pub fn all<N: Into<String>, V: Into<HeaderValue>>(
        self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.matching("all", headers)
    }

    /// Asks for events that have one of these headers with its value.
    pub fn any<N: Into<String>, V: Into<HeaderValue>>(
        self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.matching("any", headers)
    }

    fn matching<N: Into<String>, V: Into<HeaderValue>>(
        self,
        how: &str,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut arguments: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        arguments.push(("x-match".to_owned(), how.into()));
        self.bind(String::new(), arguments)
    }

    fn bind(mut self, key: String, arguments: Vec<(String, HeaderValue)>) -> Self {
        self.bindings.push(Binding {
            exchange: String::new(),
            key,
            arguments,
        });
        self
    }

    /// Keeps events while nobody is there, in a durable queue that all subscribers of this group share: each event goes
    /// to one of them, and is tried again when its handler fails, as a task is. The queue is named after the exchange
    /// and the group, with a dot between. It stays, with its bindings, until it is deleted.
    pub fn durable(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// How the queue of a durable subscription is declared.
    pub fn options(mut self, options: QueueOptions) -> Self {
        self.options = options;
        self
    }

    /// How failures of a durable subscription are retried. Default: five attempts.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// As [`WorkerBuilder::concurrency`].
    pub fn concurrency(mut self, handlers: u16) -> Self {
        self.worker = self.worker.concurrency(handlers);
        self
    }

    /// As [`WorkerBuilder::prefetch`].
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.worker = self.worker.prefetch(messages);
        self
    }

    /// As [`WorkerBuilder::rate`].
    pub fn rate(mut self, runs: u32, period: Duration) -> Self {
        self.worker = self.worker.rate(runs, period);
        self
    }

    /// As [`WorkerBuilder::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.worker = self.worker.timeout(timeout);
        self
    }

    /// As [`WorkerBuilder::grace`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.worker = self.worker.grace(grace);
        self
    }

    fn prepared(self) -> WorkerBuilder<T> {
        let source = self.exchange.and_then(|exchange| {
            source(
                &self.connection,
                exchange,
                self.bindings,
                self.group,
                &self.options,
                self.retry,
            )
        });
        self.worker.with_source(source)
    }
}

impl<T: DeserializeOwned + Send + 'static> SubscriptionBuilder<T> {
    /// Declares what is missing and begins to listen; returns when events come. The handler is given the event and the
    /// [`Message`] that brought it.
    ///
    /// # Errors
    /// As [`WorkerBuilder::start`].
    ///
    /// # Cancel safety
    /// Dropping the future stops what has been started.
    pub async fn start<F, R>(self, handler: F) -> Result<Worker, Error>
    where
        F: Fn(T, Message) -> R + Send + Sync + 'static,
        R: Future<Output: Into<Outcome>> + Send,
    {
        self.prepared().start(handler).await
    }

    /// The same by batches, as [`WorkerBuilder::start_batches`].
    ///
    /// # Errors
    /// As [`WorkerBuilder::start`].
    ///
    /// # Cancel safety
    /// Dropping the future stops what has been started.
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
        self.prepared().start_batches(size, age, handler).await
    }
}

fn source(
    connection: &Connection,
    exchange: Exchange,
    mut bindings: Vec<Binding>,
    group: Option<String>,
    options: &QueueOptions,
    retry: Retry,
) -> Result<Source, Error> {
    let invalid =
        |what: String| Err(Error::new(Code::InvalidArgument, what).with_executed(Executed::No));
    let by_headers = |binding: &Binding| !binding.arguments.is_empty();
    match exchange.kind {
        ExchangeKind::Fanout if bindings.is_empty() => bindings.push(Binding::default()),
        ExchangeKind::Fanout => {
            return invalid(format!(
                "`{}` is a fanout: all its events come, and none can be asked for",
                exchange.name
            ));
        }
        ExchangeKind::Headers if !bindings.iter().all(by_headers) || bindings.is_empty() => {
            return invalid(format!(
                "`{}` finds subscribers by headers: ask with `all` or `any`",
                exchange.name
            ));
        }
        ExchangeKind::Direct | ExchangeKind::Topic
            if bindings.iter().any(by_headers) || bindings.is_empty() =>
        {
            return invalid(format!(
                "`{}` finds subscribers by keys: ask with `key`",
                exchange.name
            ));
        }
        _ => {}
    }
    for binding in &mut bindings {
        binding.exchange.clone_from(&exchange.name);
    }
    let names = match group {
        None => None,
        Some(group) if !wire::is_name(&group) => {
            return invalid(format!(
                "{group:?} is no name for a group: 1 to 100 of A-Z a-z 0-9 _ . -"
            ));
        }
        Some(group) => {
            let namespace = &connection.shared().settings.namespace;
            let name = exchange.name.strip_prefix(namespace.as_str());
            let name = name.unwrap_or(&exchange.name);
            // What begins with `amq.` is the broker's own.
            let queue = match name.strip_prefix("amq.") {
                Some(own) => format!("amq-{own}.{group}"),
                None => format!("{name}.{group}"),
            };
            if is_beside(&queue) || namespace.len() + queue.len() > LONGEST_NAME {
                return invalid(format!(
                    "the queue of the group {group:?} cannot be called `{queue}`: the name is too long, or another queue's"
                ));
            }
            Some(Names::new(namespace, &queue, options))
        }
    };
    Ok(Source {
        names,
        retry,
        dedup_window: Duration::ZERO,
        exchange: Some(exchange),
        bindings,
    })
}
