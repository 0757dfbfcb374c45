//! Tasks and events in the hands of a Python handler: what is known about each, the ways to settle one by hand, and the
//! place for what became of a run of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use leveret::{Context, Error, HeaderValue, Message, Metadata, Outcome, RunGuard};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use tokio::sync::oneshot;

use crate::action::Action;
use crate::fork::{Own, forked};
use crate::made::Made;
use crate::settings::seconds;
use crate::target::{Trace, trace_parts};

/// A message whose body is fit to be read, with that body and how it came.
pub(crate) type Readable = (Message, Bytes, u8);

/// A run on its way to Python.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) id: u64,
    /// The place of the consumer in its server's list.
    pub(crate) consumer: usize,
    pub(crate) messages: Vec<Readable>,
    /// Told when Python has taken it.
    pub(crate) taken: oneshot::Sender<()>,
    /// Set when nobody waits for it any more.
    pub(crate) given_up: Arc<AtomicBool>,
    pub(crate) desk: Desk,
}

/// Where the outcome of a run goes. It keeps the run going until there is one, whoever has given it up.
#[derive(Debug)]
pub(crate) struct Desk {
    // First: whoever waits for the answer finds that nothing goes on.
    pub(crate) guard: Option<RunGuard>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The places of messages that are no values of the handler's type, and why.
    pub(crate) spoiled: Vec<(usize, String)>,
    pub(crate) outcome: Outcome,
}

impl Answer {
    pub(crate) fn retry(reason: impl Into<String>) -> Self {
        Self {
            spoiled: Vec::new(),
            outcome: Outcome::retry(reason),
        }
    }
}

/// Metadata as Python has it.
pub(crate) fn entries(metadata: &Metadata) -> HashMap<String, String> {
    metadata
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Headers as Python has them.
pub(crate) fn header_dict<'py, 'a>(
    py: Python<'py>,
    headers: impl Iterator<Item = (&'a str, HeaderValue)>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in headers {
        let value = match value {
            HeaderValue::Text(text) => text.into_bound_py_any(py)?,
            HeaderValue::Integer(number) => number.into_bound_py_any(py)?,
            HeaderValue::Float(number) => number.into_bound_py_any(py)?,
            HeaderValue::Bool(value) => value.into_bound_py_any(py)?,
            // Kinds of a later version.
            _ => continue,
        };
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// One task or event.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Delivery {
    message: Own<Message>,
    value: (Bytes, u8),
    given_up: Arc<AtomicBool>,
}

impl Delivery {
    fn get(&self) -> PyResult<&Message> {
        self.message.get().map_err(|error| forked(&error))
    }

    pub(crate) fn context(&self) -> Option<Context> {
        Some(self.message.get().ok()?.context().clone())
    }

    fn settled<F>(&self, settle: impl FnOnce(Message) -> F) -> PyResult<Action>
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        match self.message.get() {
            Ok(message) => {
                let settling = settle(message.clone());
                Action::new(async move { settling.await.map(|()| Made::Nothing) })
            }
            Err(error) => Action::new(async move { Err(error) }),
        }
    }
}

#[pymethods]
impl Delivery {
    /// The value, of which nothing has been read, and how it came.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (PyBytes::new(py, &self.value.0), self.value.1).into_pyobject(py)
    }

    #[getter]
    fn message_id(&self) -> PyResult<Option<&str>> {
        Ok(self.get()?.id())
    }

    #[getter]
    fn attempt(&self) -> PyResult<u32> {
        Ok(self.get()?.attempt())
    }

    #[getter]
    fn redelivered(&self) -> PyResult<bool> {
        Ok(self.get()?.redelivered())
    }

    #[getter]
    fn key(&self) -> PyResult<Option<&str>> {
        Ok(self.get()?.key())
    }

    #[getter]
    fn queue(&self) -> PyResult<&str> {
        Ok(self.get()?.queue())
    }

    #[getter]
    fn exchange(&self) -> PyResult<&str> {
        Ok(self.get()?.exchange())
    }

    #[getter]
    fn routing_key(&self) -> PyResult<&str> {
        Ok(self.get()?.routing_key())
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        header_dict(py, self.get()?.headers())
    }

    #[getter]
    fn content_type(&self) -> PyResult<Option<&str>> {
        Ok(self.get()?.content_type())
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.get()?.body()))
    }

    #[getter]
    fn priority(&self) -> PyResult<Option<u8>> {
        Ok(self.get()?.priority())
    }

    #[getter]
    fn timestamp(&self) -> PyResult<Option<u64>> {
        Ok(self.get()?.timestamp())
    }

    /// The rest is what a request has too.
    #[getter]
    fn service(&self) -> PyResult<&str> {
        Ok(self.get()?.queue())
    }

    #[getter]
    fn method(&self) -> &'static str {
        ""
    }

    #[getter]
    fn metadata(&self) -> PyResult<HashMap<String, String>> {
        Ok(entries(self.get()?.context().metadata()))
    }

    #[getter]
    fn trace(&self) -> PyResult<Option<Trace>> {
        Ok(self.get()?.context().trace().cloned().map(trace_parts))
    }

    #[getter]
    fn caller(&self) -> PyResult<Option<&str>> {
        Ok(self.get()?.sender())
    }

    #[getter]
    fn user(&self) -> PyResult<Option<&str>> {
        Ok(self.get()?.context().user())
    }

    #[getter]
    fn time_left(&self) -> PyResult<Option<f64>> {
        let left = self.get()?.context().time_left();
        Ok(left.map(|left| left.as_secs_f64()))
    }

    #[getter]
    fn cancelled(&self) -> PyResult<bool> {
        Ok(self.given_up.load(Ordering::Acquire) || self.get()?.context().is_cancelled())
    }

    fn ack(&self) -> PyResult<Action> {
        self.settled(|message| async move { message.ack().await })
    }

    fn retry(&self, reason: String, after: Option<f64>) -> PyResult<Action> {
        let after = after.and_then(seconds);
        self.settled(move |message| async move {
            match after {
                Some(after) => message.retry_in(after, reason).await,
                None => message.retry(reason).await,
            }
        })
    }

    fn reject(&self, reason: String) -> PyResult<Action> {
        self.settled(move |message| async move { message.reject(reason).await })
    }
}

