//! One request in the hands of a Python handler: what is known about the call, and the place for its answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use leveret::{Code, Context, Error, Executed, Reply};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tokio::sync::oneshot;

use crate::failure::{Raised, value_error};
use crate::target::{Trace, trace_parts};

/// A request on its way to Python.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) id: u64,
    pub(crate) service: usize,
    pub(crate) method: usize,
    pub(crate) arguments: Bytes,
    pub(crate) how: u8,
    pub(crate) context: Context,
    pub(crate) desk: Desk,
}

/// Where the answer goes. It holds the right to run until there is one.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) request: leveret::Request,
    pub(crate) answer: oneshot::Sender<Result<Reply, Error>>,
}

/// One request for a handler.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Request {
    id: u64,
    service: usize,
    method: usize,
    arguments: Mutex<Option<(Bytes, u8)>>,
    context: Context,
    desk: Mutex<Option<Desk>>,
}

impl Request {
    pub(crate) fn new(arrived: Arrived) -> Self {
        Self {
            id: arrived.id,
            service: arrived.service,
            method: arrived.method,
            arguments: Mutex::new(Some((arrived.arguments, arrived.how))),
            context: arrived.context,
            desk: Mutex::new(Some(arrived.desk)),
        }
    }

    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    /// The first answer counts.
    fn desk(&self) -> Option<Desk> {
        self.desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

#[pymethods]
impl Request {
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    #[getter]
    fn service_index(&self) -> usize {
        self.service
    }

    #[getter]
    fn method_index(&self) -> usize {
        self.method
    }

    fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let taken = self
            .arguments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (body, how) =
            taken.ok_or_else(|| PyRuntimeError::new_err("the arguments were taken before"))?;
        (PyBytes::new(py, &body), how).into_pyobject(py)
    }

    fn reply(&self, body: &[u8]) -> PyResult<()> {
        let Some(desk) = self.desk() else {
            return Ok(());
        };
        let reply = desk.request.encoded_value(Bytes::copy_from_slice(body));
        let refused = reply.as_ref().err().map(value_error);
        // Whoever waited may have left.
        let _ = desk.answer.send(reply);
        refused.map_or(Ok(()), Err)
    }

    #[pyo3(signature = (code, message, name=None, details=None, executed=None, retryable=None, retry_after=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn fail(
        &self,
        code: String,
        message: String,
        name: Option<String>,
        details: Option<Vec<u8>>,
        executed: Option<String>,
        retryable: Option<bool>,
        retry_after: Option<f64>,
    ) {
        let Some(desk) = self.desk() else { return };
        let raised = Raised {
            code,
            message,
            name,
            details,
            executed,
            retryable,
            retry_after,
        };
        let _ = desk.answer.send(Err(raised.into_error()));
    }

    #[getter]
    fn service(&self) -> &str {
        self.context.service()
    }

    #[getter]
    fn method(&self) -> &str {
        self.context.method()
    }

    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        self.context
            .metadata()
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[getter]
    fn trace(&self) -> Option<Trace> {
        self.context.trace().cloned().map(trace_parts)
    }

    #[getter]
    fn caller(&self) -> Option<&str> {
        self.context.caller()
    }

    #[getter]
    fn user(&self) -> Option<&str> {
        self.context.user()
    }

    #[getter]
    fn message_id(&self) -> Option<&str> {
        self.context.message_id()
    }

    #[getter]
    fn redelivered(&self) -> bool {
        self.context.redelivered()
    }

    #[getter]
    fn time_left(&self) -> Option<f64> {
        self.context.time_left().map(|left| left.as_secs_f64())
    }

    #[getter]
    fn cancelled(&self) -> bool {
        self.context.is_cancelled()
    }
}

/// The answer for a request whose handler let go of it.
pub(crate) fn unanswered() -> Error {
    Error::new(
        Code::Internal,
        "the handler ended without an answer; the server's log may have the reason",
    )
    .with_executed(Executed::Maybe)
    .with_retryable(false)
}
