//! One consumer of a worker: hands what comes to the handler, as many at once and as fast as the worker allows.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::common::Common;
use super::message::Message;
use super::pile::Pile;
use super::rate::Rate;
use super::seen::Again;
use super::settle::{Desk, Verdict};
use super::slots::Slot;
use super::source::Lane;
use crate::amqp::{Channel, Consumer, Delivery};
use crate::connection::{Attendant, Ended, Session, attend};
use crate::error::Error;
use crate::running::Ready;
use crate::tasks::DeathReason;

/// Consumes until the worker is told to stop.
pub(super) async fn serve(common: Arc<Common>, lane: Lane, ready: Ready) {
    let shared = Arc::clone(common.connection.shared());
    let at_work = Consuming { common, lane };
    let common = &at_work.common;
    attend(&shared, &common.stop.gently, ready, &at_work).await;
    common.let_finish().await;
}

struct Consuming {
    common: Arc<Common>,
    lane: Lane,
}

impl Attendant for Consuming {
    type Attached = Intake;

    fn queue(&self) -> &str {
        self.common.source.name(self.lane)
    }

    async fn attach(&self, session: &Arc<Session>) -> Result<Intake, Error> {
        let (common, lane) = (&self.common, self.lane);
        let attach = common.source.attach(session, lane, common.prefetch);
        let (queue, channel, consumer) = session.unless_lost(attach).await?;
        Ok(Intake::new(common, session, lane, queue, channel, consumer))
    }

    async fn work(&self, session: &Arc<Session>, intake: Intake) -> Ended {
        tokio::select! {
            ended = intake.run() => ended,
            () = session.lost() => Ended::Lost,
        }
    }
}

struct Intake {
    common: Arc<Common>,
    lane: Lane,
    /// Nothing else runs beside it.
    alone: bool,
    queue: String,
    desk: Arc<Desk>,
    channel: Channel,
    consumer: Consumer,
    /// Come and not started; never more than the prefetch allows.
    waiting: Pile<Message>,
    /// A slot for the next run, and when the rate allows it.
    slot: Option<Slot>,
    gate: Option<Instant>,
}

enum Event {
    Stop,
    Lost,
    Slot(Slot),
    Time,
    Delivery(Box<Delivery>),
}

impl Intake {
    fn new(
        common: &Arc<Common>,
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
            // Then its end is nobody else's doing.
            alone: lane == Lane::Suspect,
            queue,
            desk: Arc::new(desk),
            channel,
            consumer,
            // What may end its worker takes no others with it.
            waiting: Pile::new(common.batch.filter(|_| lane == Lane::Main)),
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
        let has_run = self.waiting.has_run(Instant::now());
        let wants_slot = self.slot.is_none() && has_run;
        let due = || self.waiting.due().filter(|_| !has_run);
        let time = self.gate.or_else(due);
        tokio::select! {
            biased;
            () = self.common.stop.gently.cancelled() => Event::Stop,
            () = self.desk.broken.cancelled() => Event::Lost,
            slot = self.common.slots.take(self.alone), if wants_slot => {
                slot.map_or(Event::Lost, Event::Slot)
            }
            () = sleep_until(time.unwrap_or_else(Instant::now)), if time.is_some() => Event::Time,
            delivery = self.consumer.next() => delivery.map_or(Event::Lost, |delivery| Event::Delivery(Box::new(delivery))),
        }
    }

    fn start_what_may_run(&mut self) {
        while self.waiting.has_run(Instant::now()) && self.gate.is_none() {
            let slot = self.slot.take();
            let slot = slot.or_else(|| self.common.slots.try_take(self.alone));
            let Some(slot) = slot else {
                return;
            };
            if let Some(Err(when)) = self.common.rate.as_ref().map(Rate::take) {
                (self.slot, self.gate) = (Some(slot), Some(when));
                return;
            }
            let run = self.waiting.take();
            let common = Arc::clone(&self.common);
            common.running.clone().spawn(async move {
                let mut slot = slot;
                common.run(run, &mut slot).await;
            });
        }
        if !self.waiting.has_run(Instant::now()) {
            // Others may need it; the next run asks again.
            self.slot = None;
        }
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
            Some(id) if redelivered => self.common.seen.came_again(id, message.attempt()),
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
            Again::Unknown | Again::Known => self.waiting.push(message, Instant::now()),
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
            self.take(delivery);
        }
        // Beside what runs: the grace time is one for both.
        let (desk, waiting) = (Arc::clone(&self.desk), self.waiting.take_all());
        let give_back = async move { desk.give_back(waiting).await };
        self.common.running.spawn(give_back);
        self.common.let_finish().await;
        self.channel.close().await;
    }
}