/// What a handler is called with once: one message, or a batch.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Run {
    id: u64,
    consumer: usize,
    messages: Vec<Py<Delivery>>,
    spoiled: Mutex<Vec<(usize, String)>>,
    desk: Own<Mutex<Option<Desk>>>,
}

impl Run {
    pub(crate) fn new(py: Python<'_>, given: Given) -> PyResult<Self> {
        // From here on it is the handler's time.
        let _ = given.taken.send(());
        let deliveries = given.messages.into_iter().map(|(message, body, how)| {
            Py::new(
                py,
                Delivery {
                    message: Own::new(message),
                    value: (body, how),
                    given_up: Arc::clone(&given.given_up),
                },
            )
        });
        Ok(Self {
            id: given.id,
            consumer: given.consumer,
            messages: deliveries.collect::<PyResult<_>>()?,
            spoiled: Mutex::default(),
            desk: Own::new(Mutex::new(Some(given.desk))),
        })
    }

    /// The first answer counts.
    fn answer(&self, outcome: Outcome) {
        let Ok(desk) = self.desk.get() else {
            return;
        };
        let desk = desk.lock().unwrap_or_else(PoisonError::into_inner).take();
        let spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = desk {
            drop(desk.guard);
            let _ = desk.answer.send(Answer {
                spoiled: spoiled.clone(),
                outcome,
            });
        }
    }
}

#[pymethods]
impl Run {
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    #[getter]
    fn consumer_index(&self) -> usize {
        self.consumer
    }

    #[getter]
    fn messages(&self, py: Python<'_>) -> Vec<Py<Delivery>> {
        self.messages
            .iter()
            .map(|message| message.clone_ref(py))
            .collect()
    }

    /// Says of one message that it is no value of the handler's type.
    fn spoil(&self, place: usize, error: String) {
        self.spoiled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((place, error));
    }

    fn done(&self) {
        self.answer(Outcome::Done);
    }

    fn retry(&self, reason: String, after: Option<f64>) {
        self.answer(Outcome::Retry {
            after: after.and_then(seconds),
            reason,
        });
    }

    fn reject(&self, reason: String) {
        self.answer(Outcome::Reject { reason });
    }
}
