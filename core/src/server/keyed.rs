//! Serves the partitions of a service, for its methods that are ordered by key. Which partitions is decided in
//! `partition/ownership.rs`; the order within one is kept by [`Lanes`].

use std::pin::pin;
use std::sync::Arc;

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::consume::{finish_in_time, next};
use super::dispatch::Dispatcher;
use super::job::{Desk, Job};
use crate::amqp::{Channel, Consumer};
use crate::connection::Shared;
use crate::partition::{Held, InLane, Lanes, Owner, PartitionSet, own};
use crate::running::Ready;
use crate::service::Slot;

#[derive(Debug)]
struct Keyed {
    dispatcher: Arc<Dispatcher>,
    /// One for each partition.
    lanes: Vec<Lanes<Waiting>>,
    /// All lanes that are driven, those of earlier sessions too.
    running: TaskTracker,
}

/// A request that has not begun.
#[derive(Debug)]
struct Waiting {
    job: Box<Job>,
    /// Counts it among those that its consumer waits for.
    token: TaskTrackerToken,
}

impl InLane for Waiting {
    fn key(&self) -> &str {
        self.job.key()
    }
}

/// The dispatcher's queue is the one beside which the partitions stand.
pub(super) async fn serve(
    shared: Arc<Shared>,
    dispatcher: Arc<Dispatcher>,
    partitions: u16,
    ready: Ready,
) {
    let config = &dispatcher.config;
    let set = PartitionSet {
        base: config.name.clone(),
        partitions,
        options: config.options.clone(),
        prefetch: config.prefetch,
        beside: Vec::new(),
        delays: None,
    };
    let keyed = Arc::new(Keyed {
        lanes: std::iter::repeat_with(Lanes::default)
            .take(partitions.into())
            .collect(),
        running: TaskTracker::new(),
        dispatcher: Arc::clone(&dispatcher),
    });
    own(&shared, &set, &keyed, &dispatcher.stop.gently, ready).await;
    // A stop without a connection has nobody to answer, but handlers get their time all the same.
    let grace_ends = dispatcher.stop.grace_ends();
    dispatcher.stop.finish(&keyed.running, grace_ends).await;
}

impl Owner for Keyed {
    async fn attend(self: Arc<Self>, held: Held) {
        let Held {
            partition,
            session,
            channel,
            mut consumer,
            give_up,
        } = held;
        let replies = match session.unless_lost(session.publish.channel()).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!(%error, partition, "the partition cannot be served now");
                return;
            }
        };
        let desk = Arc::new(Desk::new(channel.clone(), replies, Some(partition)));
        // What this consumer has been given and is not done with.
        let given = TaskTracker::new();
        let mut ends = pin!(async {
            tokio::select! {
                () = self.dispatcher.stop.gently.cancelled() => true,
                () = give_up.cancelled() => true,
                () = desk.broken.cancelled() => false,
                () = session.lost() => false,
            }
        });
        let in_order = loop {
            tokio::select! {
                biased;
                in_order = &mut ends => break in_order,
                job = next(&mut consumer, &self.dispatcher, &desk) => match job {
                    Some(job) => {
                        let fresh = self.enter(job, &given);
                        self.drive_all(partition, fresh);
                    }
                    None => break false,
                },
            }
            tokio::task::consume_budget().await;
        };
        if in_order {
            tokio::select! {
                () = self.finish(consumer, &channel, &desk, &given) => {}
                () = desk.broken.cancelled() => {}
                () = session.lost() => {}
            }
        } else {
            // No more is to come that would only be delivered again.
            drop(consumer);
        }
        // What has not begun will be delivered again, to whoever has the partition then.
        desk.broken.cancel();
        tokio::select! {
            () = self.let_end(&desk, &given) => {}
            // Others have the partition by now.
            () = session.lost() => {}
        }
    }
}

impl Keyed {
    /// Puts a request into its lane; returns the key of a lane that nobody drives yet.
    fn enter(&self, job: Box<Job>, given: &TaskTracker) -> Option<Arc<str>> {
        let lanes = self.lanes_of(&job.desk)?;
        let token = given.token();
        lanes.enter(Waiting { job, token })
    }

