//! Queues of tasks and exchanges of events as senders see them: prepared once for each and each set of options.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use leveret::{Codec, Encoded, Error, EventPublisher, Raw, TraceContext};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::action::{Action, Around};
use crate::connection::Connection;
use crate::convert::codec;
use crate::fork::Own;
use crate::made::Made;
use crate::settings::{from_python, seconds};
use crate::target::{Failed, Trace, trace_context};
use crate::workload::{EventsSettings, Header, TaskQueueSettings};

/// How many tasks of a `push_all` are under way at once.
const AT_ONCE: usize = 256;

/// A body on its way out, and what it is: without that a MessagePack value, to be written by the codec.
type Body = (PyBackedBytes, Option<String>);

fn raw((body, content_type): &Body, codec: Codec) -> Result<Raw, Error> {
    let body = Bytes::copy_from_slice(body);
    match content_type {
        None => {
            let encoded = Encoded::from_msgpack(body, codec)?;
            Ok(Raw::new(codec.content_type(), encoded.body().clone()))
        }
        Some(none) if none.is_empty() => Ok(Raw::from(body)),
        Some(content_type) => Ok(Raw::new(content_type, body)),
    }
}

fn time(what: &str, value: Option<f64>) -> PyResult<Option<Duration>> {
    match value {
        None => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or_else(|| {
            PyValueError::new_err(format!("{what} is a time in seconds from 0, not {value}"))
        }),
    }
}

/// Pushes tasks to a queue, and looks after it.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Tasks {
    tasks: Own<Result<leveret::Tasks<Raw>, Failed>>,
    codec: Codec,
    trace: Option<TraceContext>,
    priority: Option<u8>,
}

impl Tasks {
    fn get(&self) -> Result<leveret::Tasks<Raw>, Error> {
        self.tasks.get()?.as_ref().map_err(Failed::error).cloned()
    }
}

#[pymethods]
impl Tasks {
    #[new]
    #[pyo3(signature = (connection, queue, *, timeout=None, codec="msgpack", metadata=None, trace=None, priority=None))]
    fn new(
        connection: &Connection,
        queue: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        codec: &str,
        metadata: Option<Vec<(String, String)>>,
        trace: Option<Trace>,
        priority: Option<u8>,
    ) -> PyResult<Self> {
        let queue = from_python::<TaskQueueSettings>(queue)?.into_core()?;
        let timeout = time("timeout", timeout)?;
        let prepare = || -> Result<leveret::Tasks<Raw>, Error> {
            let mut tasks = connection.get()?.tasks(&queue);
            if let Some(timeout) = timeout {
                tasks = tasks.with_timeout(timeout);
            }
            for (key, value) in metadata.into_iter().flatten() {
                tasks = tasks.with_metadata(key, value)?;
            }
            Ok(tasks)
        };
        Ok(Self {
            tasks: Own::new(prepare().map_err(Failed::from)),
            codec: self::codec(codec)?,
            trace: trace.map(trace_context),
            priority,
        })
    }

