//! Publishing on a confirm channel without waiting: the caller's thread hands the frames to lapin, a
//! background task learns what became of them.
//!
//! lapin takes the confirm tag and queues the frames under two different locks, so two threads that
//! publish on one channel can swap their tags. Here one lock is held over both. And lapin attaches a
//! returned message to whichever confirm completes next, so returns are matched by correlation id.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lapin::Confirmation;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::Channel;
use super::failure::failure;
use super::message::{Message, short};
use super::pool::{Operation, Pool};
use crate::error::Error;

/// How often confirms are collected while there are any to come. Waking a task for each of them would
/// cost more than the protocol does.
const COLLECT_EVERY: Duration = Duration::from_millis(1);
/// Up to so many unconfirmed messages, a confirm that somebody waits for is told at once: who sends one after the other
/// would do nothing but wait for the next collection.
const FEW: usize = 64;
/// How often while none comes although many are awaited: the broker is busy, or blocks the connection.
const COLLECT_SELDOM: Duration = Duration::from_millis(20);
/// What counts as many.
const MANY: usize = 256;
/// How many looks in vain end the looking. One call after another would otherwise wake the collector for each.
const IDLE_LOOKS: u32 = 16;

/// What the publisher attaches to a message.
pub(crate) trait Ticket: Send + 'static {
    /// Whether somebody waits for the confirm of this message.
    fn is_waited_for(&self) -> bool;
}

/// Learns what became of published messages.
pub(crate) trait ConfirmSink<T>: Send + Sync + 'static {
    /// The broker has taken responsibility for the message (or returned it before).
    fn confirmed(&self, ticket: T);
    /// The broker refused it: the queue is full.
    fn refused(&self, ticket: T);
    /// No queue takes the message with these ids.
    fn returned(&self, message: Returned<'_>);
    /// The channel died, of this; nobody will ever know.
    fn lost(&self, ticket: T, error: Error);
}

/// How a returned message is known again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned<'a> {
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
}

type Confirmed = Result<Confirmation, Fault>;

enum Fault {
    /// lapin never wrote it.
    NotSent(lapin::Error),
    /// Nobody knows what became of it.
    Lost(lapin::Error),
}

pub(crate) struct Publisher<T> {
    channel: Channel,
    /// lapin refuses publishes of a dying connection a moment before it calls the channel closed.
    refusing: AtomicBool,
    outbox: Arc<Outbox<T>>,
    _collector: AbortOnDropHandle<()>,
}

struct Outbox<T> {
    /// The lock is what keeps confirm tags in order.
    fresh: Mutex<Fresh<T>>,
    /// Whether the collector is looking already.
    awake: AtomicBool,
    /// Whether it wants to know of each message that is waited for.
    prompt: AtomicBool,
    wake: Notify,
}

struct Fresh<T> {
    /// Handed to lapin and not yet seen by the collector.
    started: Vec<(Operation<Confirmed>, T)>,
    pool: Pool<Confirmed>,
}

