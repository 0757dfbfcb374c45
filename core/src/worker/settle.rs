//! What becomes of a message once it is known: acknowledged, kept for its next attempt, or copied to where it belongs
//! (`copies.rs`). A copy is confirmed by the broker before the original is acknowledged, so nothing is lost between.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::common::Common;
use super::message::Message;
use super::seen::{End, Seen};
use super::source::Source;
use crate::amqp::{Acks, Channel, Delivery};
use crate::connection::{Connection, Session};
use crate::error::{Code, Error, Executed};
use crate::stop::Stop;
use crate::tasks::{DeathReason, Names, delay};

/// How long a message is held whose copy could not be made, before it goes back to its queue.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often a copy may be refused for good.
const REFUSALS: u32 = 3;
/// How much longer than its grace time a stop may take for what is being settled.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// How long a task rests at most where it is: the broker's `consumer_timeout` counts from its delivery.
const LONGEST_REST: Duration = Duration::from_secs(600);
static WARN_OF_REST: Once = Once::new();
/// The rest of a task whose twin runs.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// What is to become of a message.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Done,
    Retry {
        after: Option<Duration>,
        reason: String,
    },
    Dead {
        why: DeathReason,
        error: String,
    },
    /// It was not run: the same attempt, later.
    Later(Duration),
    /// It may have ended its worker, and is to be run alone. `counts` when that is certain.
    Suspect {
        counts: bool,
    },
    /// Back to its queue: it was not begun, or was ended by a stop.
    Back,
}

/// What the broker is told of a delivery.
enum Fate {
    /// It is done with, or a copy of it is there.
    Over,
    Back,
    /// It is to make a dead letter of it.
    Refused,
}

impl Fate {
    fn of(settled: bool) -> Self {
        if settled { Self::Over } else { Self::Back }
    }
}

/// Where messages of one consumer came from.
pub(super) struct Desk {
    pub(super) acks: Acks,
    pub(super) session: Arc<Session>,
    pub(super) source: Arc<Source>,
    pub(super) seen: Arc<Seen>,
    pub(super) connection: Connection,
    stop: Stop,
    /// Set when nothing more can be settled here, so that the consumer is set up anew.
    pub(super) broken: CancellationToken,
    /// Another attempt is made where the task is: what is behind it must not pass it.
    pub(super) in_place: bool,
    /// What goes back from a partition.
    pub(super) left: AtomicBool,
    /// Some of that may have ended an owner before.
    pub(super) suspects_left: AtomicBool,
    /// Set when another instance is to have the partition: what rests is left to it.
    pub(super) leaving: CancellationToken,
    /// What settles goes on when nobody waits for it any more.
    pub(super) running: TaskTracker,
}

impl Desk {
    pub(super) fn new(
        common: &Common,
        session: &Arc<Session>,
        channel: &Channel,
        in_place: bool,
    ) -> Self {
        Self {
            acks: Acks::new(channel.clone()),
            session: Arc::clone(session),
            source: Arc::clone(&common.source),
            seen: Arc::clone(&common.seen),
            connection: common.connection.clone(),
            stop: common.stop.clone(),
            broken: CancellationToken::new(),
            in_place,
            left: AtomicBool::new(false),
            suspects_left: AtomicBool::new(false),
            leaving: CancellationToken::new(),
            running: common.running.clone(),
        }
    }