    fn lanes_of(&self, desk: &Desk) -> Option<&Lanes<Waiting>> {
        self.lanes.get(usize::from(desk.partition?))
    }

    fn drive_all(self: &Arc<Self>, partition: u16, keys: impl IntoIterator<Item = Arc<str>>) {
        for key in keys {
            self.running.spawn(Arc::clone(self).drive(partition, key));
        }
    }

    /// Runs the requests of a lane one after another, until there is none.
    async fn drive(self: Arc<Self>, partition: u16, key: Arc<str>) {
        let Some(lanes) = self.lanes.get(usize::from(partition)) else {
            return;
        };
        let dispatcher = &self.dispatcher;
        while lanes.goes_on(&key) {
            let slot = tokio::select! {
                biased;
                () = dispatcher.stop.now.cancelled() => None,
                slot = Arc::clone(&dispatcher.slots).acquire_owned() => slot.ok(),
            };
            let Some(Waiting { job, token }) = lanes.next(&key) else {
                continue;
            };
            match slot {
                _ if job.desk.broken.is_cancelled() => {}
                Some(permit) => {
                    let (slot, has_ended) = Slot::watched(permit);
                    Arc::clone(dispatcher).run(job, slot).await;
                    // A thread cannot be stopped at its deadline, and the next of its key may not pass it.
                    tokio::select! {
                        _ = has_ended => {}
                        () = dispatcher.stop.now.cancelled() => {}
                    }
                }
                None if job.now_or_never => dispatcher.refuse_late(&job),
                // It goes back with its channel, in its place.
                None => {}
            }
            drop(token);
        }
    }

    /// Waits for what has begun and cannot go on elsewhere, as after a channel that the broker has closed: while it runs,
    /// nobody else may have its key.
    async fn let_end(&self, desk: &Arc<Desk>, given: &TaskTracker) {
        if let Some(lanes) = self.lanes_of(desk) {
            drop(lanes.retract(|waiting| Arc::ptr_eq(&waiting.job.desk, desk)));
        }
        given.close();
        let stop = &self.dispatcher.stop;
        tokio::select! {
            biased;
            () = given.wait() => {}
            () = desk.settle() => {}
            () = stop.gently.cancelled() => finish_in_time(stop, given, desk).await,
        }
    }

    /// Gives a partition up in order: nothing more comes, all that came is finished, or at a stop goes back.
    async fn finish(
        self: &Arc<Self>,
        mut consumer: Consumer,
        channel: &Channel,
        desk: &Arc<Desk>,
        given: &TaskTracker,
    ) {
        let (Some(partition), Some(lanes)) = (desk.partition, self.lanes_of(desk)) else {
            return;
        };
        consumer.cancel(channel).await;
        let fresh: Vec<_> = std::iter::from_fn(|| consumer.take_ready())
            .filter_map(|delivery| self.dispatcher.admit(delivery, desk))
            .filter_map(|job| self.enter(job, given))
            .collect();
        given.close();
        let stop = &self.dispatcher.stop;
        if !stop.gently.is_cancelled() {
            self.drive_all(partition, fresh.iter().cloned());
            let all_done = async {
                tokio::select! {
                    () = given.wait() => {}
                    () = desk.settle() => {}
                }
                desk.drained().await;
            };
            tokio::select! {
                () = all_done => return,
                () = stop.gently.cancelled() => {}
            }
            go_back(lanes, desk);
        } else {
            go_back(lanes, desk);
            self.drive_all(partition, fresh);
        }
        finish_in_time(stop, given, desk).await;
    }
}

/// Only drops it: it goes back with its channel. One by one it would come to the end of a quorum queue's returns, behind
/// what was sent after it.
fn go_back(lanes: &Lanes<Waiting>, desk: &Arc<Desk>) {
    let may_go =
        |waiting: &Waiting| !waiting.job.now_or_never && Arc::ptr_eq(&waiting.job.desk, desk);
    drop(lanes.retract(may_go));
}
