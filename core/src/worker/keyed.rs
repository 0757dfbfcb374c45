//! Works on the partitions of a queue whose tasks are ordered by key. Which partitions is decided in
//! `partition/ownership.rs`; the order within one is kept by its lanes, in which a task that has failed waits for its next
//! attempt too, before all others of its key.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::consumer::{Common, Handler};
use super::marks::Marks;
use super::message::Message;
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
    let grace_ends = Instant::now() + common.stop.grace;
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
        let mut careful = Some(marks);
        loop {
            let delivery = tokio::select! {
                biased;
                () = &mut ends => break,
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else {
                return Ok(());
            };
            // What the owner before has left comes first; it may hold what has ended that owner.
            if !delivery.redelivered {
                careful = None;
            }
            let message = self.common.message(&queue, delivery, &desk);
            match careful.take() {
                None => self.enter(partition, lanes, message, &given),
                Some(marks) => {
                    // A task of its own, which goes on when the session is lost.
                    let alone = Arc::clone(&self).run_alone(partition, marks, message);
                    careful = self.common.running.spawn(alone).await.ok();
                }
            }
            tokio::task::consume_budget().await;
        }
        self.finish(partition, lanes, consumer, &channel, &desk, &given)
            .await;
        Ok(())
    }

    fn enter(
        self: &Arc<Self>,
        partition: u16,
        lanes: &Lanes<Waiting>,
        message: Message,
        given: &TaskTracker,
    ) {
        let waiting = Waiting {
            message,
            _token: given.token(),
        };
        if let Some(key) = lanes.enter(waiting) {
            let running = &self.common.running;
            running.spawn(Arc::clone(self).drive(partition, key));
        }
    }

    /// Runs the tasks of a lane one after another, until there is none.
    async fn drive(self: Arc<Self>, partition: u16, key: Arc<str>) {
        let Some(lanes) = self.lanes.get(usize::from(partition)) else {
            return;
        };
        while lanes.goes_on(&key) {
            let Some(waiting) = lanes.next(&key) else {
                continue;
            };
            self.run(&waiting.message).await;
        }
    }

    /// Runs a task that was delivered before, while no other that has come since runs.
    async fn run_alone(
        self: Arc<Self>,
        partition: u16,
        mut marks: Marks,
        message: Message,
    ) -> Marks {
        let Some(lanes) = self.lanes.get(usize::from(partition)) else {
            return marks;
        };
        let (deaths, attempts) = (marks.deaths(&message), self.common.source.retry.attempts);
        // Whoever is alive and has had it before was not ended by it.
        let known = message
            .id()
            .is_some_and(|id| !matches!(self.common.seen.came_again(id), Again::Unknown));
        if !known && deaths >= attempts {
            let verdict = Verdict::Dead {
                why: DeathReason::Crashed,
                error: format!("the worker that ran it ended {deaths} times"),
            };
            message.settle(verdict).await;
        } else {
            let shared = self.common.connection.shared();
            if !known && let Err(error) = marks.mark(shared, &message).await {
                tracing::warn!(queue = message.queue(), %error, "a task cannot be marked and is run without");
            }
            // In its lane: a handler of this key may have outlived its session.
            let alone = TaskTracker::new();
            self.enter(partition, lanes, message, &alone);
            alone.close();
            alone.wait().await;
        }
        if !known && let Err(error) = marks.clear().await {
            tracing::debug!(%error, "marks stay, and count against what is delivered again");
        }
        marks
    }

    /// Runs a task as often as it is to be run, and settles it.
    async fn run(&self, message: &Message) {
        let (common, stop) = (&self.common, &self.common.stop);
        let desk = message.desk();
        // Behind a handler that outlived its session: it may have been done meanwhile.
        let done = message
            .id()
            .is_some_and(|id| matches!(common.seen.came_again(id), Again::Done));
        if done && message.redelivered() {
            return message.settle(Verdict::Done).await;
        }
        if let Some(id) = message.id() {
            common.seen.came(id);
        }
        loop {
            let may_start = async {
                let slot = Arc::clone(&common.slots).acquire_owned().await.ok()?;
                while let Some(Err(when)) = common.rate.as_ref().map(|rate| rate.take()) {
                    sleep_until(when).await;
                }
                Some(slot)
            };
            let slot = tokio::select! {
                biased;
                () = desk.broken.cancelled() => return,
                () = stop.now.cancelled() => None,
                slot = may_start => slot,
            };
            let Some(slot) = slot else {
                return message.settle(Verdict::Back).await;
            };
            Arc::clone(common).run(vec![message.clone()], slot).await;
            let Some(rest) = message.take_rest() else {
                return;
            };
            tokio::select! {
                () = sleep(rest) => {}
                () = desk.broken.cancelled() => return,
                // The next owner begins with it, from its first attempt.
                () = stop.gently.cancelled() => return message.settle(Verdict::Back).await,
            }
        }
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
            self.enter(partition, lanes, message, given);
        }
        given.close();
        let stop = &self.common.stop;
        tokio::select! {
            biased;
            () = stop.gently.cancelled() => {}
            () = given.wait() => return,
        }
        let ours = |waiting: &Waiting| Arc::ptr_eq(waiting.message.desk(), desk);
        for waiting in lanes.retract(ours) {
            waiting.message.settle(Verdict::Back).await;
        }
        let grace_ends = Instant::now() + stop.grace;
        stop.finish(given, grace_ends).await;
    }
}