impl<T> Outbox<T> {
    fn lock(&self) -> MutexGuard<'_, Fresh<T>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Ticket> Publisher<T> {
    /// Turns confirms on and starts the collector, which ends with the publisher.
    pub(crate) async fn open(channel: Channel, sink: impl ConfirmSink<T>) -> Result<Self, Error> {
        channel.confirm_select().await?;
        let outbox = Arc::new(Outbox {
            fresh: Mutex::new(Fresh {
                started: Vec::new(),
                pool: Pool::new(),
            }),
            awake: AtomicBool::new(false),
            prompt: AtomicBool::new(false),
            wake: Notify::new(),
        });
        let collector = tokio::spawn(collect(Arc::clone(&outbox), sink));
        Ok(Self {
            channel,
            refusing: AtomicBool::new(false),
            outbox,
            _collector: AbortOnDropHandle::new(collector),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.channel.is_open() && !self.refusing.load(Ordering::Acquire)
    }

    /// Hands a message to lapin. Returns at once; an error means that nothing was sent, and when it is lapin's,
    /// that nothing more can be.
    pub(crate) fn publish(&self, message: Message<'_>, ticket: T) -> Result<(), Error> {
        let properties = self.channel.properties(&message)?;
        let exchange = short(message.exchange, "the exchange's name")?;
        // The default exchange finds queues by their names.
        let routed = match message.exchange {
            "" => "the queue's name",
            _ => "the routing key",
        };
        let routing_key = short(message.routing_key, routed)?;
        let options = BasicPublishOptions {
            mandatory: message.mandatory,
            immediate: false,
        };
        let channel = Arc::clone(&self.channel.raw);
        let body = message.body;
        let waited_for = ticket.is_waited_for();
        let publishing = async move {
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await
                .map_err(Fault::NotSent)?
                .await
                .map_err(Fault::Lost)
        };
        {
            let mut fresh = self.outbox.lock();
            let (started, outcome) = fresh.pool.start(publishing);
            match outcome {
                Poll::Pending => fresh.started.push((started, ticket)),
                Poll::Ready(Err(Fault::NotSent(error))) => {
                    self.refusing.store(true, Ordering::Release);
                    return Err(failure("publishing", error));
                }
                Poll::Ready(confirmed) => {
                    fresh
                        .started
                        .push((Operation::new(std::future::ready(confirmed)), ticket));
                }
            }
        }
        let asleep = !self.outbox.awake.swap(true, Ordering::AcqRel);
        if asleep || waited_for && self.outbox.prompt.load(Ordering::Acquire) {
            self.outbox.wake.notify_one();
        }
        Ok(())
    }
}

async fn collect<T: Ticket>(outbox: Arc<Outbox<T>>, sink: impl ConfirmSink<T>) {
    let mut waiting = Waiting {
        started: VecDeque::new(),
        finished: Vec::new(),
        spare: Vec::new(),
    };
    let mut pause = COLLECT_EVERY;
    let mut idle = 0;
    loop {
        idle = if waiting.started.is_empty() {
            idle + 1
        } else {
            0
        };
        if idle > IDLE_LOOKS {
            outbox.awake.store(false, Ordering::Release);
            // A publish between the last look and the line above has found us awake and not called.
            if outbox.lock().started.is_empty() {
                outbox.wake.notified().await;
            }
            outbox.awake.store(true, Ordering::Release);
            idle = 0;
        } else {
            waiting.rest(&outbox, pause).await;
        }
        waiting.exchange(&outbox);
        waiting.look();
        if waiting
            .finished
            .iter()
            .any(|(_, ticket)| ticket.is_waited_for())
        {
            // The return of a message that is confirmed here may ride on a confirm that was looked at a
            // moment before it arrived, or was not looked at; it is there by now.
            waiting.exchange(&outbox);
            waiting.look();
        }
        let stuck = waiting.finished.is_empty() && waiting.started.len() > MANY;
        pause = if stuck { COLLECT_SELDOM } else { COLLECT_EVERY };
        report(&sink, &mut waiting.finished);
    }
}

/// What the collector holds between two looks.
struct Waiting<T> {
    started: VecDeque<(Operation<Confirmed>, T)>,
    finished: Vec<(Confirmed, T)>,
    spare: Vec<Operation<Confirmed>>,
}

impl<T: Ticket> Waiting<T> {
    /// Takes what is new, and gives boxes back.
    fn exchange(&mut self, outbox: &Outbox<T>) {
        let mut fresh = outbox.lock();
        self.started.extend(fresh.started.drain(..));
        for spare in self.spare.drain(..) {
            fresh.pool.put_back(spare);
        }
    }

    /// Until the next look: for this long, or until somebody waits for what it would see.
    async fn rest(&mut self, outbox: &Outbox<T>, pause: Duration) {
        let few = self.started.len() <= FEW;
        outbox.prompt.store(few, Ordering::Release);
        tokio::select! {
            () = sleep(pause) => {}
            () = outbox.wake.notified(), if few => {}
            () = poll_fn(|cx| if few { self.poll_waited_for(cx) } else { self.poll_oldest(cx) }) => {}
        }
    }

    /// With it mostly comes much of what was sent after it.
    fn poll_oldest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.started.front_mut() {
            Some((oldest, ticket)) if ticket.is_waited_for() => {
                let Poll::Ready(outcome) = oldest.poll(cx) else {
                    return Poll::Pending;
                };
                if let Some((oldest, ticket)) = self.started.pop_front() {
                    self.finished.push((outcome, ticket));
                    self.spare.push(oldest);
                }
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }

    fn poll_waited_for(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.look_at(cx, Ticket::is_waited_for);
        if self.finished.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn look(&mut self) {
        self.look_at(&mut Context::from_waker(Waker::noop()), |_| true);
    }

    fn look_at(&mut self, cx: &mut Context<'_>, which: impl Fn(&T) -> bool) {
        for _ in 0..self.started.len() {
            let Some((mut operation, ticket)) = self.started.pop_front() else {
                return;
            };
            if !which(&ticket) {
                self.started.push_back((operation, ticket));
                continue;
            }
            match operation.poll(cx) {
                Poll::Ready(outcome) => {
                    self.finished.push((outcome, ticket));
                    self.spare.push(operation);
                }
                Poll::Pending => self.started.push_back((operation, ticket)),
            }
        }
    }
}

fn report<T>(sink: &impl ConfirmSink<T>, done: &mut Vec<(Confirmed, T)>) {
    for (outcome, _) in &*done {
        if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = outcome {
            let properties = &message.delivery.properties;
            sink.returned(Returned {
                correlation_id: properties
                    .correlation_id()
                    .as_ref()
                    .map(ShortString::as_str),
                message_id: properties.message_id().as_ref().map(ShortString::as_str),
            });
        }
    }
    for (outcome, ticket) in done.drain(..) {
        match outcome {
            Ok(Confirmation::Ack(_) | Confirmation::NotRequested) => sink.confirmed(ticket),
            Ok(Confirmation::Nack(_)) => sink.refused(ticket),
            Err(Fault::NotSent(error) | Fault::Lost(error)) => {
                sink.lost(ticket, failure("publishing", error));
            }
        }
    }
}
