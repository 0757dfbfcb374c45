//! Publishing on a confirm channel without waiting: the caller's thread hands the frames to lapin, a
//! background task learns what became of them.
//!
//! lapin takes the confirm tag and queues the frames under two different locks, so two threads that
//! publish on one channel can swap their tags. Here one lock is held over both. And lapin attaches a
//! returned message to whichever confirm completes next, so returns are matched by correlation id.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lapin::Confirmation;
use lapin::options::BasicPublishOptions;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::Channel;
use super::failure::failure;
use super::message::{Message, short};
use crate::error::Error;

/// How often confirms are collected while there are any to come. Waking a task for each of them would
/// cost more than the protocol does; nothing but the detection of a missing queue waits for this.
const COLLECT_EVERY: Duration = Duration::from_millis(1);

/// Learns what became of published messages. `T` is what the publisher attached to each.
pub(crate) trait ConfirmSink<T>: Send + Sync + 'static {
    /// The broker has taken responsibility for the message (or returned it before).
    fn confirmed(&self, ticket: T);
    /// The broker refused it: the queue is full.
    fn refused(&self, ticket: T);
    /// No queue takes the message with this correlation id.
    fn returned(&self, correlation_id: &str);
    /// The channel died; nobody will ever know.
    fn lost(&self, ticket: T);
}

type Publishing = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

pub(crate) struct Publisher<T> {
    channel: Channel,
    outbox: Arc<Outbox<T>>,
    _collector: AbortOnDropHandle<()>,
}

struct Outbox<T> {
    /// Handed to lapin and not yet seen by the collector. The lock is what keeps confirm tags in order.
    fresh: Mutex<Vec<(Publishing, T)>>,
    /// Whether the collector is looking already.
    awake: AtomicBool,
    wake: Notify,
}

impl<T: Send + 'static> Publisher<T> {
    /// Turns confirms on and starts the collector, which ends with the publisher.
    pub(crate) async fn open(channel: Channel, sink: impl ConfirmSink<T>) -> Result<Self, Error> {
        channel.confirm_select().await?;
        let outbox = Arc::new(Outbox {
            fresh: Mutex::new(Vec::new()),
            awake: AtomicBool::new(false),
            wake: Notify::new(),
        });
        let collector = tokio::spawn(collect(Arc::clone(&outbox), sink));
        Ok(Self {
            channel,
            outbox,
            _collector: AbortOnDropHandle::new(collector),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    /// Hands a message to lapin. Returns at once; an error means that nothing was sent.
    pub(crate) fn publish(&self, message: Message<'_>, ticket: T) -> Result<(), Error> {
        let properties = message.properties()?;
        let exchange = short(message.exchange, "the exchange's name")?;
        let routing_key = short(message.routing_key, "the queue's name")?;
        let options = BasicPublishOptions {
            mandatory: message.mandatory,
            immediate: false,
        };
        let channel = Arc::clone(self.channel.raw());
        let body = message.body;
        let mut publishing: Publishing = Box::pin(async move {
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await?
                .await
        });
        {
            let mut fresh = self
                .outbox
                .fresh
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match publishing
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Pending => fresh.push((publishing, ticket)),
                Poll::Ready(Ok(confirmation)) => {
                    fresh.push((Box::pin(std::future::ready(Ok(confirmation))), ticket));
                }
                Poll::Ready(Err(error)) => return Err(failure("publishing", error)),
            }
        }
        if !self.outbox.awake.swap(true, Ordering::AcqRel) {
            self.outbox.wake.notify_one();
        }
        Ok(())
    }
}

async fn collect<T: Send>(outbox: Arc<Outbox<T>>, sink: impl ConfirmSink<T>) {
    let mut waiting = VecDeque::new();
    let mut done = Vec::new();
    loop {
        if waiting.is_empty() {
            outbox.awake.store(false, Ordering::Release);
            // A publish between the last look and the line above has found us awake and not called.
            if outbox
                .fresh
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
            {
                outbox.wake.notified().await;
            }
            outbox.awake.store(true, Ordering::Release);
        }
        tokio::time::sleep(COLLECT_EVERY).await;
        waiting.extend(
            outbox
                .fresh
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..),
        );
        take_finished(&mut waiting, &mut done);
        if !done.is_empty() {
            // The return of a message that is confirmed here may ride on a confirm that was looked at a
            // moment before it arrived; it is there by now.
            take_finished(&mut waiting, &mut done);
            report(&sink, &mut done);
        }
    }
}

type Finished<T> = (lapin::Result<Confirmation>, T);

fn take_finished<T>(waiting: &mut VecDeque<(Publishing, T)>, done: &mut Vec<Finished<T>>) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut still = VecDeque::with_capacity(waiting.len());
    for (mut publishing, ticket) in waiting.drain(..) {
        match publishing.as_mut().poll(&mut cx) {
            Poll::Ready(outcome) => done.push((outcome, ticket)),
            Poll::Pending => still.push_back((publishing, ticket)),
        }
    }
    *waiting = still;
}

fn report<T>(sink: &impl ConfirmSink<T>, done: &mut Vec<Finished<T>>) {
    for (outcome, _) in &*done {
        if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = outcome
            && let Some(id) = message.delivery.properties.correlation_id()
        {
            sink.returned(id.as_str());
        }
    }
    for (outcome, ticket) in done.drain(..) {
        match outcome {
            Ok(Confirmation::Ack(_) | Confirmation::NotRequested) => sink.confirmed(ticket),
            Ok(Confirmation::Nack(_)) => sink.refused(ticket),
            Err(_) => sink.lost(ticket),
        }
    }
}
