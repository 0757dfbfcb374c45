//! Events for Python, taken in batches: only the first of a batch wakes anybody, and nobody who puts one in needs the
//! interpreter.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use leveret::{Code, Error, Executed};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::delivery::{Given, Run};
use crate::failure::failure;
use crate::fork::{Own, forked};
use crate::made::Made;
use crate::request::{Arrived, Request};
use crate::signal::Signal;

/// What an event is, and how a body came: numbers that Python compares.
pub(crate) const CONSTANTS: [(&str, u8); 10] = [
    ("MSGPACK", MSGPACK),
    ("JSON", JSON),
    ("TEXT", TEXT),
    ("VALUE", VALUE),
    ("FAILED", FAILED),
    ("DONE", DONE),
    ("REQUEST", REQUEST),
    ("CANCEL", CANCEL),
    ("ENDED", ENDED),
    ("RUN", RUN),
];
pub(crate) const MSGPACK: u8 = 0;
pub(crate) const JSON: u8 = 1;
pub(crate) const TEXT: u8 = 2;
const VALUE: u8 = 0;
const FAILED: u8 = 1;
const DONE: u8 = 2;
const REQUEST: u8 = 3;
const CANCEL: u8 = 4;
const ENDED: u8 = 5;
const RUN: u8 = 6;

#[derive(Debug)]
pub(crate) enum Event {
    Value { slot: u64, body: Bytes, how: u8 },
    Failed { slot: u64, error: Error },
    Done { slot: u64, made: Made },
    Request(Box<Arrived>),
    Run(Box<Given>),
    Cancel(u64),
}

impl Event {
    pub(crate) fn of(slot: u64, outcome: Result<Made, Error>) -> Self {
        match outcome {
            Ok(made) => Self::Done { slot, made },
            Err(error) => Self::Failed { slot, error },
        }
    }

    pub(crate) fn into_tuple(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        match self {
            Self::Value { slot, body, how } => {
                (VALUE, slot, PyBytes::new(py, &body), how).into_pyobject(py)
            }
            Self::Failed { slot, error } => (FAILED, slot, failure(py, &error)?).into_pyobject(py),
            Self::Done { slot, made } => (DONE, slot, made.into_object(py)?).into_pyobject(py),
            Self::Request(arrived) => (REQUEST, Request::new(*arrived)).into_pyobject(py),
            Self::Run(given) => (RUN, Run::new(py, *given)?).into_pyobject(py),
            Self::Cancel(id) => (CANCEL, id).into_pyobject(py),
        }
    }
}

