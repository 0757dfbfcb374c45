//! A broker and its thread, from start to end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use leveret_broker::{BindError, Broker, Builder, Suspend};
use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use tokio::runtime::{self, Handle};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::settings::BrokerSettings;
use crate::made::Made;
use crate::queue::Promise;

/// What the thread of a broker is told.
enum Order {
    /// Say goodbye to the clients, for no longer than that, and end.
    Stop(Arc<Broker>, Duration),
    /// Keep this when everything has ended.
    Tell(Promise),
}

/// A broker that was started.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) address: SocketAddr,
    /// As long as it runs.
    broker: RwLock<Option<Arc<Broker>>>,
    orders: mpsc::UnboundedSender<Order>,
    /// Changes, by its sender's end, when nothing runs any more.
    ended: watch::Receiver<()>,
    /// Until it was joined. The handle keeps what the runtime has opened.
    thread: Mutex<Option<(JoinHandle<()>, Handle)>>,
}

/// What a broker's thread reports when it listens.
type Started = (Arc<Broker>, Handle);

/// Starts one, and returns when it listens.
pub(super) fn start(settings: BrokerSettings) -> Result<Running, Failed> {
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
    let (broker, runtime) = match started {
        Ok(started) => started,
        Err(failed) => {
            drop(orders);
            let _ = thread.join();
            return Err(failed);
        }
    };
    Ok(Running {
        address: broker.address(),
        broker: RwLock::new(Some(broker)),
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
                    let _ = timeout(grace, broker.suspend(Suspend::InOrder)).await;
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
    Ok((Arc::new(broker), Handle::current()))
}

/// Why a broker did not start.
pub(super) enum Failed {
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
    /// The broker, unless somebody has begun to stop it.
    pub(super) fn broker(&self) -> Option<Arc<Broker>> {
        let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
        broker.clone()
    }

    /// Begins to stop, unless somebody has.
    pub(super) fn end(&self, grace: Duration) {
        let broker = self
            .broker
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(broker) = broker {
            let _ = self.orders.send(Order::Stop(broker, grace));
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) {
        // Nothing is ever sent.
        let _ = self.ended.clone().changed().await;
    }

    /// Keeps a promise when it has ended.
    pub(super) fn tell(&self, promise: Promise) {
        let told = self.orders.send(Order::Tell(promise));
        if let Err(mpsc::error::SendError(Order::Tell(promise))) = told {
            promise.keep(Ok(Made::Nothing));
        }
    }

    /// The runtime, as long as the thread was not joined.
    pub(super) fn runtime(&self) -> Option<Handle> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().map(|(_, runtime)| runtime.clone())
    }

    /// Takes leave of the thread of a broker that has ended.
    pub(super) fn join(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((thread, _)) = thread.take() {
            // It has ended, or is about to return.
            let _ = thread.join();
        }
    }
}
