//! The delivery loop of one consumer: takes requests, starts as many as may run at once, stops in order.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::dispatch::Dispatcher;
use super::job::{Desk, Job};
use crate::amqp::{Channel, Consumer};
use crate::connection::Ended;
use crate::stop::Stop;

/// How long answers may take to leave after the grace time.
const FLUSH_TIME: Duration = Duration::from_secs(2);

pub(super) struct Intake {
    dispatcher: Arc<Dispatcher>,
    desk: Arc<Desk>,
    channel: Channel,
    consumer: Consumer,
    /// Handlers of this and of earlier consumers.
    running: TaskTracker,
}

enum Event {
    Job(Box<Job>),
    Slot(OwnedSemaphorePermit),
    Ended,
}

impl Intake {
    pub(super) fn new(
        dispatcher: Arc<Dispatcher>,
        desk: Desk,
        channel: Channel,
        consumer: Consumer,
        running: TaskTracker,
    ) -> Self {
        Self {
            dispatcher,
            desk: Arc::new(desk),
            channel,
            consumer,
            running,
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        // Admitted and waiting for a slot; never more than the prefetch allows.
        let mut waiting = VecDeque::new();
        let (dispatcher, desk) = (Arc::clone(&self.dispatcher), Arc::clone(&self.desk));
        let mut stopped = pin!(dispatcher.stop.gently.cancelled());
        let mut broken = pin!(desk.broken.cancelled());
        loop {
            let event = tokio::select! {
                biased;
                () = &mut stopped => {
                    self.finish(waiting).await;
                    return Ended::Stopped;
                }
                () = &mut broken => Event::Ended,
                slot = Arc::clone(&dispatcher.slots).acquire_owned(), if !waiting.is_empty() => {
                    slot.map_or(Event::Ended, Event::Slot)
                }
                job = next(&mut self.consumer, &dispatcher, &desk) => job.map_or(Event::Ended, Event::Job),
            };
            match event {
                Event::Job(job) if waiting.is_empty() => {
                    match Arc::clone(&dispatcher.slots).try_acquire_owned() {
                        Ok(slot) => self.start(job, slot).await,
                        Err(_) => waiting.push_back(job),
                    }
                }
                Event::Job(job) => waiting.push_back(job),
                Event::Slot(slot) => {
                    if let Some(job) = waiting.pop_front() {
                        self.start(job, slot).await;
                    }
                }
                // What waits was never acknowledged: the broker delivers it again.
                Event::Ended => return Ended::Lost,
            }
            tokio::task::consume_budget().await;
        }
    }

    async fn start(&self, job: Box<Job>, slot: OwnedSemaphorePermit) {
        let pace = self
            .dispatcher
            .paces
            .get(job.method)
            .filter(|pace| pace.in_place());
        let Some(pace) = pace else {
            self.running
                .spawn(Arc::clone(&self.dispatcher).run(job, slot.into()));
            return;
        };
        let mut run = Box::pin(Arc::clone(&self.dispatcher).run(job, slot.into()));
        let began = Instant::now();
        let outcome = futures_util::poll!(run.as_mut());
        pace.took(began.elapsed());
        if outcome.is_pending() {
            self.running.spawn(run);
        }
    }

    /// Stops in order: no more deliveries, what has not started goes back, what runs gets its time.
    async fn finish(mut self, waiting: VecDeque<Box<Job>>) {
        self.consumer.cancel(&self.channel).await;
        let late = std::iter::from_fn(|| self.consumer.take_ready())
            .filter_map(|delivery| self.dispatcher.admit(delivery, &self.desk))
            .collect::<Vec<_>>();
        for job in waiting.into_iter().chain(late) {
            // What goes back is marked as redelivered, which nobody would run then.
            if job.now_or_never {
                let dispatcher = Arc::clone(&self.dispatcher);
                let slots = Arc::clone(&dispatcher.slots);
                self.running.spawn(dispatcher.run_last(job, slots));
            } else {
                self.desk.acks.requeue(job.context.delivery().tag);
            }
        }
        finish_in_time(&self.dispatcher.stop, &self.running, &self.desk).await;
        self.channel.close().await;
    }
}

/// Lets what runs end within the grace time, and its answers leave.
pub(super) async fn finish_in_time(stop: &Stop, running: &TaskTracker, desk: &Desk) {
    let grace_ends = stop.grace_ends();
    tokio::select! {
        () = stop.finish(running, grace_ends) => {}
        () = desk.settle() => {}
    }
    // A broker under alarm takes no answers. Their requests are still unacknowledged and go back.
    tokio::select! {
        () = desk.drained() => {}
        () = async {
            stop.no_more_grace(grace_ends).await;
            sleep(FLUSH_TIME).await;
        } => {}
    }
}

/// The next delivery that is a request; `None` when the consumer has ended.
pub(super) async fn next(
    consumer: &mut Consumer,
    dispatcher: &Dispatcher,
    desk: &Arc<Desk>,
) -> Option<Box<Job>> {
    // What is answered in this loop is seen by it anyway.
    desk.do_not_wake();
    std::future::poll_fn(|cx| {
        loop {
            match consumer.poll_next(cx) {
                Poll::Ready(Some(delivery)) => {
                    if let Some(job) = dispatcher.admit(delivery, desk) {
                        return Poll::Ready(Some(job));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    // Here rather than in a task of its own: whatever wakes this task has often
                    // written answers too.
                    desk.poll_settle(cx);
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}
