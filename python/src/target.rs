//! What is called, and how: prepared once for each method and set of options.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use leveret::{Codec, Encoded, Endpoint, Error, TraceContext, WhenDown};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tokio::runtime::Handle;

use crate::action::Around;
use crate::blocking;
use crate::connection::Connection;
use crate::convert::{codec, readable};
use crate::fork::Own;
use crate::made::Made;
use crate::queue::Event;
use crate::settings::seconds;

/// A method with the options of its calls.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Target {
    // What is wrong with the options fails the calls, as it does in Rust.
    endpoint: Own<Result<Endpoint, Failed>>,
    runtime: Handle,
    codec: Codec,
    trace: Option<TraceContext>,
    priority: Option<u8>,
    expires: Option<Duration>,
    try_now: bool,
}

/// What a call sends: a body, which most of them give alone, or a body with a key and the number of partitions.
#[derive(Debug)]
pub(crate) struct Sent {
    body: Bytes,
    key: Option<(String, u16)>,
}

impl<'py> FromPyObject<'_, 'py> for Sent {
    type Error = PyErr;

    fn extract(sent: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let copy = |body: &[u8]| Bytes::copy_from_slice(body);
        if let Ok(body) = sent.cast::<PyBytes>() {
            return Ok(Self {
                body: copy(body.as_bytes()),
                key: None,
            });
        }
        let (body, key, partitions): (Bound<'py, PyBytes>, String, u16) = sent.extract()?;
        Ok(Self {
            body: copy(body.as_bytes()),
            key: Some((key, partitions)),
        })
    }
}

/// A trace as Python has it.
pub(crate) fn trace_parts(trace: TraceContext) -> Trace {
    (trace.traceparent, trace.tracestate, trace.baggage)
}

/// An error that fails every call; errors themselves cannot be cloned.
#[derive(Debug)]
pub(crate) struct Failed(leveret::Code, String);

impl Failed {
    pub(crate) fn error(&self) -> Error {
        Error::new(self.0, self.1.clone()).with_executed(leveret::Executed::No)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.code(), error.message().to_owned())
    }
}

/// `traceparent`, `tracestate`, `baggage`.
pub(crate) type Trace = (String, Option<String>, Option<String>);

pub(crate) fn trace_context((traceparent, tracestate, baggage): Trace) -> TraceContext {
    TraceContext {
        traceparent,
        tracestate,
        baggage,
    }
}

impl Target {
    /// The future of a call, with the request in whose handler it is made.
    pub(crate) fn prepare_call(
        &self,
        slot: u64,
        sent: Sent,
        around: Option<&Around<'_>>,
    ) -> Result<BoxFuture<'static, Event>, Error> {
        let mut call = self.endpoint()?.call(self.encode(sent.body)?);
        if let Some((key, partitions)) = sent.key {
            call = call.key(key, partitions);
        }
        if let Some(trace) = &self.trace {
            call = call.trace(trace.clone());
        }
        if let Some(priority) = self.priority {
            call = call.priority(priority);
        }
        if self.try_now {
            call = call.try_now();
        }
        let call = async move {
            match call.undecoded().await.and_then(answered) {
                Ok((body, how)) => Event::Value { slot, body, how },
                Err(error) => Event::Failed { slot, error },
            }
        };
        Ok(match around.and_then(Around::context) {
            Some(context) => Box::pin(context.scope(call)),
            None => Box::pin(call),
        })
    }

    pub(crate) fn prepare_cast(
        &self,
        slot: u64,
        sent: Sent,
        around: Option<&Around<'_>>,
    ) -> Result<BoxFuture<'static, Event>, Error> {
        let mut cast = self.endpoint()?.cast(self.encode(sent.body)?);
        if let Some((key, partitions)) = sent.key {
            cast = cast.key(key, partitions);
        }
        if let Some(trace) = &self.trace {
            cast = cast.trace(trace.clone());
        }
        if let Some(priority) = self.priority {
            cast = cast.priority(priority);
        }
        if let Some(after) = self.expires {
            cast = cast.expires(after);
        }
        let cast = async move { Event::of(slot, cast.await.map(|()| Made::Nothing)) };
        Ok(match around.and_then(Around::context) {
            Some(context) => Box::pin(context.scope(cast)),
            None => Box::pin(cast),
        })
    }

    fn endpoint(&self) -> Result<&Endpoint, Error> {
        self.endpoint.get()?.as_ref().map_err(Failed::error)
    }

    fn encode(&self, body: Bytes) -> Result<Encoded, Error> {
        Encoded::from_msgpack(body, self.codec)
    }
}

