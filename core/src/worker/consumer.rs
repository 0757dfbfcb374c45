//! One consumer of a worker: attaches to its queue on each session, and hands what comes to the handler, as many at once
//! and as fast as the worker allows.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;

use super::message::Message;
use super::rate::Rate;
use super::seen::{Again, Seen};
use super::settle::{BUSY, Desk, Verdict};
use super::source::{Lane, Source};
use crate::amqp::{Channel, Consumer, Delivery};
use crate::client::after;
use crate::connection::{Connection, Session, next_session};
use crate::context::{Cancellation, Context, Metadata, Parts, TraceContext};
use crate::error::{Code, Error};
use crate::server::closed;
use crate::service::panicked;
use crate::stop::Stop;
use crate::tasks::DeathReason;
use crate::tasks::once::{self, Begin};
use crate::wire;

/// The pause before a lost consumer is attached again, and between failed attempts.
const REATTACH_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is called with one message or a batch of them, and settles each.
pub(super) trait Handler: Send + Sync + 'static {
    fn handle(&self, messages: Vec<Message>) -> impl Future<Output = ()> + Send;
}

/// How many messages make a batch, and how long the first one waits for the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) size: usize,
    pub(super) age: Duration,
}

/// What all consumers of a worker share.
pub(super) struct Common<H> {
    pub(super) connection: Connection,
    pub(super) source: Arc<Source>,
    pub(super) handler: H,
    pub(super) slots: Arc<Semaphore>,
    pub(super) concurrency: u16,
    pub(super) prefetch: u16,
    pub(super) rate: Option<Rate>,
    pub(super) batch: Option<Batch>,
    pub(super) stop: Stop,
    pub(super) seen: Arc<Seen>,
    pub(super) running: TaskTracker,
    /// Shared by those that are being set aside, and wanted alone by one that is to run: it must not end this process
    /// before the broker has heard that the original is done with, or there are two of it.
    pub(super) setting_aside: RwLock<()>,
}

#[derive(PartialEq, Eq)]
enum Ended {
    Stopped,
    Lost,
}

/// Consumes until the worker is told to stop.
pub(super) async fn serve<H: Handler>(
    common: Arc<Common<H>>,
    lane: Lane,
    ready: oneshot::Sender<Result<(), Error>>,
) {
    let shared = Arc::clone(common.connection.shared());
    let stop = &common.stop;
    let mut ready = Some(ready);
    let mut sessions = shared.sessions();
    loop {
        let session = tokio::select! {
            biased;
            () = stop.gently.cancelled() => return common.let_finish().await,
            () = shared.stopped().cancelled() => break,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => break,
            },
        };
        let attach = common.source.attach(&session, lane, common.prefetch);
        let pause = match session.unless_lost(attach).await {
            Ok((queue, channel, consumer)) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
                let intake = Intake::new(&common, &session, lane, queue, channel, consumer);
                let ended = tokio::select! {
                    ended = intake.run() => ended,
                    () = session.lost() => Ended::Lost,
                };
                if ended == Ended::Stopped {
                    return;
                }
                if shared.stopped().is_cancelled() {
                    break;
                }
                tracing::warn!("a worker's consumer was lost; attaching again");
                REATTACH_AFTER
            }
            Err(error) => {
                // At the start a refusal is told to whoever starts the worker; later it may well pass.
                if error.code() != Code::Unavailable
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(Err(error));
                    return;
                }
                tracing::warn!(%error, "a worker cannot consume now");
                RETRY_AFTER
            }
        };
        tokio::select! {
            () = stop.gently.cancelled() => {}
            () = shared.stopped().cancelled() => {}
            () = sleep(pause) => {}
        }
    }
    if let Some(ready) = ready.take() {
        let _ = ready.send(Err(closed()));
    }
    common.let_finish().await;
}

struct Intake<H> {
    common: Arc<Common<H>>,
    lane: Lane,
    /// How many a run takes.
    slots: u32,
    queue: String,
    desk: Arc<Desk>,
    channel: Channel,
    consumer: Consumer,
    /// Come and not started; never more than the prefetch allows.
    waiting: VecDeque<Message>,
    /// When the oldest of a batch that is not full is old enough.
    due: Option<Instant>,
    /// A slot for the next run, and when the rate allows it.
    slot: Option<OwnedSemaphorePermit>,
    gate: Option<Instant>,
}

enum Event {
    Stop,
    Lost,
    Slot(OwnedSemaphorePermit),
    Time,
    Delivery(Box<Delivery>),
}

