//! Dead letters: why each died, and what becomes of it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::delay::arrives_by;
use super::{Names, Target};
use crate::amqp::{Channel, Delivery, HeaderValue, Message};
use crate::client::deadline;
use crate::connection::{Connection, Session};
use crate::context::{Metadata, TraceContext};
use crate::encoded::Encoded;
use crate::error::{Code, Error, Executed};
use crate::payload;
use crate::wire;

/// Why a task became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeathReason {
    /// It failed as often as the queue's [`Retry`](crate::Retry) allows.
    Attempts,
    /// The handler said that it can never be done.
    Rejected,
    /// It is no task of the queue's type.
    Undecodable,
    /// It ended the worker that ran it, as often as the queue's [`Retry`](crate::Retry) allows.
    Crashed,
    /// It waited longer than it was allowed to.
    Expired,
    /// The queue was full when it came, or came back for its next attempt.
    Full,
    /// The broker gives a reason of its own, or none.
    Other,
}

impl DeathReason {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Rejected => "rejected",
            Self::Undecodable => "undecodable",
            Self::Crashed => "crashed",
            Self::Expired => "expired",
            Self::Full => "maxlen",
            Self::Other => "other",
        }
    }

    fn parse(text: &str) -> Self {
        let known = [
            Self::Attempts,
            Self::Rejected,
            Self::Undecodable,
            Self::Crashed,
            Self::Expired,
            Self::Full,
        ];
        let found = known.into_iter().find(|reason| reason.text() == text);
        found.unwrap_or(Self::Other)
    }
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The dead letters of a queue, oldest first. Made by [`Tasks::dead_letters`](crate::Tasks::dead_letters).
///
/// ```no_run
/// # async fn example(tasks: leveret::Tasks<String>) -> Result<(), leveret::Error> {
/// let mut dead = tasks.dead_letters().await?;
/// while let Some(letter) = dead.next().await? {
///     println!("{} after {} attempts: {:?}", letter.reason(), letter.attempts(), letter.error());
///     letter.retry().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct DeadLetters<T> {
    connection: Connection,
    session: Arc<Session>,
    // What has been read and not decided on goes back to the queue with it.
    channel: Channel,
    names: Names,
    timeout: Duration,
    /// How many there were; those that come back meanwhile are for the next look.
    left: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for DeadLetters<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("queue", &self.names.dead)
            .finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned + 'static> DeadLetters<T> {
    pub(super) async fn open(
        connection: Connection,
        session: Arc<Session>,
        names: Names,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let channel = session.unless_lost(session.consume.channel()).await?;
        let counts = session
            .unless_lost(session.consume.count(&names.dead))
            .await?
            .ok_or_else(|| names.missing())?;
        Ok(Self {
            connection,
            session,
            channel,
            names,
            timeout,
            left: counts.ready,
            of: PhantomData,
        })
    }

    /// The next one; `None` when all have come that were there when this value was made. Those that are neither tried
    /// again nor discarded are back in the queue when this value is dropped.
    ///
    /// # Errors
    /// [`Code::NoSuchService`](crate::Code) when the queue does not exist, [`Code::Unavailable`](crate::Code) when the
    /// connection is lost.
    ///
    /// # Cancel safety
    /// A letter that was read and not given out goes back to the queue with this value.
    pub async fn next(&mut self) -> Result<Option<DeadLetter<T>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let next = self.channel.get(&self.names.dead);
        let Some(delivery) = self.session.unless_lost(next).await? else {
            return Ok(None);
        };
        Ok(Some(DeadLetter {
            connection: self.connection.clone(),
            session: Arc::clone(&self.session),
            channel: self.channel.clone(),
            names: self.names.clone(),
            timeout: self.timeout,
            delivery,
            of: PhantomData,
        }))
    }
}

/// A task that was given up.
pub struct DeadLetter<T> {
    connection: Connection,
    session: Arc<Session>,
    channel: Channel,
    names: Names,
    timeout: Duration,
    delivery: Delivery,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for DeadLetter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id())
            .field("reason", &self.reason())
            .field("attempts", &self.attempts())
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

