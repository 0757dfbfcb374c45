//! One session's part in sharing the partitions: joins the instances, keeps the share, hands over, leaves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{self, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::budget::Part;
use super::ownership::{Held, Owner};
use super::set::PartitionSet;
use super::{lock, members, queue};
use crate::amqp::{Channel, ConsumeOptions, Consumer};
use crate::connection::{Ended, Session};
use crate::error::{Code, Error};

/// How often an instance looks whether it has its share. An owner's death is made good after about as long.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a new owner looks whether the broker is done with the owner before, and how many times.
const SETTLE_EVERY: Duration = Duration::from_millis(25);
const SETTLE_LOOKS: usize = 20;
/// How many queues are declared at a time.
const AT_ONCE: usize = 32;

pub(super) struct Round<'a, O> {
    session: Arc<Session>,
    set: &'a PartitionSet,
    owner: &'a Arc<O>,
    part: Part,
    /// Whether it has been told that there is no room for this instance's share.
    told: bool,
    held: HashMap<u16, Holding>,
    working: JoinSet<()>,
}

/// By which the others count this instance.
pub(super) type Member = (Channel, Consumer);

struct Holding {
    give_up: CancellationToken,
    task: task::Id,
}

/// A partition that has been locked and is consumed, each on a channel of its own.
struct Taken {
    partition: u16,
    permit: OwnedSemaphorePermit,
    /// The lock is on another channel than the work, whose channel the broker may close over one slow key.
    guard: Channel,
    lock: Consumer,
    channel: Channel,
    consumer: Consumer,
}

impl<'a, O: Owner> Round<'a, O> {
    pub(super) fn new(session: Arc<Session>, set: &'a PartitionSet, owner: &'a Arc<O>) -> Self {
        Self {
            part: session.partitions.join(),
            session,
            set,
            owner,
            told: false,
            held: HashMap::new(),
            working: JoinSet::new(),
        }
    }

    /// Makes this instance one of those that share the partitions, and takes the first of them.
    pub(super) async fn join(&mut self) -> Result<Member, Error> {
        let (set, link) = (self.set, &self.session.consume);
        let ours = set.own_options();
        link.declare_queue(&members(&set.base), &ours).await?;
        for some in set.beside.chunks(AT_ONCE) {
            try_join_all(
                some.iter()
                    .map(|(queue, options)| link.declare_queue(queue, options)),
            )
            .await?;
        }
        let partitions = (0..set.partitions).collect::<Vec<_>>();
        for some in partitions.chunks(AT_ONCE) {
            try_join_all(
                some.iter()
                    .map(|&partition| set.declare(&self.session, partition)),
            )
            .await?;
        }
        let channel = link.channel().await?;
        let member = channel.consume(&members(&set.base), SILENT).await?;
        self.balance().await?;
        Ok((channel, member))
    }

