//! The calls that one event loop makes on one connection: handed over in batches to one task, which drives them all.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::future::{AbortHandle, Abortable, Aborted, BoxFuture};
use futures_util::stream::{FuturesUnordered, Stream};
use leveret::Error;
use pyo3::prelude::*;

use crate::action::{Action, Around};
use crate::connection::Connection;
use crate::fork::{Own, forked};
use crate::queue::{Event, Events, Queue};
use crate::target::{Sent, Target};

enum Order {
    Call {
        slot: u64,
        call: BoxFuture<'static, Event>,
    },
    Cancel(u64),
}

/// What Python's thread and the task share.
#[derive(Default)]
struct Orders {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: Vec<Order>,
    /// The task, while it has nothing to do.
    idle: Option<Waker>,
    ended: bool,
}

impl Orders {
    fn put(&self, order: Order) {
        self.change(|state| state.orders.push(order));
    }

    fn end(&self) {
        self.change(|state| state.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let idle = state.idle.take();
        drop(state);
        if let Some(task) = idle {
            task.wake();
        }
    }

    /// Swaps what is there with an empty buffer; false when there will be no more.
    fn take(&self, buffer: &mut Vec<Order>, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.orders, buffer);
        if buffer.is_empty() {
            state.idle = Some(cx.waker().clone());
        }
        !state.ended
    }
}

/// Drives the calls of one lane until the lane is dropped and they have ended.
struct Driver {
    orders: Arc<Orders>,
    events: Weak<Events>,
    calls: FuturesUnordered<Abortable<BoxFuture<'static, Event>>>,
    handles: HashMap<u64, AbortHandle>,
    buffer: Vec<Order>,
    ended: Vec<Event>,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let open = loop {
            let open = this.orders.take(&mut this.buffer, cx);
            if this.buffer.is_empty() {
                break open;
            }
            for order in this.buffer.drain(..) {
                match order {
                    Order::Call { slot, call } => {
                        let (handle, registration) = AbortHandle::new_pair();
                        this.handles.insert(slot, handle);
                        this.calls.push(Abortable::new(call, registration));
                    }
                    Order::Cancel(slot) => {
                        if let Some(handle) = this.handles.remove(&slot) {
                            handle.abort();
                        }
                    }
                }
            }
        };
        while let Poll::Ready(Some(outcome)) = Pin::new(&mut this.calls).poll_next(cx) {
            let event = match outcome {
                Ok(event) => event,
                Err(Aborted) => continue,
            };
            if let Event::Value { slot, .. }
            | Event::Failed { slot, .. }
            | Event::Done { slot, .. } = &event
            {
                this.handles.remove(slot);
            }
            this.ended.push(event);
        }
        let Some(events) = this.events.upgrade() else {
            // Nobody is left to hear of the results.
            return Poll::Ready(());
        };
        if !this.ended.is_empty() {
            events.extend(this.ended.drain(..));
        }
        if !open && this.calls.is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// The calls of one connection whose results go to one queue.
#[pyclass(frozen, module = "leveret._leveret")]
pub(crate) struct Lane {
    inner: Own<(Arc<Orders>, Arc<Events>)>,
}

impl Lane {
    fn send(&self, slot: u64, prepared: Result<BoxFuture<'static, Event>, Error>) -> PyResult<()> {
        let (orders, events) = self.inner.get().map_err(|error| forked(&error))?;
        match prepared {
            Ok(call) => orders.put(Order::Call { slot, call }),
            Err(error) => events.push(Event::Failed { slot, error }),
        }
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Ok((orders, _)) = self.inner.get() {
            orders.end();
        }
    }
}

#[pymethods]
impl Lane {
    #[new]
    fn new(connection: &Connection, queue: &Queue) -> PyResult<Self> {
        // The runtime of a parent runs nothing in its child: the calls would wait for ever.
        connection.get().map_err(|error| forked(&error))?;
        let orders = Arc::<Orders>::default();
        let events = Arc::clone(queue.events()?);
        connection.runtime().spawn(Driver {
            orders: Arc::clone(&orders),
            events: Arc::downgrade(&events),
            calls: FuturesUnordered::new(),
            handles: HashMap::new(),
            buffer: Vec::new(),
            ended: Vec::new(),
        });
        Ok(Self {
            inner: Own::new((orders, events)),
        })
    }

    fn call(
        &self,
        slot: u64,
        target: &Target,
        sent: Sent,
        around: Option<Around<'_>>,
    ) -> PyResult<()> {
        self.send(slot, target.prepare_call(slot, sent, around.as_ref()))
    }

    fn cast(
        &self,
        slot: u64,
        target: &Target,
        sent: Sent,
        around: Option<Around<'_>>,
    ) -> PyResult<()> {
        self.send(slot, target.prepare_cast(slot, sent, around.as_ref()))
    }

    /// Does what is not a call.
    fn start(&self, slot: u64, action: &Action) -> PyResult<()> {
        let doing = action.take()?;
        self.send(
            slot,
            Ok(Box::pin(async move { Event::of(slot, doing.await) })),
        )
    }

    fn cancel(&self, slot: u64) {
        if let Ok((orders, _)) = self.inner.get() {
            orders.put(Order::Cancel(slot));
        }
    }
}