    #[pyo3(signature = (body, around, *, delay=None, priority=None, key=None, dedup=None, expires=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn push(
        &self,
        body: Body,
        around: Option<Around<'_>>,
        delay: Option<f64>,
        priority: Option<u8>,
        key: Option<String>,
        dedup: Option<String>,
        expires: Option<f64>,
    ) -> PyResult<Action> {
        let (delay, expires) = (time("delay", delay)?, time("expires", expires)?);
        let prepare = || -> Result<leveret::Push, Error> {
            let mut push = self.get()?.push(&raw(&body, self.codec)?);
            if let Some(trace) = &self.trace {
                push = push.trace(trace.clone());
            }
            if let Some(priority) = priority.or(self.priority) {
                push = push.priority(priority);
            }
            if let Some(delay) = delay {
                push = push.delay(delay);
            }
            if let Some(key) = key {
                push = push.key(key);
            }
            if let Some(key) = dedup {
                push = push.dedup(key);
            }
            if let Some(after) = expires {
                push = push.expires(after);
            }
            Ok(push)
        };
        let push = prepare();
        Action::within(around.as_ref(), async move {
            Ok(Made::Id(push?.await?.to_string()))
        })
    }

    #[pyo3(signature = (bodies, around, *, priority=None))]
    fn push_all(
        &self,
        bodies: Vec<Body>,
        around: Option<Around<'_>>,
        priority: Option<u8>,
    ) -> PyResult<Action> {
        let prepare = || -> Result<Vec<leveret::Push>, Error> {
            let tasks = self.get()?;
            let push = |body| -> Result<leveret::Push, Error> {
                let mut push = tasks.push(&raw(body, self.codec)?);
                if let Some(trace) = &self.trace {
                    push = push.trace(trace.clone());
                }
                if let Some(priority) = priority.or(self.priority) {
                    push = push.priority(priority);
                }
                Ok(push)
            };
            // All of them before the first is sent: one that cannot be sent stops none halfway.
            bodies.iter().map(push).collect()
        };
        let pushes = prepare();
        Action::within(around.as_ref(), async move {
            let ids = stream::iter(pushes?)
                .map(IntoFuture::into_future)
                .buffered(AT_ONCE)
                .map_ok(|id| id.to_string())
                .try_collect();
            Ok(Made::Ids(ids.await?))
        })
    }

    fn info(&self) -> PyResult<Action> {
        let tasks = self.get();
        Action::new(async move { Ok(Made::Info(tasks?.info().await?)) })
    }

    fn purge(&self) -> PyResult<Action> {
        let tasks = self.get();
        Action::new(async move { Ok(Made::Count(tasks?.purge().await?)) })
    }

    fn dead_letters(&self) -> PyResult<Action> {
        let tasks = self.get();
        Action::new(async move { Ok(Made::Letters(Box::new(tasks?.dead_letters().await?))) })
    }
}

/// Publishes events.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Publisher {
    events: Own<Result<EventPublisher<Raw>, Failed>>,
    codec: Codec,
    trace: Option<TraceContext>,
    priority: Option<u8>,
}

#[pymethods]
impl Publisher {
    #[new]
    #[pyo3(signature = (connection, events, *, timeout=None, codec="msgpack", metadata=None, trace=None, priority=None))]
    fn new(
        connection: &Connection,
        events: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        codec: &str,
        metadata: Option<Vec<(String, String)>>,
        trace: Option<Trace>,
        priority: Option<u8>,
    ) -> PyResult<Self> {
        let events = from_python::<EventsSettings>(events)?.into_core()?;
        let timeout = time("timeout", timeout)?;
        let prepare = || -> Result<EventPublisher<Raw>, Error> {
            let mut publisher = connection.get()?.events(&events);
            if let Some(timeout) = timeout {
                publisher = publisher.with_timeout(timeout);
            }
            for (key, value) in metadata.into_iter().flatten() {
                publisher = publisher.with_metadata(key, value)?;
            }
            Ok(publisher)
        };
        Ok(Self {
            events: Own::new(prepare().map_err(Failed::from)),
            codec: self::codec(codec)?,
            trace: trace.map(trace_context),
            priority,
        })
    }

    #[pyo3(signature = (body, around, *, key="", headers=Vec::new(), priority=None, expires=None))]
    fn publish(
        &self,
        body: Body,
        around: Option<Around<'_>>,
        key: &str,
        headers: Vec<(String, Header)>,
        priority: Option<u8>,
        expires: Option<f64>,
    ) -> PyResult<Action> {
        let expires = time("expires", expires)?;
        let prepare = || -> Result<leveret::Publish, Error> {
            let publisher = self.events.get()?.as_ref().map_err(Failed::error)?;
            let mut publish = publisher.publish(&raw(&body, self.codec)?).key(key);
            for (name, value) in headers {
                publish = publish.header(name, value);
            }
            if let Some(trace) = &self.trace {
                publish = publish.trace(trace.clone());
            }
            if let Some(priority) = priority.or(self.priority) {
                publish = publish.priority(priority);
            }
            if let Some(after) = expires {
                publish = publish.expires(after);
            }
            Ok(publish)
        };
        let publish = prepare();
        Action::within(around.as_ref(), async move {
            Ok(Made::Id(publish?.await?.to_string()))
        })
    }
}
