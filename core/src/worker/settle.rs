//! What becomes of a message once it is known: acknowledged, copied to where it waits for its next attempt, or copied to
//! the dead letters. A copy is confirmed by the broker before the original is acknowledged, so nothing is lost between.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::common::Common;
use super::message::Message;
use super::seen::{End, Seen};
use super::source::Source;
use crate::amqp::{self, Acks, Channel, Delivery, HeaderValue};
use crate::connection::{Connection, Session};
use crate::error::{Code, Error, Executed};
use crate::tasks::delay::{self, LONGEST_DELAY};
use crate::tasks::{DeathReason, Names, Target, post_later};
use crate::wire;

/// How long a copy may take to be confirmed.
const COPY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a message is held whose copy could not be made, before it goes back to its queue.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a task rests at most where it is: the broker's `consumer_timeout` counts from its delivery.
const LONGEST_REST: Duration = Duration::from_secs(600);
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
    /// Back to its queue.
    Back,
}

/// Where messages of one consumer came from.
pub(super) struct Desk {
    pub(super) acks: Acks,
    pub(super) session: Arc<Session>,
    pub(super) source: Arc<Source>,
    pub(super) seen: Arc<Seen>,
    pub(super) connection: Connection,
    /// Set when nothing more can be settled here, so that the consumer is set up anew.
    pub(super) broken: CancellationToken,
    /// Another attempt is made where the task is: what is behind it must not pass it.
    pub(super) in_place: bool,
    /// Set when another instance is to have the partition: what rests is left to it.
    pub(super) leaving: CancellationToken,
    /// What settles goes on when nobody waits for it any more.
    pub(super) running: TaskTracker,
}

