//! Publishing without confirms: a message counts as sent when its last byte has been written to the
//! socket. Servers acknowledge a request at that point.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use lapin::options::BasicPublishOptions;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Channel;
use super::failure::failure;
use super::message::{Message, short};
use super::pool::{Operation, Pool};
use crate::error::Error;

type Written = lapin::Result<()>;

pub(crate) struct Writer<T: Send + 'static> {
    channel: Channel,
    state: Mutex<State<T>>,
    /// Whoever polls for written messages.
    watcher: AtomicWaker,
}

struct State<T> {
    started: VecDeque<(Operation<Written>, T)>,
    pool: Pool<Written>,
}

impl<T: Send + 'static> Writer<T> {
    pub(crate) fn new(channel: Channel) -> Self {
        let state = State {
            started: VecDeque::new(),
            pool: Pool::new(),
        };
        Self {
            channel,
            state: Mutex::new(state),
            watcher: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a message to lapin. Returns at once; an error means that nothing was sent.
    pub(crate) fn write(&self, message: Message<'_>, ticket: T) -> Result<(), Error> {
        let properties = self.channel.properties(&message)?;
        let exchange = short(message.exchange, "the exchange's name")?;
        let routing_key = short(message.routing_key, "the reply address")?;
        let channel = Arc::clone(&self.channel.raw);
        let body = message.body;
        let writing = async move {
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await
                .map(drop)
        };
        let mut state = self.lock();
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
            self.watcher.wake();
        }
        Ok(())
    }

    /// Reports which messages have been written since the last look; returns how many are left.
    pub(crate) fn look(&self, report: impl FnOnce(&[T])) -> usize {
        let mut look = Context::from_waker(Waker::noop());
        let mut written = Vec::new();
        let mut state = self.lock();
        // Messages are written in the order they were handed in.
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
        // Under the lock, so that nobody sees an empty outbox before its messages have been told of.
        if !written.is_empty() {
            report(&written);
        }
        state.started.len()
    }

    /// Asks to be woken when all that was handed in has been written, or cannot be; true when it has.
    pub(crate) fn poll_last(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        let Some((last, _)) = state.started.back_mut() else {
            return true;
        };
        let Poll::Ready(outcome) = last.poll(cx) else {
            return false;
        };
        if let Some((_, ticket)) = state.started.pop_back() {
            let finished = Operation::new(std::future::ready(outcome));
            state.started.push_back((finished, ticket));
        }
        true
    }

    /// Asks to be woken when the next message is handed in to an empty outbox.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        self.watcher.register(cx.waker());
    }

    /// Takes that back.
    pub(crate) fn unwatch(&self) {
        self.watcher.take();
    }
}

/// How long what was handed in may take to leave after its writer has gone.
const LINGER: Duration = Duration::from_secs(10);

impl<T: Send + 'static> Drop for Writer<T> {
    fn drop(&mut self) {
        // lapin closes a channel ahead of what has been published on it, so the channel is kept a while.
        let started = std::mem::take(&mut self.lock().started);
        if !started.is_empty()
            && self.channel.is_open()
            && let Ok(runtime) = Handle::try_current()
        {
            let channel = self.channel.clone();
            runtime.spawn(async move {
                let all = async {
                    for (mut operation, _) in started {
                        let _ = std::future::poll_fn(|cx| operation.poll(cx)).await;
                    }
                };
                let _ = timeout(LINGER, all).await;
                drop(channel);
            });
        }
    }
}