impl<H: Handler> Intake<H> {
    fn new(
        common: &Arc<Common<H>>,
        session: &Arc<Session>,
        lane: Lane,
        queue: String,
        channel: Channel,
        consumer: Consumer,
    ) -> Self {
        let desk = Desk::new(common, session, &channel, false);
        Self {
            common: Arc::clone(common),
            lane,
            slots: if lane == Lane::Suspect {
                // Nothing else runs beside it, so that its end is nobody else's doing.
                common.concurrency.into()
            } else {
                1
            },
            queue,
            desk: Arc::new(desk),
            channel,
            consumer,
            waiting: VecDeque::new(),
            due: None,
            slot: None,
            gate: None,
        }
    }

    async fn run(mut self) -> Ended {
        loop {
            match self.next().await {
                Event::Stop => {
                    self.finish().await;
                    return Ended::Stopped;
                }
                // What waits was never acknowledged: the broker delivers it again.
                Event::Lost => return Ended::Lost,
                Event::Slot(slot) => self.slot = Some(slot),
                Event::Time => self.gate = None,
                Event::Delivery(delivery) => self.take(*delivery),
            }
            self.start_what_may_run();
            tokio::task::consume_budget().await;
        }
    }

    async fn next(&mut self) -> Event {
        let wants_slot = self.slot.is_none() && self.has_run();
        let time = match (self.gate, self.due) {
            (Some(gate), _) => Some(gate),
            (None, due) => due.filter(|_| !self.has_run()),
        };
        tokio::select! {
            biased;
            () = self.common.stop.gently.cancelled() => Event::Stop,
            () = self.desk.broken.cancelled() => Event::Lost,
            slot = Arc::clone(&self.common.slots).acquire_many_owned(self.slots), if wants_slot => {
                slot.map_or(Event::Lost, Event::Slot)
            }
            () = sleep_until(time.unwrap_or_else(Instant::now)), if time.is_some() => Event::Time,
            delivery = self.consumer.next() => delivery.map_or(Event::Lost, |delivery| Event::Delivery(Box::new(delivery))),
        }
    }

    /// Whether what waits is enough to be handled now.
    fn has_run(&self) -> bool {
        match self.common.batch {
            None => !self.waiting.is_empty(),
            Some(batch) => {
                self.waiting.len() >= batch.size
                    || self.due.is_some_and(|due| due <= Instant::now())
            }
        }
    }

    fn start_what_may_run(&mut self) {
        while self.has_run() && self.gate.is_none() {
            let slot = self.slot.take();
            let slot = slot.or_else(|| {
                let slots = Arc::clone(&self.common.slots);
                slots.try_acquire_many_owned(self.slots).ok()
            });
            let Some(slot) = slot else {
                return;
            };
            if let Some(Err(when)) = self.common.rate.as_ref().map(Rate::take) {
                (self.slot, self.gate) = (Some(slot), Some(when));
                return;
            }
            let size = self.common.batch.map_or(1, |batch| batch.size);
            let run: Vec<_> = self.waiting.drain(..size.min(self.waiting.len())).collect();
            self.due = self.due_from_now();
            let common = Arc::clone(&self.common);
            common.running.clone().spawn(common.run(run, slot));
        }
        if !self.has_run() {
            // Others may need it; the next run asks again.
            self.slot = None;
        }
    }

    fn due_from_now(&self) -> Option<Instant> {
        let batch = self.common.batch.filter(|_| !self.waiting.is_empty())?;
        Some(after(batch.age))
    }

    fn take(&mut self, delivery: Delivery) {
        let redelivered = delivery.redelivered;
        let message = self.common.message(&self.queue, delivery, &self.desk);
        if message.is_reserved() {
            let verdict = Verdict::Dead {
                why: DeathReason::Rejected,
                error: "its type is reserved".into(),
            };
            return self.aside(message, verdict);
        }
        let again = match message.id() {
            Some(id) if redelivered => self.common.seen.came_again(id),
            Some(id) => {
                self.common.seen.came(id);
                Again::Known
            }
            None if redelivered => Again::Unknown,
            None => Again::Known,
        };
        match again {
            Again::Unknown if self.common.source.names.is_some() => {
                self.set_aside(message);
            }
            Again::Done => self.aside(message, Verdict::Done),
            Again::Running(done) => {
                let common = Arc::clone(&self.common);
                self.common.running.spawn(async move {
                    tokio::select! {
                        done = done => {
                            let verdict = if done == Ok(true) { Verdict::Done } else { Verdict::Back };
                            message.settle(verdict).await;
                        }
                        () = common.stop.now.cancelled() => message.settle(Verdict::Back).await,
                    }
                });
            }
            Again::Unknown | Again::Known => {
                self.waiting.push_back(message);
                if self.due.is_none() {
                    self.due = self.due_from_now();
                }
            }
        }
    }

