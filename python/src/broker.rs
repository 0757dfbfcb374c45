//! The embedded broker, for tests and for `python -m leveret.broker`: on a thread and a runtime of its own, so that
//! neither the interpreter nor the connections of the same process keep it from answering.

mod settings;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use leveret::Error;
use leveret_broker::{BindError, Builder};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::{self, Handle};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::blocking;
use crate::fork::Own;
use crate::queue::{Made, Promise, Queue};
use crate::settings::{from_python, seconds};
use settings::BrokerSettings;

/// What the thread of a broker is told.
enum Order {
    /// Say goodbye to the clients, for no longer than that, and end.
    Stop(leveret_broker::Broker, Duration),
    /// Keep this when everything has ended.
    Tell(Promise),
}

/// The broker, as long as it runs. Whoever stops it takes it out, under whoever else looks at it.
type Shared = Arc<RwLock<Option<leveret_broker::Broker>>>;

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    broker: Shared,
    orders: mpsc::UnboundedSender<Order>,
    /// Changes, by its sender's end, when nothing runs any more.
    ended: watch::Receiver<()>,
    /// Until it was joined. The handle keeps what the runtime has opened.
    thread: Mutex<Option<(JoinHandle<()>, Handle)>>,
}

/// A broker that has been started.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Broker(Own<Running>);

/// What a broker's thread reports when it listens.
type Started = (SocketAddr, Shared, Handle);

fn start(settings: BrokerSettings) -> Result<Running, Failed> {
    let (report, reported) = std::sync::mpsc::sync_channel(1);
    let (orders, to_obey) = mpsc::unbounded_channel();
    let (ending, ended) = watch::channel(());
    let thread = std::thread::Builder::new()
        .name("leveret-broker".to_owned())
        .spawn(move || {
            let told = run(settings, &report, to_obey);
            for promise in told {
                promise.keep(Ok(Made::Nothing));
            }
            drop(ending);
        })
        .map_err(Failed::Thread)?;
    let started = reported.recv().unwrap_or(Err(Failed::Silent));
    let (address, broker, runtime) = match started {
        Ok(started) => started,
        Err(failed) => {
            drop(orders);
            let _ = thread.join();
            return Err(failed);
        }
    };
    Ok(Running {
        address,
        broker,
        orders,
        ended,
        thread: Mutex::new(Some((thread, runtime))),
    })
}

/// The thread of a broker; gives the promises that its end keeps.
fn run(
    settings: BrokerSettings,
    report: &std::sync::mpsc::SyncSender<Result<Started, Failed>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) -> Vec<Promise> {
    let mut told = Vec::new();
    let (listen, builder) = settings.builder();
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = report.send(Err(Failed::Thread(error)));
            return told;
        }
    };
    runtime.block_on(async {
        let _ = report.send(bind(builder, &listen).await);
        while let Some(order) = orders.recv().await {
            match order {
                Order::Tell(promise) => told.push(promise),
                Order::Stop(broker, grace) => {
                    let _ = timeout(grace, broker.stop()).await;
                    break;
                }
            }
        }
    });
    // Cuts what did not answer in time.
    drop(runtime);
    orders.close();
    while let Ok(order) = orders.try_recv() {
        if let Order::Tell(promise) = order {
            told.push(promise);
        }
    }
    told
}

async fn bind(builder: Builder, listen: &str) -> Result<Started, Failed> {
    let broker = builder.bind(listen).await?;
    let address = broker.address();
    let shared = Arc::new(RwLock::new(Some(broker)));
    Ok((address, shared, Handle::current()))
}

/// Why a broker did not start.
enum Failed {
    Bind(BindError),
    Thread(io::Error),
    /// Its thread has panicked, and the panic is on stderr.
    Silent,
}

impl From<BindError> for Failed {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl From<Failed> for PyErr {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Bind(error) => {
                let source = std::error::Error::source(&error);
                let source = source.and_then(|source| source.downcast_ref::<io::Error>());
                let text = error.to_string();
                match source.and_then(io::Error::raw_os_error) {
                    // With the number Python chooses the class, such as PermissionError.
                    Some(number) => PyOSError::new_err((number, text)),
                    None => PyOSError::new_err(text),
                }
            }
            Failed::Thread(error) => error.into(),
            Failed::Silent => PyRuntimeError::new_err("the broker did not start"),
        }
    }
}

impl Running {
    /// Begins to stop, unless somebody has.
    fn end(&self, grace: Duration) {
        let broker = self
            .broker
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(broker) = broker {
            let _ = self.orders.send(Order::Stop(broker, grace));
        }
    }

    async fn ended(&self) {
        // Nothing is ever sent.
        let _ = self.ended.clone().changed().await;
    }

    /// Keeps a promise when it has ended.
    fn tell(&self, promise: Promise) {
        let told = self.orders.send(Order::Tell(promise));
        if let Err(mpsc::error::SendError(Order::Tell(promise))) = told {
            promise.keep(Ok(Made::Nothing));
        }
    }

    /// The runtime, as long as the thread was not joined.
    fn runtime(&self) -> Option<Handle> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().map(|(_, runtime)| runtime.clone())
    }

    fn join(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((thread, _)) = thread.take() {
            // It has ended, or is about to return.
            let _ = thread.join();
        }
    }
}

fn grace(given: f64) -> PyResult<Duration> {
    seconds(given)
        .ok_or_else(|| PyValueError::new_err(format!("grace is a time in seconds, not {given}")))
}

#[pymethods]
impl Broker {
    #[staticmethod]
    fn start(settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = settings.py();
        let settings: BrokerSettings = from_python(settings)?;
        let running = py.detach(|| start(settings))?;
        Ok(Self(Own::new(running)))
    }

    #[getter]
    fn address(&self) -> (String, u16) {
        self.running().map_or_else(
            |_| (String::new(), 0),
            |running| (running.address.ip().to_string(), running.address.port()),
        )
    }

    fn end(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let grace = grace(seconds)?;
        if let Ok(running) = self.running() {
            py.detach(|| running.end(grace));
        }
        Ok(())
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        if let Ok(running) = self.running()
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
            Ok(running) => running.tell(promise),
            Err(_) => promise.keep(Ok(Made::Nothing)),
        }
        Ok(())
    }
}

impl Broker {
    fn running(&self) -> Result<&Running, Error> {
        self.0.get()
    }
}