/// An answer as Python takes it.
fn answered(answer: Encoded) -> Result<(Bytes, u8), Error> {
    readable(&answer).map_err(|error| {
        Error::new(
            leveret::Code::Internal,
            format!("the answer cannot be read: {}", error.message()),
        )
        .with_executed(leveret::Executed::Yes)
    })
}

#[pymethods]
impl Target {
    #[new]
    #[pyo3(signature = (
        connection, *, service=None, queue=None, method="", method_timeout=None, timeout=None, codec="msgpack",
        metadata=None, trace=None, priority=None, expires=None, try_now=false, fail_fast=false,
        wait_when_blocked=false, wait_when_disconnected=true
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        connection: &Connection,
        service: Option<&str>,
        queue: Option<&str>,
        method: &str,
        method_timeout: Option<f64>,
        timeout: Option<f64>,
        codec: &str,
        metadata: Option<Vec<(String, String)>>,
        trace: Option<Trace>,
        priority: Option<u8>,
        expires: Option<f64>,
        try_now: bool,
        fail_fast: bool,
        wait_when_blocked: bool,
        wait_when_disconnected: bool,
    ) -> PyResult<Self> {
        let time = |what: &str, value: Option<f64>| match value {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or_else(|| {
                PyValueError::new_err(format!("{what} is a time in seconds from 0, not {value}"))
            }),
        };
        let when = |wait| if wait { WhenDown::Wait } else { WhenDown::Fail };
        let (method_timeout, timeout) =
            (time("timeout", method_timeout)?, time("timeout", timeout)?);
        let codec = self::codec(codec)?;
        let prepare = || -> Result<Endpoint, Error> {
            // The first client of a connection starts a task.
            let _entered = connection.runtime().enter();
            let mut client = connection
                .get()?
                .client()
                .with_fail_fast(fail_fast)
                .when_blocked(when(wait_when_blocked))
                .when_disconnected(when(wait_when_disconnected));
            if let Some(timeout) = timeout {
                client = client.with_timeout(timeout);
            }
            for (key, value) in metadata.into_iter().flatten() {
                client = client.with_metadata(key, value)?;
            }
            let endpoint = match queue {
                Some(queue) => client.queue_endpoint(queue, method)?,
                None => client.endpoint(service.unwrap_or_default(), method)?,
            };
            Ok(match method_timeout {
                Some(timeout) => endpoint.with_method_timeout(timeout),
                None => endpoint,
            })
        };
        Ok(Self {
            endpoint: Own::new(prepare().map_err(Failed::from)),
            runtime: connection.runtime().clone(),
            codec,
            trace: trace.map(trace_context),
            priority,
            expires: time("expires", expires)?,
            try_now,
        })
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        sent: Sent,
        around: Option<Around<'_>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let call = self.prepare_call(0, sent, around.as_ref());
        self.wait(py, call)
    }

    fn cast<'py>(
        &self,
        py: Python<'py>,
        sent: Sent,
        around: Option<Around<'_>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let cast = self.prepare_cast(0, sent, around.as_ref());
        self.wait(py, cast)
    }
}

impl Target {
    fn wait<'py>(
        &self,
        py: Python<'py>,
        prepared: Result<BoxFuture<'static, Event>, Error>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let event = match prepared {
            Ok(future) => blocking::wait(py, &self.runtime, future)?,
            Err(error) => Event::Failed { slot: 0, error },
        };
        event.into_tuple(py)
    }
}
