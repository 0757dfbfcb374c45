//! The embedded broker, for tests and for `python -m leveret.broker`: on a thread and a runtime of its own, so that
//! neither the interpreter nor the connections of the same process keep it from answering.

mod running;
mod settings;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use leveret_broker::{Restart, Suspend};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::time::timeout;

use crate::blocking;
use crate::fork::Own;
use crate::made::Made;
use crate::queue::{Promise, Queue};
use crate::settings::{from_python, seconds};
use running::Running;
use settings::BrokerSettings;

/// A broker that has been started.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Broker(Own<Running>);

impl Broker {
    /// Nothing in the child of a fork.
    fn running(&self) -> Option<&Running> {
        self.0.get().ok()
    }

    fn broker(&self) -> PyResult<(&Running, Arc<leveret_broker::Broker>)> {
        self.running()
            .and_then(|running| Some((running, running.broker()?)))
            .ok_or_else(not_running)
    }

    /// Does something to the broker, without holding the interpreter: it may have to wait for the broker's lock.
    fn pull<R: Send>(
        &self,
        py: Python<'_>,
        lever: impl FnOnce(&leveret_broker::Broker) -> R + Send,
    ) -> PyResult<R> {
        let (_, broker) = self.broker()?;
        Ok(py.detach(|| lever(&broker)))
    }
}

fn not_running() -> PyErr {
    PyRuntimeError::new_err("this broker does not run")
}

fn time(what: &str, given: f64) -> PyResult<Duration> {
    seconds(given)
        .ok_or_else(|| PyValueError::new_err(format!("{what} is a time in seconds, not {given}")))
}

fn kept(durable: bool) -> Restart {
    if durable {
        Restart::KeepDurable
    } else {
        Restart::Forget
    }
}

#[pymethods]
impl Broker {
    #[staticmethod]
    fn start(settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = settings.py();
        let settings: BrokerSettings = from_python(settings)?;
        let running = py.detach(|| running::start(settings))?;
        Ok(Self(Own::new(running)))
    }

    #[getter]
    fn address(&self) -> (String, u16) {
        self.running().map_or_else(
            || (String::new(), 0),
            |running| (running.address.ip().to_string(), running.address.port()),
        )
    }

    fn end(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let grace = time("grace", seconds)?;
        if let Some(running) = self.running() {
            py.detach(|| running.end(grace));
        }
        Ok(())
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(running) = self.running()
            && let Some(runtime) = py.detach(|| running.runtime())
        {
            blocking::wait(py, &runtime, running.ended())?;
            py.detach(|| running.join());
        }
        Ok(())
    }

    fn join_later(&self, queue: &Queue, slot: u64) -> PyResult<()> {
        let promise = Promise::new(queue.events()?, slot);
        match self.running() {
            Some(running) => running.tell(promise),
            None => promise.keep(Ok(Made::Nothing)),
        }
        Ok(())
    }

    fn status(&self, py: Python<'_>) -> PyResult<String> {
        self.pull(py, |broker| broker.status().to_json())
    }

    fn serve_status(&self, py: Python<'_>, address: String) -> PyResult<(String, u16)> {
        let (running, broker) = self.broker()?;
        let Some(runtime) = py.detach(|| running.runtime()) else {
            return Err(not_running());
        };
        let serving = async move { broker.serve_status(address).await };
        match blocking::wait(py, &runtime, serving)? {
            Ok(address) => Ok((address.ip().to_string(), address.port())),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                Err(PyValueError::new_err(error.to_string()))
            }
            Err(error) => Err(running::Failed::from(error).into()),
        }
    }

    fn close_connection(&self, py: Python<'_>, connection: u64, reason: &str) -> PyResult<bool> {
        self.pull(py, |broker| {
            broker.close_connection(connection.into(), reason)
        })
    }

    fn close_connections(&self, py: Python<'_>, reason: &str) -> PyResult<usize> {
        self.pull(py, |broker| broker.close_connections(reason))
    }

    fn drop_connection(&self, py: Python<'_>, connection: u64) -> PyResult<bool> {
        self.pull(py, |broker| broker.drop_connection(connection.into()))
    }

    fn stall(&self, py: Python<'_>, connection: u64, stalled: bool) -> PyResult<bool> {
        self.pull(py, |broker| broker.stall(connection.into(), stalled))
    }

    fn delay(&self, py: Python<'_>, connection: u64, seconds: Option<f64>) -> PyResult<bool> {
        let delay = seconds.map(|given| time("the delay", given)).transpose()?;
        self.pull(py, |broker| broker.delay(connection.into(), delay))
    }

    fn close_channel(
        &self,
        py: Python<'_>,
        connection: u64,
        channel: u16,
        code: u16,
        text: &str,
    ) -> PyResult<bool> {
        self.pull(py, |broker| {
            broker.close_channel(connection.into(), channel, code, text)
        })
    }

    fn delete_queue(&self, py: Python<'_>, vhost: &str, queue: &str) -> PyResult<bool> {
        self.pull(py, |broker| broker.delete_queue(vhost, queue))
    }

    fn lose_deliveries(
        &self,
        py: Python<'_>,
        vhost: &str,
        queue: &str,
        count: u32,
    ) -> PyResult<bool> {
        self.pull(py, |broker| broker.lose_deliveries(vhost, queue, count))
    }

    fn duplicate_deliveries(
        &self,
        py: Python<'_>,
        vhost: &str,
        queue: &str,
        count: u32,
    ) -> PyResult<bool> {
        self.pull(py, |broker| {
            broker.duplicate_deliveries(vhost, queue, count)
        })
    }

    fn set_memory_alarm(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.pull(py, |broker| broker.set_memory_alarm(on))
    }

    fn refuse(&self, py: Python<'_>, refusing: bool) -> PyResult<()> {
        self.pull(py, |broker| broker.refuse(refusing))
    }

    fn restart(&self, py: Python<'_>, keep_durable: bool) -> PyResult<()> {
        self.pull(py, |broker| broker.restart(kept(keep_durable)))
    }

    /// In order for so many seconds, and then, or with none, abruptly.
    fn suspend(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let grace = seconds.map(|given| time("grace", given)).transpose()?;
        let (running, broker) = self.broker()?;
        let Some(runtime) = py.detach(|| running.runtime()) else {
            return Ok(());
        };
        blocking::wait(py, &runtime, async move {
            if let Some(grace) = grace
                && timeout(grace, broker.suspend(Suspend::InOrder))
                    .await
                    .is_ok()
            {
                return;
            }
            broker.suspend(Suspend::Abrupt).await;
        })
    }

    fn resume(&self, py: Python<'_>, keep_durable: bool) -> PyResult<()> {
        let (running, broker) = self.broker()?;
        let Some(runtime) = py.detach(|| running.runtime()) else {
            return Ok(());
        };
        let resumed = blocking::wait(py, &runtime, async move {
            broker.resume(kept(keep_durable)).await
        })?;
        Ok(resumed.map_err(running::Failed::from)?)
    }

    fn set_user(&self, py: Python<'_>, name: &str, password: &str) -> PyResult<bool> {
        self.pull(py, |broker| broker.set_user(name, password))
    }

    fn remove_user(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.pull(py, |broker| broker.remove_user(name))
    }

    fn add_vhost(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.pull(py, |broker| broker.add_vhost(name))
    }

    fn remove_vhost(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.pull(py, |broker| broker.remove_vhost(name))
    }
}
