//! A running server whose handlers are Python's.

use std::sync::Arc;

use leveret::ServiceDescriptor;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tokio::runtime::Handle;

use crate::connection::Connection;
use crate::fork::{Own, runtime};
use crate::made::Made;
use crate::queue::{Promise, Queue};
use crate::service::PythonService;
use crate::settings::{Served, ServerSettings, from_python};

/// A running server.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Server {
    server: Own<Arc<leveret::Server>>,
    runtime: Handle,
}

impl Server {
    pub(crate) fn new(server: leveret::Server) -> PyResult<Self> {
        Ok(Self {
            server: Own::new(Arc::new(server)),
            runtime: runtime()?,
        })
    }
}

#[pymethods]
impl Server {
    #[staticmethod]
    fn start(
        connection: &Connection,
        services: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyAny>,
        requests: &Queue,
        blocking: Option<&Queue>,
        queue: &Queue,
        slot: u64,
    ) -> PyResult<()> {
        let services: Vec<Served> = from_python(services)?;
        let settings: ServerSettings = from_python(settings)?;
        let promise = Promise::new(queue.events()?, slot);
        let open = match connection.get() {
            Ok(connection) => connection.clone(),
            Err(error) => {
                promise.keep(Err(error));
                return Ok(());
            }
        };
        let mut builder = open.server().grace(settings.grace);
        for (index, served) in services.into_iter().enumerate() {
            let descriptor: ServiceDescriptor = served.descriptor.into_core();
            if served.text.len() != descriptor.methods.len() {
                return Err(PyValueError::new_err(
                    "`text` has one entry for each method",
                ));
            }
            let service = PythonService {
                index,
                descriptor,
                text: served.text,
                requests: Arc::clone(requests.events()?),
                blocking: blocking.map(|queue| queue.events().cloned()).transpose()?,
            };
            builder = builder.service_with(service, served.options.into_core()?);
        }
        connection.runtime().spawn(async move {
            promise.keep(builder.start().await.map(Made::Server));
        });
        Ok(())
    }

    #[getter]
    fn instance(&self) -> String {
        self.server
            .get()
            .map_or_else(|_| String::new(), |server| server.instance().to_owned())
    }

    fn dropped_messages(&self) -> u64 {
        self.server
            .get()
            .map_or(0, |server| server.dropped_messages())
    }

    fn stop(&self, queue: &Queue, slot: u64) -> PyResult<()> {
        let promise = Promise::new(queue.events()?, slot);
        match self.server.get() {
            Ok(server) => {
                let server = Arc::clone(server);
                self.runtime.spawn(async move {
                    server.stop().await;
                    promise.keep(Ok(Made::Nothing));
                });
            }
            Err(_) => promise.keep(Ok(Made::Nothing)),
        }
        Ok(())
    }

    fn stop_now(&self) {
        if let Ok(server) = self.server.get() {
            server.stop_now();
        }
    }
}