impl<T> DeadLetter<T> {
    /// The task's id, as its push gave it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.delivery.message_id()
    }

    /// Why it died.
    #[must_use]
    pub fn reason(&self) -> DeathReason {
        let said = self.delivery.header(wire::HEADER_DEATH);
        let broker = || self.delivery.death().map(|(reason, _)| reason);
        said.or_else(broker)
            .map_or(DeathReason::Other, DeathReason::parse)
    }

    /// What went wrong at the last attempt, at most 1 KiB of it.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.delivery.header(wire::HEADER_ERROR)
    }

    /// How many attempts were begun: none when it expired before the first, or the queue was full. What a foreign worker
    /// or the broker's own limit has refused was begun.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        let by_broker = self.delivery.header(wire::HEADER_DEATH).is_none();
        let unbegun = matches!(self.reason(), DeathReason::Expired | DeathReason::Full);
        let begun = self
            .delivery
            .header_number(wire::HEADER_ATTEMPT)
            .and_then(|attempt| u32::try_from(attempt).ok())
            .unwrap_or(1);
        // The broker has removed it before the attempt that its header announces.
        begun.saturating_sub((by_broker && unbegun).into())
    }

    /// When it died, by the clock of the worker that gave it up.
    #[must_use]
    pub fn died_at(&self) -> Option<SystemTime> {
        let millis = self.delivery.header_number(wire::HEADER_DIED)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(millis).ok()?))
    }

    /// A metadata entry or other header that holds text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.delivery.header(name)
    }

    /// What orders it, if its queue is keyed.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.header(wire::HEADER_KEY)
    }

    /// The exchange that it was published to; empty for a task.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.published().map_or("", |(exchange, _)| exchange)
    }

    /// The routing key that it was published with; for a task the name of its queue.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.published().map_or(&self.names.queue, |(_, key)| key)
    }

    /// By which exchange an event came.
    fn published(&self) -> Option<(&str, &str)> {
        let said = (
            self.delivery.header(wire::HEADER_EXCHANGE),
            self.delivery.header(wire::HEADER_ROUTING_KEY),
        );
        if let (Some(exchange), Some(key)) = said {
            return Some((exchange, key));
        }
        // What no worker has had a look at says it by the broker's own header.
        let (exchange, key) = self.delivery.came_by()?;
        (!exchange.is_empty() && !arrives_by(exchange)).then_some((exchange, key))
    }

    /// All headers but tables and lists, the broker's and Leveret's own among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, HeaderValue)> {
        self.delivery.values()
    }

    /// What its sender sent along.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        Metadata::of(&self.delivery)
    }

    /// The W3C trace headers that it came with.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::of(&self.delivery)
    }

    /// What its sender says that the body is.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.delivery.content_type()
    }

    /// Its priority, if it has one.
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        self.delivery.priority()
    }

    /// When it was sent, in seconds since 1970, if its sender says so.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.delivery.timestamp()
    }

    /// What its sender calls itself.
    #[must_use]
    pub fn sender(&self) -> Option<&str> {
        self.delivery.app_id()
    }

    /// The body as it travelled.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.delivery.body
    }

    /// The task itself, still encoded: for programs with a codec of their own.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn undecoded(&self) -> Result<Encoded, Error> {
        payload::undecoded(&self.delivery, &self.delivery.body)
    }

    /// Pushes it again, from its first attempt.
    ///
    /// # Errors
    /// As a push, and [`Code::Unavailable`] when the connection that it was read on was lost: it stays a dead letter
    /// then. When it was lost between the push and the end of the letter, [`executed`](Error::executed) is
    /// [`Executed::Maybe`]: the task has been pushed, and is pushed once more by whoever retries the letter.
    ///
    /// # Cancel safety
    /// It may have been pushed and be a dead letter all the same.
    pub async fn retry(self) -> Result<(), Error> {
        self.check()?;
        let key = self.delivery.header(wire::HEADER_KEY);
        let target = self
            .names
            .target(self.names.partitions.map(|_| key.unwrap_or_default()))?;
        let copy = Message {
            routing_key: &target,
            mandatory: true,
            persistent: true,
            like: Some(&self.delivery),
            without: &[
                wire::HEADER_ATTEMPT,
                wire::HEADER_DEATH,
                wire::HEADER_DIED,
                wire::HEADER_ERROR,
                wire::HEADER_QUEUE,
            ],
            // The broker's own header, which may have said so, does not go along.
            headers: self.published().map_or_else(Vec::new, |(exchange, key)| {
                vec![
                    (wire::HEADER_EXCHANGE, exchange),
                    (wire::HEADER_ROUTING_KEY, key),
                ]
            }),
            body: self.delivery.body.clone(),
            ..Message::default()
        };
        let place = Target {
            names: &self.names,
            queue: &target,
        };
        let shared = self.connection.shared();
        shared.post(copy, &place, deadline(self.timeout)).await?;
        self.remove().await
    }

    /// Removes it for good.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the connection that it was read on was lost: it is still there then, unless
    /// [`executed`](Error::executed) says that nobody knows.
    ///
    /// # Cancel safety
    /// It may have been removed or not.
    pub async fn discard(self) -> Result<(), Error> {
        self.check()?;
        self.remove().await
    }

    fn check(&self) -> Result<(), Error> {
        match self.channel.is_open() && !self.session.is_lost() {
            true => Ok(()),
            false => Err(gone(Executed::No)),
        }
    }

    /// Waits until the broker has heard of it: what is acknowledged on a dead channel is not told to anybody.
    async fn remove(self) -> Result<(), Error> {
        self.channel.ack(self.delivery.tag, false);
        let heard = self.session.unless_lost(self.channel.round_trip()).await;
        heard.map_err(|_| gone(Executed::Maybe))
    }
}

fn gone(executed: Executed) -> Error {
    Error::new(
        Code::Unavailable,
        "the connection that the dead letter was read on was lost; it is back in its queue",
    )
    .with_executed(executed)
}

impl<T: DeserializeOwned + 'static> DeadLetter<T> {
    /// The task itself.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) when it is none of the queue's type, which may be why it
    /// died; [`Code::Unimplemented`](crate::Code::Unimplemented) for a content encoding or a later version of the
    /// protocol.
    pub fn job(&self) -> Result<T, Error> {
        payload::read(&self.delivery, &self.delivery.body)
    }
}
