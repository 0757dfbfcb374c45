//! Queues of tasks, exchanges of events, and what consumes them, as Python hands them over.

use std::time::Duration;

use leveret::{Declare, Events, HeaderValue, QueueOptions, Raw, Retry, TaskQueue};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;

use crate::failure::value_error;
use crate::settings::{QueueSettings, declare, duration, from_python, maybe_duration};

/// A queue of tasks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskQueueSettings {
    name: String,
    retry: RetrySettings,
    #[serde(deserialize_with = "duration")]
    dedup_window: Duration,
    partitions: Option<u16>,
    queue: QueueSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetrySettings {
    attempts: u32,
    #[serde(deserialize_with = "duration")]
    delay: Duration,
    #[serde(deserialize_with = "duration")]
    max_delay: Duration,
}

impl RetrySettings {
    fn into_core(self) -> Retry {
        Retry::new(self.attempts).delay(self.delay, self.max_delay)
    }
}

impl TaskQueueSettings {
    pub(crate) fn into_core(self) -> PyResult<TaskQueue<Raw>> {
        let queue = TaskQueue::new(self.name)
            .options(self.queue.into_core()?)
            .retry(self.retry.into_core())
            .dedup_window(self.dedup_window);
        Ok(match self.partitions {
            Some(partitions) => queue.keyed(partitions),
            None => queue,
        })
    }
}

/// Raises ValueError for a queue of tasks that cannot be.
#[pyfunction]
pub(crate) fn check_tasks(queue: &Bound<'_, PyAny>) -> PyResult<()> {
    let queue = from_python::<TaskQueueSettings>(queue)?.into_core()?;
    queue.check().map_err(|error| value_error(&error))
}

/// An exchange of events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsSettings {
    name: String,
    kind: Kind,
    declare: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Fanout,
    Direct,
    Topic,
    Headers,
}

impl EventsSettings {
    pub(crate) fn into_core(self) -> PyResult<Events<Raw>> {
        let declare: Declare = declare(&self.declare)?;
        let events = match self.kind {
            Kind::Fanout => Events::fanout(self.name),
            Kind::Direct => Events::direct(self.name),
            Kind::Topic => Events::topic(self.name),
            Kind::Headers => Events::headers(self.name),
        };
        Ok(events.declare(declare))
    }
}

/// Which events, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionSettings {
    events: EventsSettings,
    keys: Vec<String>,
    all: Vec<Vec<(String, Header)>>,
    any: Vec<Vec<(String, Header)>>,
    durable: Option<String>,
    retry: RetrySettings,
    queue: Option<QueueSettings>,
}

/// A header as Python has it; a bool is an int there, and comes first.
#[derive(Deserialize, FromPyObject)]
#[serde(untagged)]
pub(crate) enum Header {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl From<Header> for HeaderValue {
    fn from(header: Header) -> Self {
        match header {
            Header::Bool(value) => value.into(),
            Header::Integer(number) => number.into(),
            Header::Float(number) => number.into(),
            Header::Text(text) => text.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Origin {
    Tasks(Box<TaskQueueSettings>),
    Events(Box<SubscriptionSettings>),
}

/// A consumer of tasks or events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadSettings {
    from: Origin,
    concurrency: Option<u16>,
    prefetch: Option<u16>,
    rate: Option<(u32, f64)>,
    #[serde(deserialize_with = "maybe_duration")]
    pub(crate) timeout: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    grace: Duration,
    batch: Option<(u16, f64)>,
    /// Whether bodies are left as they are.
    pub(crate) raw: bool,
}

/// A worker or a subscription, ready to be started.
pub(crate) enum Workload {
    Tasks(Box<leveret::WorkerBuilder<Raw>>),
    Events(Box<leveret::SubscriptionBuilder<Raw>>),
}

/// Both builders have these methods.
macro_rules! tuned {
    ($builder:expr, $settings:expr) => {{
        let mut builder = $builder.grace($settings.grace);
        if let Some(handlers) = $settings.concurrency {
            builder = builder.concurrency(handlers);
        }
        if let Some(messages) = $settings.prefetch {
            builder = builder.prefetch(messages);
        }
        if let Some((runs, period)) = $settings.rate {
            builder = builder.rate(runs, time("rate", period)?);
        }
        builder
    }};
}

fn time(what: &str, value: f64) -> PyResult<Duration> {
    crate::settings::seconds(value).ok_or_else(|| {
        PyValueError::new_err(format!("{what} has a time in seconds from 0, not {value}"))
    })
}

impl WorkloadSettings {
    /// The size of a batch, and how long its first message waits.
    pub(crate) fn batch(&self) -> PyResult<Option<(u16, Duration)>> {
        let Some((size, age)) = self.batch else {
            return Ok(None);
        };
        Ok(Some((size, time("batch", age)?)))
    }

    pub(crate) fn into_core(self, connection: &leveret::Connection) -> PyResult<Workload> {
        match self.from {
            Origin::Tasks(queue) => {
                let queue = queue.into_core()?;
                let builder = tuned!(connection.worker(&queue), self);
                Ok(Workload::Tasks(Box::new(builder)))
            }
            Origin::Events(subscription) => {
                let builder = tuned!(subscription.into_core(connection)?, self);
                Ok(Workload::Events(Box::new(builder)))
            }
        }
    }
}

impl SubscriptionSettings {
    fn into_core(
        self,
        connection: &leveret::Connection,
    ) -> PyResult<leveret::SubscriptionBuilder<Raw>> {
        let mut builder = connection
            .subscribe(&self.events.into_core()?)
            .retry(self.retry.into_core());
        for key in self.keys {
            builder = builder.key(key);
        }
        for headers in self.all {
            builder = builder.all(headers);
        }
        for headers in self.any {
            builder = builder.any(headers);
        }
        if let Some(group) = self.durable {
            builder = builder.durable(group);
        }
        if let Some(queue) = self.queue {
            let queue: QueueOptions = queue.into_core()?;
            builder = builder.options(queue);
        }
        Ok(builder)
    }
}
