//! Publishing without confirms: a message counts as sent when its last byte has been written to the
//! socket. Servers acknowledge a request at that point.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use lapin::options::BasicPublishOptions;
use tokio_util::task::AbortOnDropHandle;

use super::Channel;
use super::failure::failure;
use super::message::{Message, short};
use super::pool::{Operation, Pool};
use crate::error::Error;

/// Learns which messages have been written.
pub(crate) trait WriteSink<T>: Send + Sync + 'static {
    /// These have been written, in this order. May leave the list as it likes; it is cleared after.
    fn written(&self, tickets: &mut Vec<T>);
}

type Written = lapin::Result<()>;

pub(crate) struct Writer<T> {
    channel: Channel,
    outbox: Arc<Outbox<T>>,
    _watcher: AbortOnDropHandle<()>,
}

struct Outbox<T> {
    state: Mutex<State<T>>,
    watcher: AtomicWaker,
}

struct State<T> {
    started: VecDeque<(Operation<Written>, T)>,
    pool: Pool<Written>,
}

impl<T> Outbox<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Writer<T> {
    pub(crate) fn open(channel: Channel, sink: impl WriteSink<T>) -> Self {
        let outbox = Arc::new(Outbox {
            state: Mutex::new(State {
                started: VecDeque::new(),
                pool: Pool::new(),
            }),
            watcher: AtomicWaker::new(),
        });
        let watcher = tokio::spawn(watch(Arc::clone(&outbox), sink));
        Self {
            channel,
            outbox,
            _watcher: AbortOnDropHandle::new(watcher),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    /// Hands a message to lapin. Returns at once; an error means that nothing was sent.
    pub(crate) fn write(&self, message: Message<'_>, ticket: T) -> Result<(), Error> {
        let properties = message.properties()?;
        let exchange = short(message.exchange, "the exchange's name")?;
        let routing_key = short(message.routing_key, "the reply address")?;
        let channel = Arc::clone(self.channel.raw());
        let body = message.body;
        let writing = async move {
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await
                .map(drop)
        };
        let mut state = self.outbox.lock();
        let (started, outcome) = state.pool.start(writing);
        match outcome {
            Poll::Pending => state.started.push_back((started, ticket)),
            Poll::Ready(Err(error)) => return Err(failure("replying", error)),
            Poll::Ready(written) => {
                state
                    .started
                    .push_back((Operation::new(std::future::ready(written)), ticket));
            }
        }
        // The watcher waits for a message that was there before, and will look at this one after it.
        let first = state.started.len() == 1;
        drop(state);
        if first {
            self.outbox.watcher.wake();
        }
        Ok(())
    }

    /// Waits until everything handed in so far has been written or the channel has died.
    pub(crate) async fn drained(&self) {
        while !self.outbox.lock().started.is_empty() && self.is_open() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Messages are written in the order they were handed in, many at a time. So it is enough to wait for the
/// last one, and to look at all of them then.
async fn watch<T: Send + 'static>(outbox: Arc<Outbox<T>>, sink: impl WriteSink<T>) {
    let mut written = Vec::new();
    std::future::poll_fn(|cx| {
        outbox.watcher.register(cx.waker());
        let mut state = outbox.lock();
        let mut look = Context::from_waker(Waker::noop());
        loop {
            while let Some((operation, _)) = state.started.front_mut() {
                let Poll::Ready(outcome) = operation.poll(&mut look) else {
                    break;
                };
                if let Some((operation, ticket)) = state.started.pop_front() {
                    state.pool.put_back(operation);
                    if outcome.is_ok() {
                        written.push(ticket);
                    }
                }
            }
            let Some((last, _)) = state.started.back_mut() else {
                break;
            };
            let Poll::Ready(outcome) = last.poll(cx) else {
                break;
            };
            // It was written between the two looks, and with it all before it.
            if let Some((_, ticket)) = state.started.pop_back() {
                let finished = Operation::new(std::future::ready(outcome));
                state.started.push_back((finished, ticket));
            }
        }
        // Under the lock, so that nobody sees an empty outbox before its messages have been told of.
        if !written.is_empty() {
            sink.written(&mut written);
            written.clear();
        }
        drop(state);
        Poll::<()>::Pending
    })
    .await;
}