    /// Moves a message to where suspects are.
    fn set_aside(&self, message: Message) {
        let counts = self.lane == Lane::Suspect;
        let common = Arc::clone(&self.common);
        self.common.running.spawn(async move {
            let _moving = common.setting_aside.read().await;
            message.settle(Verdict::Suspect { counts }).await;
            message.desk().settled().await;
        });
    }

    /// Settles a message that is not to be handled.
    fn aside(&self, message: Message, verdict: Verdict) {
        self.common
            .running
            .spawn(async move { message.settle(verdict).await });
    }

    /// Stops in order: no more deliveries, what has not started goes back, what runs gets its time.
    async fn finish(mut self) {
        self.consumer.cancel(&self.channel).await;
        while let Some(delivery) = self.consumer.take_ready() {
            let message = self.common.message(&self.queue, delivery, &self.desk);
            self.waiting.push_back(message);
        }
        for message in std::mem::take(&mut self.waiting) {
            message.settle(Verdict::Back).await;
        }
        self.common.let_finish().await;
        self.channel.close().await;
    }
}

impl<H: Handler> Common<H> {
    /// Gives what runs its time.
    async fn let_finish(&self) {
        let grace_ends = self.stop.grace_ends();
        self.stop.finish(&self.running, grace_ends).await;
    }

    pub(super) fn message(&self, queue: &str, mut delivery: Delivery, desk: &Arc<Desk>) -> Message {
        let body: Bytes = std::mem::take(&mut delivery.body);
        let attempt = delivery
            .header_number(wire::HEADER_ATTEMPT)
            .and_then(|attempt| u32::try_from(attempt).ok())
            .map_or(1, |attempt| attempt.max(1));
        let trace = TraceContext::of(&delivery);
        let metadata = Metadata::of(&delivery);
        let context = Context::new(Parts {
            service: queue.to_owned().into(),
            method: "".into(),
            deadline: None,
            metadata,
            trace,
            delivery,
            cancellation: Cancellation::default(),
        });
        Message::new(context, body, attempt, Arc::clone(desk))
    }

    /// Runs the handler, and sees to it that every message is settled in the end.
    pub(super) async fn run(self: Arc<Self>, messages: Vec<Message>, _slot: OwnedSemaphorePermit) {
        let mut admitted = Vec::with_capacity(messages.len());
        for message in messages {
            if self.may_run(&message).await {
                if let Some(id) = message.id() {
                    self.seen.starts(id);
                }
                admitted.push(message);
            }
        }
        if admitted.is_empty() {
            return;
        }
        let all = admitted.clone();
        let handled = async {
            if self.source.is_aside(all[0].queue()) {
                drop(self.setting_aside.write().await);
            }
            self.handler.handle(admitted).await;
        };
        tokio::select! {
            biased;
            outcome = AssertUnwindSafe(handled).catch_unwind() => {
                let Err(panic) = outcome else {
                    return;
                };
                for message in &all {
                    let reason = panicked(&*panic).message().to_owned();
                    message.settle(Verdict::Retry { after: None, reason }).await;
                }
            }
            () = self.stop.now.cancelled() => {
                for message in all.iter().filter(|message| !message.is_settled()) {
                    message.context().cancellation().cancel();
                    message.settle(Verdict::Back).await;
                }
            }
        }
    }

    /// Whether a task with a de-duplication key is to be run; takes its lock then.
    async fn may_run(&self, message: &Message) -> bool {
        let key = message.header(wire::HEADER_DEDUP);
        let key = key.filter(|_| !self.source.dedup_window.is_zero());
        let (Some(key), Some(names)) = (key, &self.source.names) else {
            return true;
        };
        let desk = message.desk();
        let begin = once::begin(
            self.connection.shared(),
            &desk.session,
            &names.queue,
            key,
            self.source.dedup_window,
        );
        let verdict = match begin.await {
            Ok(Begin::Run(guard)) => {
                message.hold(guard);
                return true;
            }
            Ok(Begin::Done) => {
                tracing::debug!(
                    queue = message.queue(),
                    "a task was done before and is skipped"
                );
                Verdict::Done
            }
            Ok(Begin::Busy) => Verdict::Later(BUSY),
            Err(error) if error.code() == Code::Unavailable => Verdict::Later(BUSY),
            Err(error) => Verdict::Retry {
                after: None,
                reason: format!(
                    "its de-duplication key cannot be looked up: {}",
                    error.message()
                ),
            },
        };
        message.settle(verdict).await;
        false
    }
}
