//! Dead letters in the hands of Python: each is tried again, discarded, or goes back when it is let go of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use leveret::{Code, Encoded, Error, Executed, HeaderValue, Metadata, Raw, TraceContext};
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::action::Action;
use crate::convert::readable;
use crate::delivery::{entries, header_dict};
use crate::failure::value_error;
use crate::fork::Own;
use crate::made::Made;
use crate::target::{Trace, trace_parts};

/// The dead letters of a queue.
#[pyclass(frozen, module = "leveret._leveret")]
pub(crate) struct DeadLetters(Own<Arc<tokio::sync::Mutex<leveret::DeadLetters<Raw>>>>);

impl DeadLetters {
    pub(crate) fn new(letters: leveret::DeadLetters<Raw>) -> Self {
        Self(Own::new(Arc::new(tokio::sync::Mutex::new(letters))))
    }
}

#[pymethods]
impl DeadLetters {
    fn next(&self) -> PyResult<Action> {
        let letters = self.0.get().cloned();
        Action::new(async move {
            let letter = letters?.lock().await.next().await?;
            Ok(Made::Letter(letter.map(Box::new)))
        })
    }
}

/// One of them, and what it says.
#[pyclass(frozen, module = "leveret._leveret")]
pub(crate) struct DeadLetter {
    letter: Own<Mutex<Option<leveret::DeadLetter<Raw>>>>,
    id: Option<String>,
    reason: String,
    error: Option<String>,
    attempts: u32,
    died_at: Option<f64>,
    job: Raw,
    value: Result<Encoded, Error>,
    key: Option<String>,
    exchange: String,
    routing_key: String,
    headers: Vec<(String, HeaderValue)>,
    metadata: Metadata,
    priority: Option<u8>,
    timestamp: Option<u64>,
    sender: Option<String>,
    trace: Option<TraceContext>,
}

impl DeadLetter {
    pub(crate) fn new(letter: leveret::DeadLetter<Raw>) -> Self {
        let died = letter
            .died_at()
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        Self {
            id: letter.id().map(str::to_owned),
            reason: letter.reason().to_string(),
            error: letter.error().map(str::to_owned),
            attempts: letter.attempts(),
            died_at: died.map(|died| died.as_secs_f64()),
            // As it is, which any body can be read as.
            job: letter.job().unwrap_or_default(),
            value: letter.undecoded(),
            key: letter.key().map(str::to_owned),
            exchange: letter.exchange().to_owned(),
            routing_key: letter.routing_key().to_owned(),
            headers: letter
                .headers()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            metadata: letter.metadata(),
            priority: letter.priority(),
            timestamp: letter.timestamp(),
            sender: letter.sender().map(str::to_owned),
            trace: letter.trace(),
            letter: Own::new(Mutex::new(Some(letter))),
        }
    }

    fn take(&self) -> Result<leveret::DeadLetter<Raw>, Error> {
        let letter = self.letter.get()?;
        let letter = letter.lock().unwrap_or_else(PoisonError::into_inner).take();
        letter.ok_or_else(|| {
            Error::new(
                Code::FailedPrecondition,
                "the dead letter was retried or discarded before",
            )
            .with_executed(Executed::No)
        })
    }
}

#[pymethods]
impl DeadLetter {
    #[getter]
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    #[getter]
    fn reason(&self) -> &str {
        &self.reason
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.attempts
    }

    #[getter]
    fn died_at(&self) -> Option<f64> {
        self.died_at
    }

    #[getter]
    fn content_type(&self) -> Option<&str> {
        self.job.content_type.as_deref()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.job.body)
    }

    #[getter]
    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    #[getter]
    fn exchange(&self) -> &str {
        &self.exchange
    }

    #[getter]
    fn routing_key(&self) -> &str {
        &self.routing_key
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = self.headers.iter();
        header_dict(py, headers.map(|(name, value)| (&**name, value.clone())))
    }

    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        entries(&self.metadata)
    }

    #[getter]
    fn priority(&self) -> Option<u8> {
        self.priority
    }

    #[getter]
    fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    #[getter]
    fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }

    #[getter]
    fn trace(&self) -> Option<Trace> {
        self.trace.clone().map(trace_parts)
    }

    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let value = self.value.as_ref().map_err(|error| match error.code() {
            Code::Unimplemented => PyNotImplementedError::new_err(error.message().to_owned()),
            _ => value_error(error),
        })?;
        let (body, how) = readable(value).map_err(|error| value_error(&error))?;
        (PyBytes::new(py, &body), how).into_pyobject(py)
    }

    fn retry(&self) -> PyResult<Action> {
        let letter = self.take();
        Action::new(async move { letter?.retry().await.map(|()| Made::Nothing) })
    }

    fn discard(&self) -> PyResult<Action> {
        let letter = self.take();
        Action::new(async move { letter?.discard().await.map(|()| Made::Nothing) })
    }
}
