//! Copies of messages: for the next attempt, for the place where suspects are run alone, for the dead letters, or for the
//! queue that they came from.

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::message::Message;
use super::settle::{AFTER_FAILURE, Desk, Verdict, is_refusal};
use crate::amqp::{self, HeaderValue};
use crate::error::Error;
use crate::tasks::delay::LONGEST_DELAY;
use crate::tasks::once::Guard;
use crate::tasks::{DeathReason, Names, Target, post_later};
use crate::wire;

/// How long a copy may take to be confirmed.
const COPY_TIMEOUT: Duration = Duration::from_secs(30);

impl Desk {
    /// Says whether the original is to be acknowledged.
    pub(super) async fn copy(&self, message: &Message, verdict: Verdict) -> Result<bool, Error> {
        let Some(names) = self.source.names.as_ref() else {
            return Ok(self.end_event(message, &verdict));
        };
        match verdict {
            Verdict::Done => {
                if let Some(guard) = message.let_go() {
                    self.mark_done(message, &guard).await?;
                }
                return Ok(true);
            }
            // By the end of its channel, in its place.
            Verdict::Back if self.in_place => return Ok(false),
            Verdict::Back => return Ok(self.back(message, names).await),
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

    /// For as long as the broker takes no publishes: acknowledged without its mark, a twin of the task would run.
    async fn mark_done(&self, message: &Message, guard: &Guard) -> Result<(), Error> {
        let shared = self.connection.shared();
        loop {
            let Err(error) = guard.done(shared).await else {
                return Ok(());
            };
            if is_refusal(&error) || shared.stopped().is_cancelled() {
                return Err(error);
            }
            tracing::warn!(queue = message.queue(), %error, "a task that is done cannot be marked so yet");
            sleep(AFTER_FAILURE).await;
        }
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

    /// A delivery that only goes back is marked as delivered again, and whoever gets it next would take it for what has
    /// ended this worker. False when it has to go back so all the same.
    async fn back(&self, message: &Message, names: &Names) -> bool {
        let aside = message.queue() == names.suspect;
        // A copy for which there is no room would become a dead letter; the original has its place.
        if self.session.blocked() || (!aside && names.options().max_length.is_some()) {
            return false;
        }
        let copied = if aside {
            self.suspect(message, names, false).await
        } else {
            let headers = self.headers(message, None);
            let copy = amqp::Message {
                routing_key: &names.queue,
                // It still waits for its first attempt.
                expiration: message.context().delivery().expiration(),
                ..copy(message, &headers)
            };
            self.post(copy, names).await
        };
        if let Err(error) = &copied {
            tracing::debug!(queue = message.queue(), %error, "a task goes back as delivered again");
        }
        copied.is_ok()
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