    pub(super) async fn carry_out(&self, message: &Message, verdict: Verdict) -> Result<(), Error> {
        let tag = message.context().delivery().tag;
        if let Some(rest) = self.rest_in_place(message, &verdict) {
            message.rest(rest, matches!(verdict, Verdict::Retry { .. }));
            return Ok(());
        }
        let (done, end) = self.end(message, &verdict);
        let outcome = if done {
            // That it is done holds, whatever becomes of this session: the mark is set on the next one.
            tokio::select! {
                biased;
                outcome = self.copy(message, verdict) => outcome.map(Fate::of),
                // Without its mark: run again it would be for certain.
                () = self.out_of_time() => Ok(Fate::Over),
            }
        } else {
            self.copy_while_ours(message, verdict).await
        };
        if let Some(id) = message.id() {
            // The broker may never hear of a refusal, and there is no copy.
            let is_over = done || matches!(outcome, Ok(Fate::Over));
            self.seen.ends(id, if is_over { end } else { End::Back });
        }
        match outcome {
            Ok(Fate::Over) => self.acks.finish(&[tag]),
            Ok(Fate::Refused) => self.acks.reject(tag),
            // The end of its channel brings it back, and what is behind it, in their order.
            Ok(Fate::Back) if self.in_place => message.leave(),
            Ok(Fate::Back) => self.acks.requeue(tag),
            Err(error) if done => {
                // A mark that cannot be set would not be set after another run either.
                self.acks.finish(&[tag]);
                return Err(error);
            }
            Err(error) => {
                message.leave();
                self.acks.requeue(tag);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives back what was not begun, in its order.
    pub(super) async fn give_back(&self, messages: Vec<Message>) {
        let waiting = messages.iter().filter(|message| message.claim());
        let giving = waiting.map(|message| self.carry_out(message, Verdict::Back));
        // A task that has to pause would be overtaken by those behind it.
        tokio::task::unconstrained(join_all(giving)).await;
    }

    /// Whether it is done, and what is to be remembered of it once it is settled.
    fn end(&self, message: &Message, verdict: &Verdict) -> (bool, End) {
        let (attempt, last) = (message.attempt(), self.source.retry.attempts);
        match verdict {
            Verdict::Done => (true, End::Done),
            Verdict::Retry { .. } if attempt < last => (false, End::Failed(attempt)),
            // A dead letter that is tried again has the same id and begins anew.
            _ => (false, End::Left),
        }
    }

    /// When the broker gives the original to somebody else, a copy besides would be one too many.
    async fn copy_while_ours(&self, message: &Message, verdict: Verdict) -> Result<Fate, Error> {
        let mut refusals = 0;
        loop {
            if !self.acks.is_open() {
                return Err(lost());
            }
            let outcome = tokio::select! {
                biased;
                () = self.session.lost() => return Err(lost()),
                outcome = self.copy(message, verdict.clone()) => outcome,
                () = self.out_of_time() => return Ok(Fate::Back),
            };
            let error = match outcome {
                Ok(settled) => return Ok(Fate::of(settled)),
                Err(error) => error,
            };
            let is_refusal = is_refusal(&error);
            refusals += u32::from(is_refusal);
            if refusals == REFUSALS {
                // Held back any longer it would be run again and again, or hold up its key for ever.
                tracing::error!(queue = message.queue(), id = message.id(), %error, "no copy of a task can be made: it is rejected as it is, which makes it a dead letter");
                return Ok(Fate::Refused);
            }
            // What stands in the way of the copy will not be gone at once, and the task would be run in vain.
            tokio::select! {
                () = sleep(AFTER_FAILURE) => {}
                () = self.session.lost() => return Err(lost()),
                () = self.stop.now.cancelled() => return Ok(Fate::Back),
            }
            // The next of its key must not pass it.
            if !self.in_place && !is_refusal {
                return Err(error);
            }
            tracing::warn!(queue = message.queue(), %error, "a task cannot be settled yet");
        }
    }

    /// Comes a moment after the end of all grace.
    async fn out_of_time(&self) {
        self.stop.now.cancelled().await;
        sleep(LAST_CHANCE).await;
    }

    /// Waits until the broker has heard what became of all messages.
    pub(super) async fn settled(&self) {
        // Without a session there is nobody to be heard by.
        let _ = self.session.unless_lost(self.acks.arrive()).await;
    }

    /// For how long a task that stays where it is waits before it is run again.
    fn rest_in_place(&self, message: &Message, verdict: &Verdict) -> Option<Duration> {
        let (retry, attempt) = (&self.source.retry, message.attempt());
        match verdict {
            _ if !self.in_place => None,
            Verdict::Later(after) => Some(*after),
            Verdict::Retry { after, .. } if attempt < retry.attempts => {
                let rest = after.unwrap_or_else(|| retry.rest(attempt));
                if rest > LONGEST_REST {
                    WARN_OF_REST.call_once(|| {
                        tracing::warn!(queue = message.queue(), ?rest, "a keyed task rests for {LONGEST_REST:?} at most, not as long as was asked for");
                    });
                }
                Some(rest.min(LONGEST_REST))
            }
            _ => None,
        }
    }

    /// The queue that a message was meant for that came to it without an exchange of somebody's own: straight, by way of
    /// the delays, or set aside.
    pub(super) fn meant_for<'a>(&'a self, queue: &'a str, delivery: &Delivery) -> Option<&'a str> {
        let names = self.source.names.as_ref()?;
        let straight = delivery.exchange.is_empty() || delay::arrives_by(&delivery.exchange);
        let aside = queue == names.suspect;
        straight.then_some(if aside { &names.queue } else { queue })
    }

    /// Makes the delays before anything has to go there, so that a login without the right is told at the start.
    pub(super) async fn prepare(session: &Session, names: &Names) -> Result<(), Error> {
        names.declare_for(session, &names.queue).await?;
        names.delays.declare(session, 0).await
    }
}

/// Whether trying again is of no use: no right to write, no way there, or no form on the wire. A queue that is full may have
/// room later.
pub(super) fn is_refusal(error: &Error) -> bool {
    !matches!(
        error.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted
    )
}

fn lost() -> Error {
    Error::new(
        Code::Unavailable,
        "the connection was lost before the message could be settled",
    )
    .with_executed(Executed::Maybe)
}