    /// Lost is the session, or what makes this instance count.
    pub(super) async fn run(&mut self, member: Member, stop: &CancellationToken) -> Ended {
        let (channel, mut member) = member;
        let session = Arc::clone(&self.session);
        let ended = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ended::Stopped,
                () = session.lost() => break Ended::Lost,
                // Nothing is sent there, and what is all the same is dropped.
                message = member.next() => if message.is_none() { break Ended::Lost } else { continue },
                Some(ended) = self.working.join_next_with_id(), if !self.working.is_empty() => {
                    self.forget(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                    continue;
                }
                () = sleep(jittered(LOOK_EVERY)) => {}
            }
            if let Err(error) = session.unless_lost(self.balance()).await {
                tracing::warn!(queue = %self.set.base, %error, "the share of partitions cannot be kept");
            }
        };
        // The others share what is set free among them, without this one.
        let goodbye = async {
            member.cancel(&channel).await;
            channel.close().await;
        };
        unless_lost(&session, goodbye).await;
        self.leave().await;
        if ended == Ended::Stopped && self.set.options.delete_when_idle {
            self.set.delete_idle(&session).await;
        }
        ended
    }

    /// Ends the work on all partitions.
    pub(super) async fn leave(&mut self) {
        for holding in self.held.values() {
            holding.give_up.cancel();
        }
        while self.working.join_next().await.is_some() {}
        self.held.clear();
    }

    fn forget(&mut self, task: &task::Id) {
        self.held.retain(|_, holding| holding.task != *task);
    }

    /// Gives up what is too much, takes what is free.
    async fn balance(&mut self) -> Result<(), Error> {
        let set = self.set;
        let look = self.session.consume.channel().await?;
        let instances = look.count_consumers(&members(&set.base)).await?;
        let even = usize::from(set.partitions).div_ceil(instances.unwrap_or(1).max(1) as usize);
        let share = self.part.of(even);
        if share < even && !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                queue = %set.base,
                share,
                "the connection has no channels for this instance's share of the partitions: start more instances"
            );
        }
        let staying: Vec<_> = self
            .held
            .values()
            .filter(|holding| !holding.give_up.is_cancelled())
            .collect();
        for holding in staying.iter().skip(share) {
            holding.give_up.cancel();
        }
        let wanted = share.saturating_sub(staying.len());
        let mut free = Vec::new();
        for partition in self.in_random_order() {
            if free.len() == wanted {
                break;
            }
            match look.count_consumers(&lock(&set.base, partition)).await? {
                Some(0) => free.push(partition),
                Some(_) => {}
                // Somebody has deleted it, and the look has cost the channel.
                None => {
                    set.declare(&self.session, partition).await?;
                    break;
                }
            }
        }
        look.close().await;
        let taking = join_all(free.into_iter().map(|partition| self.take(partition))).await;
        for taken in taking {
            match taken {
                Ok(Some(taken)) => self.work_on(taken),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(queue = %set.base, %error, "a partition cannot be taken now");
                }
            }
        }
        Ok(())
    }

    /// Those that are not ours. Instances that look at the same time do not all want the same ones.
    fn in_random_order(&self) -> Vec<u16> {
        let partitions = self.set.partitions;
        let first = random() % u32::from(partitions);
        (0..partitions)
            .map(|step| ((u32::from(step) + first) % u32::from(partitions)) as u16)
            .filter(|partition| !self.held.contains_key(partition))
            .collect()
    }

    /// `None` when somebody else has it, or had it a moment ago.
    async fn take(&self, partition: u16) -> Result<Option<Taken>, Error> {
        let (set, link) = (self.set, &self.session.consume);
        // Until another set has given up what is too much.
        let Some(permit) = self.part.permit() else {
            return Ok(None);
        };
        // A refusal costs the channel, so each attempt has one of its own.
        let guard = link.channel().await?;
        let lock = match guard
            .consume_alone(&lock(&set.base, partition), SILENT)
            .await
        {
            Ok(lock) => lock,
            Err(error) if error.code() == Code::PermissionDenied => {
                tracing::debug!(%error, partition, "another instance was faster");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let queue = queue(&set.base, partition);
        // The broker frees the lock of an instance that has died on its own, perhaps before the requests that
        // it held are back in their places.
        let mut looks = 0;
        while link.count_consumers(&queue).await? != Some(0) {
            looks += 1;
            if looks == SETTLE_LOOKS {
                tracing::warn!(%queue, "somebody consumes the partition without its lock");
                guard.close().await;
                return Ok(None);
            }
            set.declare(&self.session, partition).await?;
            sleep(SETTLE_EVERY).await;
        }
        let options = ConsumeOptions {
            no_ack: false,
            prefetch: set.prefetch,
        };
        let channel = link.channel().await?;
        let consumer = channel.consume_alone(&queue, options).await?;
        Ok(Some(Taken {
            partition,
            permit,
            guard,
            lock,
            channel,
            consumer,
        }))
    }

    fn work_on(&mut self, taken: Taken) {
        let Taken {
            partition,
            permit,
            guard,
            mut lock,
            channel,
            consumer,
        } = taken;
        let give_up = CancellationToken::new();
        let held = Held {
            partition,
            session: Arc::clone(&self.session),
            channel: channel.clone(),
            consumer,
            give_up: give_up.clone(),
        };
        let session = Arc::clone(&self.session);
        let attending = Arc::clone(self.owner).attend(held);
        let order = give_up.clone();
        let task = self.working.spawn(async move {
            let mut attending = std::pin::pin!(attending);
            tokio::select! {
                () = &mut attending => {}
                () = async { while lock.next().await.is_some() {} } => {
                    // Whoever has deleted the lock lets others in.
                    order.cancel();
                    attending.await;
                }
            }
            // Behind the acknowledgements, which are on the same channel; and what goes back is in its place before
            // anybody else may come.
            let release = async {
                channel.close().await;
                lock.cancel(&guard).await;
                guard.close().await;
            };
            unless_lost(&session, release).await;
            drop(permit);
        });
        let task = task.id();
        self.held.insert(partition, Holding { give_up, task });
    }
}

/// For queues on which nothing is sent.
const SILENT: ConsumeOptions = ConsumeOptions {
    no_ack: true,
    prefetch: 0,
};

async fn unless_lost(session: &Session, operation: impl Future<Output = ()>) {
    tokio::select! {
        () = operation => {}
        () = session.lost() => {}
    }
}

fn random() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}

/// A fifth more or less, so that instances that started together do not look together.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.8 + 0.4 * f64::from(random()) / f64::from(u32::MAX))
}