impl Desk {
    pub(super) fn new<H>(
        common: &Common<H>,
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
            broken: CancellationToken::new(),
            in_place,
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
            self.copy(message, verdict).await
        } else {
            self.copy_while_ours(message, verdict).await
        };
        if let Some(id) = message.id() {
            let is_over = done || matches!(outcome, Ok(true));
            self.seen.ends(id, if is_over { end } else { End::Back });
        }
        match outcome {
            Ok(true) => self.acks.finish(&[tag]),
            // The end of its channel brings it back, and what is behind it, in their order.
            Ok(false) if self.in_place => message.leave(),
            Ok(false) => self.acks.requeue(tag),
            Err(error) => {
                message.leave();
                self.acks.requeue(tag);
                return Err(error);
            }
        }
        Ok(())
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
    async fn copy_while_ours(&self, message: &Message, verdict: Verdict) -> Result<bool, Error> {
        loop {
            if !self.acks.is_open() {
                return Err(lost());
            }
            let outcome = tokio::select! {
                biased;
                () = self.session.lost() => return Err(lost()),
                outcome = self.copy(message, verdict.clone()) => outcome,
            };
            let Err(error) = outcome else {
                return outcome;
            };
            // What stands in the way of the copy will not be gone at once, and the task would be run in vain.
            tokio::select! {
                () = sleep(AFTER_FAILURE) => {}
                () = self.session.lost() => return Err(lost()),
            }
            // The next of its key must not pass it.
            if !self.in_place {
                return Err(error);
            }
            tracing::warn!(queue = message.queue(), %error, "a task cannot be settled yet");
        }
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
            Verdict::Retry { after, .. } if attempt < retry.attempts => Some(
                after
                    .unwrap_or_else(|| retry.rest(attempt))
                    .min(LONGEST_REST),
            ),
            _ => None,
        }
    }

    /// Says whether the original is to be acknowledged.
    async fn copy(&self, message: &Message, verdict: Verdict) -> Result<bool, Error> {
        let guard = message.let_go();
        let Some(names) = self.source.names.as_ref() else {
            return Ok(self.end_event(message, &verdict));
        };
        match verdict {
            Verdict::Done => {
                if let Some(guard) = guard {
                    guard.done(self.connection.shared()).await?;
                }
                return Ok(true);
            }
            // Whoever gets it again where suspects are would take it for what has ended this worker.
            Verdict::Back if message.queue() == names.suspect && !self.session.blocked() => {
                self.suspect(message, names, false).await?;
            }
            Verdict::Back => return Ok(false),
            Verdict::Later(after) => {
                self.later(message, names, after, message.attempt(), None)
                    .await?;
            }
            Verdict::Suspect { counts } => self.suspect(message, names, counts).await?,
            Verdict::Retry { reason, .. } if message.attempt() >= self.source.retry.attempts => {
                self.dead(message, names, DeathReason::Attempts, &reason)
                    .await?;
            }
            Verdict::Retry { after, reason } => {
                let after = after.unwrap_or_else(|| self.source.retry.rest(message.attempt()));
                tracing::info!(
                    queue = message.queue(),
                    attempt = message.attempt(),
                    reason,
                    ?after,
                    "another attempt will be made"
                );
                let next = message.attempt().saturating_add(1);
                self.later(message, names, after, next, Some(&reason))
                    .await?;
            }
            Verdict::Dead { why, error } => self.dead(message, names, why, &error).await?,
        }
        Ok(true)
    }

    /// Of an event that nobody keeps there is one attempt.
    fn end_event(&self, message: &Message, verdict: &Verdict) -> bool {
        if let Verdict::Retry { reason, .. } | Verdict::Dead { error: reason, .. } = verdict {
            tracing::warn!(
                queue = message.queue(),
                routing_key = message.routing_key(),
                reason,
                "an event could not be handled"
            );
        }
        true
    }

    async fn later(
        &self,
        message: &Message,
        names: &Names,
        after: Duration,
        attempt: u32,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let headers = self.headers(message, error);
        let copy = amqp::Message {
            values: vec![(wire::HEADER_ATTEMPT, HeaderValue::Integer(attempt.into()))],
            ..copy(message, &headers)
        };
        let deadline = tokio::time::Instant::now() + COPY_TIMEOUT;
        let after = after.min(LONGEST_DELAY);
        post_later(&self.connection, names, &names.queue, copy, after, deadline).await
    }

    async fn suspect(&self, message: &Message, names: &Names, counts: bool) -> Result<(), Error> {
        let attempt = message.attempt();
        if counts && attempt >= self.source.retry.attempts {
            let error = format!("the worker that ran it ended {attempt} times");
            return self
                .dead(message, names, DeathReason::Crashed, &error)
                .await;
        }
        tracing::warn!(
            queue = message.queue(),
            attempt,
            "a task whose worker has ended is set aside, to be run alone"
        );
        let error = counts.then_some("the worker that ran it has ended");
        let headers = self.headers(message, error);
        let copy = amqp::Message {
            routing_key: &names.suspect,
            values: vec![(
                wire::HEADER_ATTEMPT,
                HeaderValue::Integer((attempt + u32::from(counts)).into()),
            )],
            ..copy(message, &headers)
        };
        self.post(copy, names).await
    }

    async fn dead(
        &self,
        message: &Message,
        names: &Names,
        why: DeathReason,
        error: &str,
    ) -> Result<(), Error> {
        tracing::warn!(
            queue = message.queue(),
            attempt = message.attempt(),
            reason = why.text(),
            error,
            "given up: a dead letter"
        );
        let mut headers = self.headers(message, Some(error));
        headers.push((wire::HEADER_DEATH, why.text()));
        headers.push((wire::HEADER_QUEUE, &names.queue));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let died = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let copy = amqp::Message {
            routing_key: &names.dead,
            values: vec![
                (
                    wire::HEADER_ATTEMPT,
                    HeaderValue::Integer(message.attempt().into()),
                ),
                (wire::HEADER_DIED, HeaderValue::Integer(died)),
            ],
            ..copy(message, &headers)
        };
        self.post(copy, names).await
    }

    async fn post(&self, copy: amqp::Message<'_>, names: &Names) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + COPY_TIMEOUT;
        let place = Target {
            names,
            queue: copy.routing_key,
        };
        self.connection.shared().post(copy, &place, deadline).await
    }

    /// What a copy says besides what the original did.
    fn headers<'a>(&self, message: &'a Message, error: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let mut headers = Vec::with_capacity(5);
        // A queue that events come to by an exchange would else not know by which, and why.
        if self.source.exchange.is_some() {
            headers.push((wire::HEADER_EXCHANGE, message.exchange()));
            headers.push((wire::HEADER_ROUTING_KEY, message.routing_key()));
        }
        if let Some(error) = error {
            let ends = (0..=error.len().min(wire::MAX_ERROR_HEADER)).rev();
            let text = ends.filter_map(|end| error.get(..end)).next();
            headers.push((wire::HEADER_ERROR, text.unwrap_or_default()));
        }
        headers
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

fn copy<'a>(message: &'a Message, headers: &[(&'a str, &'a str)]) -> amqp::Message<'a> {
    amqp::Message {
        mandatory: true,
        persistent: true,
        like: Some(message.context().delivery()),
        headers: headers.to_vec(),
        body: message.body().clone(),
        ..amqp::Message::default()
    }
}

fn lost() -> Error {
    Error::new(
        Code::Unavailable,
        "the connection was lost before the message could be settled",
    )
    .with_executed(Executed::Maybe)
}