/// The part of a queue that threads of the runtime share.
#[derive(Debug, Default)]
pub(crate) struct Events {
    state: Mutex<State>,
    available: Condvar,
    /// Made when somebody asks for the descriptor.
    signal: OnceLock<Signal>,
    /// For event loops that cannot watch descriptors.
    waker: OnceLock<Waker>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    closed: bool,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, event: Event) {
        self.extend(std::iter::once(event));
    }

    /// Puts events in, and wakes whoever takes them if there were none.
    pub(crate) fn extend(&self, events: impl IntoIterator<Item = Event>) {
        let mut state = self.lock();
        if state.closed {
            // Requests among them are answered when they are dropped, which must not happen under the lock.
            drop(state);
            drop(events.into_iter().collect::<Vec<_>>());
            return;
        }
        let before = state.events.len();
        state.events.extend(events);
        let added = state.events.len() - before;
        drop(state);
        if added == 0 {
            return;
        }
        if before == 0 {
            if let Some(signal) = self.signal.get() {
                signal.set();
            }
            if let Some(waker) = self.waker.get() {
                waker.wake();
            }
        }
        if added == 1 {
            self.available.notify_one();
        } else {
            self.available.notify_all();
        }
    }

    /// Takes a request or a run out that has not been taken; true when it was there.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = self.lock();
        let place = state.events.iter().position(|event| match event {
            Event::Request(arrived) => arrived.id == id,
            Event::Run(given) => given.id == id,
            _ => false,
        });
        let Some(place) = place else { return false };
        let withdrawn = state.events.remove(place);
        drop(state);
        drop(withdrawn);
        true
    }

    fn take_all(&self) -> VecDeque<Event> {
        if let Some(signal) = self.signal.get() {
            // Before the events are taken: what comes in between wakes once more, for nothing.
            signal.clear();
        }
        std::mem::take(&mut self.lock().events)
    }

    fn take_one(&self) -> Option<Event> {
        let mut state = self.lock();
        loop {
            match state.events.pop_front() {
                // Whatever it was for has been withdrawn or is running; a thread cannot be stopped.
                Some(Event::Cancel(_)) => {}
                Some(event) => return Some(event),
                None if state.closed => return None,
                None => {
                    state = self
                        .available
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.events);
        drop(state);
        self.available.notify_all();
        if let Some(waker) = self.waker.get() {
            waker.close();
        }
        drop(left);
    }
}

/// Calls a function of Python's from a thread that may wait for the interpreter.
#[derive(Debug)]
struct Waker(Arc<(Mutex<WakerState>, Condvar)>);

#[derive(Debug, Default)]
struct WakerState {
    wanted: bool,
    closed: bool,
}

impl Waker {
    fn start(wake: Py<PyAny>) -> PyResult<Self> {
        let shared = Arc::new((Mutex::<WakerState>::default(), Condvar::new()));
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("leveret-waker".to_owned())
            .spawn(move || {
                let (state, changed) = &*theirs;
                loop {
                    let mut state = changed
                        .wait_while(
                            state.lock().unwrap_or_else(PoisonError::into_inner),
                            |state| !state.wanted && !state.closed,
                        )
                        .unwrap_or_else(PoisonError::into_inner);
                    if state.closed {
                        break;
                    }
                    state.wanted = false;
                    drop(state);
                    // An error means that the loop is closed, and with it whoever waited.
                    if Python::try_attach(|py| wake.call0(py).is_ok()) != Some(true) {
                        break;
                    }
                }
            })?;
        Ok(Self(shared))
    }

    fn change(&self, change: impl FnOnce(&mut WakerState)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_one();
    }

    fn wake(&self) {
        self.change(|state| state.wanted = true);
    }

    fn close(&self) {
        self.change(|state| state.closed = true);
    }
}

/// Events for one event loop or for a pool of threads.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Queue(Own<Arc<Events>>);

impl Queue {
    pub(crate) fn events(&self) -> PyResult<&Arc<Events>> {
        self.0.get().map_err(|error| forked(&error))
    }
}

#[pymethods]
impl Queue {
    #[new]
    #[pyo3(signature = (wake=None))]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        let events = Events::default();
        if let Some(wake) = wake {
            let _ = events.waker.set(Waker::start(wake)?);
        }
        Ok(Self(Own::new(Arc::new(events))))
    }

    fn fileno(&self) -> PyResult<i32> {
        let events = self.events()?;
        if let Some(signal) = events.signal.get() {
            return Ok(signal.fileno());
        }
        let made = Signal::new()?;
        let signal = events.signal.get_or_init(|| made);
        // What came before could not wake anybody.
        signal.set();
        Ok(signal.fileno())
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for event in self.events()?.take_all() {
            list.append(event.into_tuple(py)?)?;
        }
        Ok(list)
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let events = self.events()?;
        match py.detach(|| events.take_one()) {
            Some(event) => event.into_tuple(py),
            None => (ENDED,).into_pyobject(py),
        }
    }

    fn close(&self) {
        if let Ok(events) = self.0.get() {
            events.close();
        }
    }
}

/// Puts the outcome of one operation in a queue, even if the operation is given up.
pub(crate) struct Promise {
    events: Weak<Events>,
    slot: u64,
    kept: bool,
}

impl Promise {
    pub(crate) fn new(events: &Arc<Events>, slot: u64) -> Self {
        Self {
            events: Arc::downgrade(events),
            slot,
            kept: false,
        }
    }

    pub(crate) fn keep(mut self, outcome: Result<Made, Error>) {
        self.kept = true;
        if let Some(events) = self.events.upgrade() {
            events.push(Event::of(self.slot, outcome));
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.kept
            && let Some(events) = self.events.upgrade()
        {
            let error = Error::new(Code::Internal, "the operation ended without a result")
                .with_executed(Executed::Maybe);
            events.push(Event::of(self.slot, Err(error)));
        }
    }
}
