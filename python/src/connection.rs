//! Connecting and closing, waited for here or in an event loop.

use std::time::Duration;

use leveret::{ConnectionState, Error};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::action::Action;
use crate::blocking;
use crate::failure::failure;
use crate::fork::{Own, runtime};
use crate::made::Made;
use crate::queue::{Promise, Queue};
use crate::settings::{ConnectionSettings, from_python};

/// How long a close may take: the broker's answer is only waited for out of politeness.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connects to a broker and stays connected.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Connection {
    connection: Own<leveret::Connection>,
    runtime: Handle,
}

impl Connection {
    pub(crate) fn new(connection: leveret::Connection) -> PyResult<Self> {
        Ok(Self {
            connection: Own::new(connection),
            runtime: runtime()?,
        })
    }

    pub(crate) fn get(&self) -> Result<&leveret::Connection, Error> {
        self.connection.get()
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

async fn connect(
    builder: leveret::ConnectionBuilder,
    lazy: bool,
) -> Result<leveret::Connection, Error> {
    if lazy {
        builder.connect_lazy()
    } else {
        builder.connect().await
    }
}

async fn close(connection: leveret::Connection) -> Result<Made, Error> {
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    Ok(Made::Nothing)
}

#[pymethods]
impl Connection {
    #[staticmethod]
    fn connect<'py>(settings: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = settings.py();
        let settings: ConnectionSettings = from_python(settings)?;
        let lazy = settings.lazy;
        let builder = settings.builder()?;
        match blocking::wait(py, &runtime()?, connect(builder, lazy))? {
            Ok(connection) => (Self::new(connection)?, py.None()).into_pyobject(py),
            Err(error) => (py.None(), failure(py, &error)?).into_pyobject(py),
        }
    }

    #[staticmethod]
    fn connect_later(settings: &Bound<'_, PyAny>, queue: &Queue, slot: u64) -> PyResult<()> {
        let settings: ConnectionSettings = from_python(settings)?;
        let lazy = settings.lazy;
        let builder = settings.builder()?;
        let promise = Promise::new(queue.events()?, slot);
        runtime()?.spawn(async move {
            promise.keep(connect(builder, lazy).await.map(Made::Connection));
        });
        Ok(())
    }

    fn state(&self) -> &'static str {
        match self.get().map(leveret::Connection::state) {
            Ok(ConnectionState::Connected) => "connected",
            Ok(ConnectionState::Reconnecting) => "reconnecting",
            Ok(ConnectionState::Blocked) => "blocked",
            _ => "closed",
        }
    }

    /// Ends when the connection is closed for good.
    fn closed(&self) -> PyResult<Action> {
        let states = self.get().map(leveret::Connection::states);
        Action::new(async move {
            states?.reached(ConnectionState::Closed).await;
            Ok(Made::Nothing)
        })
    }

    fn unclaimed_replies(&self) -> u64 {
        self.get().map_or(0, |connection| {
            // The first use of the client starts its tasks.
            let _entered = self.runtime.enter();
            connection.client().unclaimed_replies()
        })
    }

    fn close(&self, py: Python<'_>) {
        if let Ok(connection) = self.get() {
            let connection = connection.clone();
            let _ = py.detach(|| self.runtime.block_on(close(connection)));
        }
    }

    fn close_later(&self, queue: &Queue, slot: u64) -> PyResult<()> {
        let promise = Promise::new(queue.events()?, slot);
        match self.get() {
            Ok(connection) => {
                let connection = connection.clone();
                self.runtime
                    .spawn(async move { promise.keep(close(connection).await) });
            }
            Err(_) => promise.keep(Ok(Made::Nothing)),
        }
        Ok(())
    }
}
