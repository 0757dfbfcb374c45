//! Works on the partitions of a queue whose tasks are ordered by key. Which partitions is decided in
//! `partition/ownership.rs`; the order within one is kept by its lanes, in which a task that has failed waits for its next
//! attempt too, before all others of its key.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, sleep_until};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::common::Common;
use super::marks::Marks;
use super::message::Message;
use super::rate::Rate;
use super::seen::{Again, End};
use super::settle::{Desk, Verdict};
use super::slots::Slot;
use crate::amqp::Delivery;
use crate::error::Error;
use crate::partition::{Held, InLane, Lanes, Owner, PartitionSet, own};
use crate::running::Ready;
use crate::tasks::{DeathReason, Names};
use crate::wire;

struct Keyed {
    common: Arc<Common>,
    /// One for each partition.
    lanes: Vec<Lanes<Waiting>>,
    /// By this the marks of this process are known.
    signature: String,
}

/// A task that has not begun.
struct Waiting {
    message: Message,
    /// Counts it among those that its consumer waits for.
    _token: TaskTrackerToken,
    /// Where it is marked, if it may have ended the owner before: nothing else runs beside it then.
    suspect: Option<Arc<Marks>>,
}

impl InLane for Waiting {
    fn key(&self) -> &str {
        self.message.header(wire::HEADER_KEY).unwrap_or_default()
    }
}

/// Works until the worker is told to stop.
pub(super) async fn serve(common: Arc<Common>, names: Names, partitions: u16, ready: Ready) {
    let marks = (0..partitions).map(|partition| names.marks(partition));
    let beside = std::iter::once(names.dead.clone()).chain(marks);
    let set = PartitionSet {
        base: names.queue.clone(),
        partitions,
        options: names.options().clone(),
        prefetch: common.prefetch,
        beside: beside.map(|queue| (queue, names.beside())).collect(),
        delays: Some(names.delays.clone()),
    };
    let keyed = Arc::new(Keyed {
        lanes: std::iter::repeat_with(Lanes::default)
            .take(partitions.into())
            .collect(),
        common: Arc::clone(&common),
        signature: wire::random_name(),
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

impl Owner for Keyed {
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

impl Keyed {
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
        let (marks, beside) = (names.marks(partition), names.beside());
        let marks = Marks::read(&session, marks, beside, &self.signature).await?;
        let mut holding = Holding {
            keyed: Arc::clone(&self),
            partition,
            queue: names.partition(partition),
            lanes,
            desk,
            given: TaskTracker::new(),
            marks: Arc::new(marks),
            behind: true,
        };
        let mut ends = pin!(async {
            tokio::select! {
                () = self.common.stop.gently.cancelled() => {}
                () = give_up.cancelled() => {}
            }
        });
        loop {
            let delivery = tokio::select! {
                biased;
                () = &mut ends => break,
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else {
                // Nothing more begins; what runs is waited for, because others may have the partition then.
                holding.desk.broken.cancel();
                holding.let_end().await;
                return Ok(());
            };
            holding.take(delivery);
            tokio::task::consume_budget().await;
        }
        consumer.cancel(&channel).await;
        while let Some(late) = consumer.take_ready() {
            holding.take(late);
        }
        holding.finish().await;
        Ok(())
    }

    /// Whether this process has had a task before: whoever is alive was not ended by it.
    fn knows(&self, message: &Message) -> bool {
        let seen = &self.common.seen;
        message
            .id()
            .is_some_and(|id| !matches!(seen.came_again(id, message.attempt()), Again::Unknown))
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
                let behind = lanes.retract(behind);
                leave(behind.iter().chain([&waiting]));
            }
        }
    }

    /// Runs a task as often as it is to be run, and settles it. False when it is left to the next owner.
    async fn run(&self, waiting: &mut Waiting) -> bool {
        let (common, stop) = (&self.common, &self.common.stop);
        let mut message = waiting.message.clone();
        let desk = Arc::clone(message.desk());
        if message.is_reserved() {
            let verdict = Verdict::Dead {
                why: DeathReason::Rejected,
                error: "its type is reserved".into(),
            };
            message.settle(verdict).await;
            return !message.is_left();
        }
        if let Some(id) = message.id() {
            // Behind a handler that outlived its session: it may have been done meanwhile, or failed.
            if message.redelivered()
                && matches!(common.seen.came_again(id, message.attempt()), Again::Done)
            {
                message.settle(Verdict::Done).await;
                return true;
            }
            let failed = common.seen.attempt(id).filter(|_| message.redelivered());
            common.seen.came(id);
            if let Some(next) = failed.filter(|&next| next > message.attempt()) {
                message = message.again(next);
            }
        }
        loop {
            // Taken when it has its turn: in its lane it would hold them against the one before it.
            let alone = waiting.suspect.is_some();
            let may_start = async {
                let slot = common.slots.take(alone).await?;
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
                slot = may_start => slot,
            };
            let Some(mut slot) = slot else {
                return false;
            };
            let rest = match &waiting.suspect {
                None => self.run_once(&message, &mut slot).await,
                Some(marks) => self.run_marked(&message, marks, &mut slot).await,
            };
            drop(slot);
            let Some((rest, next)) = rest else {
                return !message.is_left();
            };
            message = message.again(next);
            if let Some(id) = message.id() {
                common.seen.failed(id, next);
                common.seen.ends(id, End::Back);
            }
            tokio::select! {
                () = sleep(rest) => {}
                () = desk.broken.cancelled() => return false,
                () = desk.leaving.cancelled() => return false,
                () = stop.gently.cancelled() => return false,
            }
        }
    }

    /// Says for how long it rests, if it is to be run again, and as which attempt then.
    async fn run_once(&self, message: &Message, slot: &mut Slot) -> Option<(Duration, u32)> {
        self.common.run(vec![message.clone()], slot).await;
        message.take_rest()
    }

    /// The same with nothing beside it, so that the end of this process would be its doing.
    async fn run_marked(
        &self,
        message: &Message,
        marks: &Marks,
        slot: &mut Slot,
    ) -> Option<(Duration, u32)> {
        let (deaths, attempts) = (marks.deaths(message), self.common.source.retry.attempts);
        let rest = if deaths >= attempts {
            let verdict = Verdict::Dead {
                why: DeathReason::Crashed,
                error: format!("the worker that ran it ended {deaths} times"),
            };
            message.settle(verdict).await;
            None
        } else {
            let shared = self.common.connection.shared();
            tokio::select! {
                biased;
                marked = marks.mark(shared, message) => {
                    if let Err(error) = marked {
                        tracing::warn!(queue = message.queue(), %error, "a task cannot be marked and is run without");
                    }
                    self.run_once(message, slot).await
                }
                // A broker that takes no publishes would hold everything up for as long as a mark may take.
                () = self.common.stop.gently.cancelled() => left(message),
                () = message.desk().broken.cancelled() => left(message),
            }
        };
        let swept = if rest.is_some() || message.is_left() {
            marks.survived().await
        } else {
            marks.settled(message).await
        };
        if let Err(error) = swept {
            tracing::debug!(%error, "marks stay, and count against what is delivered again");
        }
        rest
    }
}

/// A partition that is this instance's, and what has come of it.
struct Holding<'a> {
    keyed: Arc<Keyed>,
    partition: u16,
    queue: String,
    lanes: &'a Lanes<Waiting>,
    desk: Arc<Desk>,
    /// What its consumer has been given and is not done with.
    given: TaskTracker,
    marks: Arc<Marks>,
    /// All that has come was with the owner before, so what comes next may be too.
    behind: bool,
}

/// It is not begun.
fn left(message: &Message) -> Option<(Duration, u32)> {
    message.leave();
    None
}

/// Notes what goes back with its channel.
fn leave<'a>(waiting: impl IntoIterator<Item = &'a Waiting>) {
    for waiting in waiting {
        let desk = waiting.message.desk();
        desk.left.store(true, Ordering::Release);
        if waiting.suspect.is_some() {
            desk.suspects_left.store(true, Ordering::Release);
        }
    }
}

