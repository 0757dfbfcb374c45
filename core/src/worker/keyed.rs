//! Works on the partitions of a queue whose tasks are ordered by key. Which partitions is decided in
//! `partition/ownership.rs`; the order within one is kept by its lanes, in which a task that has failed waits for its next
//! attempt too, before all others of its key.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, oneshot};
use tokio::time::{sleep, sleep_until};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::consumer::{Common, Handler};
use super::marks::Marks;
use super::message::Message;
use super::rate::Rate;
use super::seen::Again;
use super::settle::{Desk, Verdict};
use crate::amqp::{Channel, Consumer};
use crate::error::Error;
use crate::partition::{Held, InLane, Lanes, Owner, PartitionSet, own};
use crate::tasks::{DeathReason, Names};
use crate::wire;

struct Keyed<H> {
    common: Arc<Common<H>>,
    /// One for each partition.
    lanes: Vec<Lanes<Waiting>>,
}

/// A task that has not begun.
struct Waiting {
    message: Message,
    /// Counts it among those that its consumer waits for.
    _token: TaskTrackerToken,
    /// For its first run, when nothing else may run beside it.
    alone: Option<Alone>,
}

/// It may have ended the owner before, and is marked while it runs.
struct Alone {
    marks: Arc<Mutex<Marks>>,
    /// Told when it has run.
    over: oneshot::Sender<()>,
}

impl Waiting {
    fn new(message: Message, given: &TaskTracker) -> Self {
        Self {
            message,
            _token: given.token(),
            alone: None,
        }
    }
}

impl InLane for Waiting {
    fn key(&self) -> &str {
        self.message.header(wire::HEADER_KEY).unwrap_or_default()
    }
}

/// Works until the worker is told to stop.
pub(super) async fn serve<H: Handler>(
    common: Arc<Common<H>>,
    names: Names,
    partitions: u16,
    ready: oneshot::Sender<Result<(), Error>>,
) {
    let marks = (0..partitions).map(|partition| names.marks(partition));
    let beside = std::iter::once(names.dead.clone()).chain(marks);
    let set = PartitionSet {
        base: names.queue.clone(),
        partitions,
        options: names.options().clone(),
        prefetch: common.prefetch,
        beside: beside.map(|queue| (queue, names.beside())).collect(),
    };
    let keyed = Arc::new(Keyed {
        lanes: std::iter::repeat_with(Lanes::default)
            .take(partitions.into())
            .collect(),
        common: Arc::clone(&common),
    });
    own(
        common.connection.shared(),
        &set,
        &keyed,
        &common.stop.gently,
        ready,
    )
    .await;
    let grace_ends = common.stop.grace_ends();
    common.stop.finish(&common.running, grace_ends).await;
}

impl<H: Handler> Owner for Keyed<H> {
    async fn attend(self: Arc<Self>, held: Held) {
        let (partition, session) = (held.partition, Arc::clone(&held.session));
        let desk = Arc::new(Desk::new(&self.common, &session, &held.channel, true));
        let work = Arc::clone(&self).work(held, Arc::clone(&desk));
        if let Err(error) = session.unless_lost(work).await {
            tracing::warn!(%error, partition, "the partition cannot be worked on now");
        }
        // What has not begun will be delivered again, to whoever has the partition then.
        desk.broken.cancel();
    }
}

