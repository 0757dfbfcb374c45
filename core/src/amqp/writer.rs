//! Publishing without confirms: a message counts as sent when its last byte has been written to the
//! socket. Servers acknowledge a request at that point.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use lapin::options::BasicPublishOptions;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Channel;
use super::failure::failure;
use super::message::{Message, short};
use crate::error::Error;

/// Learns which messages have been written.
pub(crate) trait WriteSink<T>: Send + Sync + 'static {
    /// These have been written, in this order. May leave the list as it likes; it is cleared after.
    fn written(&self, tickets: &mut Vec<T>);
}

type Writing = Pin<Box<dyn Future<Output = lapin::Result<()>> + Send>>;

pub(crate) struct Writer<T: Send + 'static> {
    channel: Channel,
    outbox: Arc<Outbox<T>>,
    watcher: Option<AbortOnDropHandle<()>>,
}

struct Outbox<T> {
    queue: Mutex<VecDeque<(Writing, T)>>,
    /// How many were handed in whose sink has not been told.
    unsettled: AtomicUsize,
    watcher: AtomicWaker,
}

/// How long what was handed in may take to leave after its writer has gone.
const LINGER: Duration = Duration::from_secs(10);

impl<T> Outbox<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Writing, T)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Writer<T> {
    pub(crate) fn open(channel: Channel, sink: impl WriteSink<T>) -> Self {
        let outbox = Arc::new(Outbox {
            queue: Mutex::new(VecDeque::new()),
            unsettled: AtomicUsize::new(0),
            watcher: AtomicWaker::new(),
        });
        let watcher = tokio::spawn(watch(Arc::clone(&outbox), sink));
        Self {
            channel,
            outbox,
            watcher: Some(AbortOnDropHandle::new(watcher)),
        }
    }

    /// Hands a message to lapin. Returns at once; an error means that nothing was sent.
    pub(crate) fn write(&self, message: Message<'_>, ticket: T) -> Result<(), Error> {
        let properties = message.properties()?;
        let exchange = short(message.exchange, "the exchange's name")?;
        let routing_key = short(message.routing_key, "the reply address")?;
        let channel = Arc::clone(self.channel.raw());
        let body = message.body;
        let mut writing: Writing = Box::pin(async move {
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await
                .map(drop)
        });
        let mut queue = self.outbox.lock();
        match writing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => queue.push_back((writing, ticket)),
            Poll::Ready(Ok(())) => queue.push_back((Box::pin(std::future::ready(Ok(()))), ticket)),
            Poll::Ready(Err(error)) => return Err(failure("replying", error)),
        }
        self.outbox.unsettled.fetch_add(1, Ordering::Relaxed);
        // Only the first needs the watcher; the others stand behind one that it waits for.
        let first = queue.len() == 1;
        drop(queue);
        if first {
            self.outbox.watcher.wake();
        }
        Ok(())
    }

    /// Waits until everything handed in so far has been written and settled, or the channel has died.
    pub(crate) async fn drained(&self) {
        drained(&self.outbox, &self.channel).await;
    }
}

impl<T: Send + 'static> Drop for Writer<T> {
    fn drop(&mut self) {
        // lapin closes a channel ahead of what has been published on it, so the channel is kept a while.
        let watcher = self.watcher.take();
        if self.outbox.unsettled.load(Ordering::Acquire) > 0
            && self.channel.is_open()
            && let Ok(runtime) = Handle::try_current()
        {
            let (outbox, channel) = (Arc::clone(&self.outbox), self.channel.clone());
            runtime.spawn(async move {
                let _ = timeout(LINGER, drained(&outbox, &channel)).await;
                drop(watcher);
            });
        }
    }
}

async fn drained<T>(outbox: &Outbox<T>, channel: &Channel) {
    while outbox.unsettled.load(Ordering::Acquire) > 0 && channel.is_open() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Messages are written in the order they were handed in, so only the first is ever waited for.
async fn watch<T: Send>(outbox: Arc<Outbox<T>>, sink: impl WriteSink<T>) {
    let mut written = Vec::new();
    std::future::poll_fn(|cx| {
        outbox.watcher.register(cx.waker());
        let mut settled = 0;
        let mut queue = outbox.lock();
        while let Some((writing, _)) = queue.front_mut() {
            let Poll::Ready(outcome) = writing.as_mut().poll(cx) else {
                break;
            };
            settled += 1;
            if let Some((_, ticket)) = queue.pop_front()
                && outcome.is_ok()
            {
                written.push(ticket);
            }
        }
        drop(queue);
        if !written.is_empty() {
            sink.written(&mut written);
            written.clear();
        }
        outbox.unsettled.fetch_sub(settled, Ordering::Release);
        Poll::<()>::Pending
    })
    .await;
}