impl Holding<'_> {
    fn take(&mut self, delivery: Delivery) {
        let keyed = &self.keyed;
        // What the owner before has left comes first, but for priorities; it may hold what has ended that owner.
        self.behind &= delivery.redelivered;
        let had = delivery.redelivered && !self.marks.in_order();
        let message = keyed.common.message(&self.queue, delivery, &self.desk);
        let suspect = self.marks.deaths(&message) > 0 || (had && !keyed.knows(&message));
        let waiting = Waiting {
            message,
            _token: self.given.token(),
            suspect: suspect.then(|| Arc::clone(&self.marks)),
        };
        if let Some(key) = self.lanes.enter(waiting) {
            let running = &keyed.common.running;
            running.spawn(Arc::clone(keyed).drive(self.partition, key));
        }
    }

    /// Gives the partition up in order: all that came is finished, or at a stop goes back.
    async fn finish(self) {
        self.desk.leaving.cancel();
        self.given.close();
        tokio::select! {
            biased;
            () = self.keyed.common.stop.gently.cancelled() => {}
            () = self.given.wait() => {}
        }
        // They are back when the channel is closed, in their order.
        let ours = |waiting: &Waiting| Arc::ptr_eq(waiting.message.desk(), &self.desk);
        leave(&self.lanes.retract(ours));
        self.let_end().await;
        let left = self.desk.left.load(Ordering::Acquire) || self.behind;
        let suspects = self.desk.suspects_left.load(Ordering::Acquire) || self.is_careful();
        if left && !suspects {
            let shared = self.keyed.common.connection.shared();
            self.marks.leave_in_order(shared).await;
        }
    }

    /// Whether what was delivered before may have ended the owner before.
    fn is_careful(&self) -> bool {
        self.behind && !self.marks.in_order()
    }

    /// Waits for what has begun, at a stop for no longer than the grace time.
    async fn let_end(&self) {
        self.given.close();
        let stop = &self.keyed.common.stop;
        tokio::select! {
            biased;
            () = self.given.wait() => {}
            () = stop.gently.cancelled() => {
                let grace_ends = stop.grace_ends();
                stop.finish(&self.given, grace_ends).await;
            }
        }
    }
}