impl<H: Handler> Keyed<H> {
    async fn work(self: Arc<Self>, held: Held, desk: Arc<Desk>) -> Result<(), Error> {
        let Held {
            partition,
            session,
            channel,
            mut consumer,
            give_up,
        } = held;
        let (Some(names), Some(lanes)) = (
            &self.common.source.names,
            self.lanes.get(usize::from(partition)),
        ) else {
            return Ok(());
        };
        names.declare_dead(&session).await?;
        let marks = Marks::read(&session, names.marks(partition), names.beside()).await?;
        let queue = names.partition(partition);
        // What this consumer has been given and is not done with.
        let given = TaskTracker::new();
        let mut ends = pin!(async {
            tokio::select! {
                () = self.common.stop.gently.cancelled() => {}
                () = give_up.cancelled() => {}
            }
        });
        let mut careful = Some(Arc::new(Mutex::new(marks)));
        loop {
            let delivery = tokio::select! {
                biased;
                () = &mut ends => break,
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else {
                // Nothing more begins; what runs is waited for, because others may have the partition then.
                desk.broken.cancel();
                given.close();
                given.wait().await;
                return Ok(());
            };
            // What the owner before has left comes first; it may hold what has ended that owner.
            if !delivery.redelivered {
                careful = None;
            }
            let message = self.common.message(&queue, delivery, &desk);
            if message.is_reserved() {
                let verdict = Verdict::Dead {
                    why: DeathReason::Rejected,
                    error: "its type is reserved".into(),
                };
                message.settle(verdict).await;
                continue;
            }
            let waiting = Waiting::new(message, &given);
            match &careful {
                None => drop(self.enter(partition, lanes, waiting)),
                Some(marks) => {
                    let marks = Arc::clone(marks);
                    self.run_alone(partition, lanes, marks, waiting).await;
                }
            }
            tokio::task::consume_budget().await;
        }
        self.finish(partition, lanes, consumer, &channel, &desk, &given)
            .await;
        Ok(())
    }

    /// False when it is behind others of its key.
    fn enter(self: &Arc<Self>, partition: u16, lanes: &Lanes<Waiting>, waiting: Waiting) -> bool {
        let Some(key) = lanes.enter(waiting) else {
            return false;
        };
        let running = &self.common.running;
        running.spawn(Arc::clone(self).drive(partition, key));
        true
    }

    /// Runs the tasks of a lane one after another, until there is none.
    async fn drive(self: Arc<Self>, partition: u16, key: Arc<str>) {
        let Some(lanes) = self.lanes.get(usize::from(partition)) else {
            return;
        };
        while lanes.goes_on(&key) {
            let Some(mut waiting) = lanes.next(&key) else {
                continue;
            };
            if !self.run(&mut waiting).await {
                // What is behind it must not pass it, whoever begins with it next.
                let desk = Arc::clone(waiting.message.desk());
                let behind = |waiting: &Waiting| {
                    waiting.key() == &*key && Arc::ptr_eq(waiting.message.desk(), &desk)
                };
                drop(lanes.retract(behind));
            }
        }
    }

    /// Runs a task that was delivered before, with nothing beside it that could be what ended the owner before.
    async fn run_alone(
        self: &Arc<Self>,
        partition: u16,
        lanes: &Lanes<Waiting>,
        marks: Arc<Mutex<Marks>>,
        mut waiting: Waiting,
    ) {
        let (common, message) = (&self.common, waiting.message.clone());
        // Whoever is alive and has had it before was not ended by it.
        let known = message
            .id()
            .is_some_and(|id| !matches!(common.seen.came_again(id), Again::Unknown));
        if known {
            self.enter(partition, lanes, waiting);
            return;
        }
        let (deaths, attempts) = (
            marks.lock().await.deaths(&message),
            common.source.retry.attempts,
        );
        if deaths >= attempts {
            let verdict = Verdict::Dead {
                why: DeathReason::Crashed,
                error: format!("the worker that ran it ended {deaths} times"),
            };
            message.settle(verdict).await;
            clear(&mut *marks.lock().await, &message).await;
            return;
        }
        let (over, is_over) = oneshot::channel();
        waiting.alone = Some(Alone { marks, over });
        // Behind one that rests it would be waited for as long, and what has other keys need not.
        if self.enter(partition, lanes, waiting) {
            let _ = is_over.await;
        }
    }

    /// Runs a task as often as it is to be run, and settles it. False when it is left to the next owner.
    async fn run(&self, waiting: &mut Waiting) -> bool {
        let (common, stop) = (&self.common, &self.common.stop);
        let message = waiting.message.clone();
        let desk = message.desk();
        if let Some(id) = message.id() {
            // Behind a handler that outlived its session: it may have been done meanwhile, or failed.
            if message.redelivered() {
                if matches!(common.seen.came_again(id), Again::Done) {
                    message.settle(Verdict::Done).await;
                    return true;
                }
                message.resume_at(common.seen.attempt(id));
            } else {
                common.seen.came(id);
            }
        }
        loop {
            // All of them only when its turn has come: those before it in its lane need one too.
            let slots = if waiting.alone.is_some() {
                common.concurrency
            } else {
                1
            };
            let may_start = async {
                let all = Arc::clone(&common.slots);
                let slot = all.acquire_many_owned(slots.into()).await.ok()?;
                while let Some(Err(when)) = common.rate.as_ref().map(Rate::take) {
                    sleep_until(when).await;
                }
                Some(slot)
            };
            let slot = tokio::select! {
                biased;
                () = desk.broken.cancelled() => return false,
                // One before it may have been left to the next owner already.
                () = stop.gently.cancelled() => return false,
                () = stop.now.cancelled() => return false,
                slot = may_start => slot,
            };
            let Some(slot) = slot else {
                return false;
            };
            match waiting.alone.take() {
                None => Arc::clone(common).run(vec![message.clone()], slot).await,
                Some(Alone { marks, over }) => {
                    self.run_marked(&marks, &message, slot).await;
                    let _ = over.send(());
                }
            }
            let Some(rest) = message.take_rest() else {
                return true;
            };
            if let Some(id) = message.id() {
                common.seen.failed(id, message.attempt());
            }
            tokio::select! {
                () = sleep(rest) => {}
                () = desk.broken.cancelled() => return false,
                () = desk.leaving.cancelled() => return false,
                () = stop.gently.cancelled() => return false,
            }
        }
    }

    async fn run_marked(
        &self,
        marks: &Mutex<Marks>,
        message: &Message,
        slots: OwnedSemaphorePermit,
    ) {
        let common = &self.common;
        // Until they are cleared: the next one's mark must not go with them.
        let mut marks = marks.lock().await;
        if let Err(error) = marks.mark(common.connection.shared(), message).await {
            tracing::warn!(queue = message.queue(), %error, "a task cannot be marked and is run without");
        }
        Arc::clone(common).run(vec![message.clone()], slots).await;
        clear(&mut marks, message).await;
    }

    /// Gives a partition up in order: nothing more comes, all that came is finished, or at a stop goes back.
    async fn finish(
        self: &Arc<Self>,
        partition: u16,
        lanes: &Lanes<Waiting>,
        mut consumer: Consumer,
        channel: &Channel,
        desk: &Arc<Desk>,
        given: &TaskTracker,
    ) {
        let Some(names) = &self.common.source.names else {
            return;
        };
        consumer.cancel(channel).await;
        let queue = names.partition(partition);
        let late = std::iter::from_fn(|| consumer.take_ready());
        let late: Vec<_> = late
            .map(|delivery| self.common.message(&queue, delivery, desk))
            .collect();
        for message in late {
            self.enter(partition, lanes, Waiting::new(message, given));
        }
        desk.leaving.cancel();
        given.close();
        let stop = &self.common.stop;
        tokio::select! {
            biased;
            () = stop.gently.cancelled() => {}
            () = given.wait() => return,
        }
        let ours = |waiting: &Waiting| Arc::ptr_eq(waiting.message.desk(), desk);
        // They are back when the channel is closed, in their order.
        drop(lanes.retract(ours));
        let grace_ends = stop.grace_ends();
        stop.finish(given, grace_ends).await;
    }
}

async fn clear(marks: &mut Marks, message: &Message) {
    if let Err(error) = marks.clear(message).await {
        tracing::debug!(%error, "marks stay, and count against what is delivered again");
    }
}
