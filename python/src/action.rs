//! Something to be done at the broker, prepared by Python and then waited for where it likes: in its thread, in a lane,
//! or by an event loop's queue.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use leveret::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::runtime::Handle;

use crate::blocking;
use crate::delivery::Delivery;
use crate::fork::{Own, forked, runtime};
use crate::made::Made;
use crate::queue::{Event, Promise, Queue};
use crate::request::Request;

pub(crate) type Doing = BoxFuture<'static, Result<Made, Error>>;

/// Something that is done once.
#[pyclass(frozen, module = "leveret._leveret")]
pub(crate) struct Action {
    doing: Own<Mutex<Option<Doing>>>,
    runtime: Handle,
}

/// The handler that something is done in: what it sends has its trace.
#[derive(FromPyObject)]
pub(crate) enum Around<'py> {
    Request(PyRef<'py, Request>),
    Delivery(PyRef<'py, Delivery>),
}

impl Around<'_> {
    pub(crate) fn context(&self) -> Option<leveret::Context> {
        match self {
            Self::Request(request) => Some(request.context()),
            Self::Delivery(delivery) => delivery.context(),
        }
    }
}

impl Action {
    pub(crate) fn new(
        doing: impl Future<Output = Result<Made, Error>> + Send + 'static,
    ) -> PyResult<Self> {
        Ok(Self {
            doing: Own::new(Mutex::new(Some(Box::pin(doing)))),
            runtime: runtime()?,
        })
    }

    /// The same in a handler.
    pub(crate) fn within(
        around: Option<&Around<'_>>,
        doing: impl Future<Output = Result<Made, Error>> + Send + 'static,
    ) -> PyResult<Self> {
        match around.and_then(Around::context) {
            Some(context) => Self::new(context.scope(doing)),
            None => Self::new(doing),
        }
    }

    pub(crate) fn take(&self) -> PyResult<Doing> {
        let doing = self.doing.get().map_err(|error| forked(&error))?;
        let doing = doing.lock().unwrap_or_else(PoisonError::into_inner).take();
        doing.ok_or_else(|| PyRuntimeError::new_err("this was done before"))
    }
}

#[pymethods]
impl Action {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let outcome = blocking::wait(py, &self.runtime, self.take()?)?;
        Event::of(0, outcome).into_tuple(py)
    }

    fn later(&self, queue: &Queue, slot: u64) -> PyResult<()> {
        let promise = Promise::new(queue.events()?, slot);
        let doing = self.take()?;
        self.runtime.spawn(async move { promise.keep(doing.await) });
        Ok(())
    }
}
