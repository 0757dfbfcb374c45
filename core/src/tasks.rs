//! Tasks: work that is pushed into a durable queue and done by whoever takes it, once at least. Here is the pushing side;
//! [`worker`](crate::worker) does the work.

mod dead;
pub(crate) mod delay;
mod names;
pub(crate) mod once;
mod push;
mod queue;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use dead::{DeadLetter, DeadLetters, DeathReason};
pub(crate) use names::{LONGEST_NAME, Names, Target, is_beside};
pub use push::Push;
pub(crate) use push::post_later;
pub(crate) use queue::QueueSpec;
pub use queue::{Retry, TaskQueue};

use crate::codec::Codec;
use crate::connection::{Connection, Session};
use crate::error::Error;
use crate::post::{Defaults, Draft};

/// How many tasks of [`Tasks::push_all`] are under way at once.
const AT_ONCE: usize = 256;

/// Pushes tasks to a queue, and looks after it. Made by [`Connection::tasks`]. Cheap to clone.
///
/// ```no_run
/// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
/// use std::time::Duration;
/// use leveret::TaskQueue;
///
/// let emails = connection.tasks(&TaskQueue::<String>::new("emails"));
/// let id = emails.push(&"to all".to_owned()).delay(Duration::from_secs(60)).await?;
/// println!("{id} will be sent in a minute; {} wait", emails.info().await?.ready);
/// # Ok(())
/// # }
/// ```
pub struct Tasks<T> {
    connection: Connection,
    queue: TaskQueue<T>,
    defaults: Defaults,
}

/// What is known about a queue, as of a moment ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// Tasks that wait for a worker. Those that rest before another attempt, or were pushed with a delay, are in none
    /// of these counts.
    pub ready: u64,
    /// Workers, each of which counts once; of a keyed queue the partitions that are being worked on.
    pub consumers: u32,
    /// Tasks that may have ended their worker and wait to be run alone.
    pub set_aside: u64,
    /// Dead letters.
    pub dead: u64,
    /// Tasks that workers have taken and not settled yet: those that they run, alone or not, and those that they have
    /// taken ahead. AMQP does not tell it. It comes from the management API, whose figures are up to 5 s old, and is
    /// `None` without one (`ConnectionBuilder::management`), where that fails, and for a queue that it has no figures
    /// of yet.
    pub unacked: Option<u64>,
}

impl Connection {
    /// Pushes tasks to this queue, and looks after it.
    #[must_use]
    pub fn tasks<T>(&self, queue: &TaskQueue<T>) -> Tasks<T> {
        Tasks {
            connection: self.clone(),
            queue: queue.clone(),
            defaults: Defaults::default(),
        }
    }
}

impl<T> Clone for Tasks<T> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            queue: self.queue.clone(),
            defaults: self.defaults.clone(),
        }
    }
}

impl<T> fmt::Debug for Tasks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("queue", &self.queue.name())
            .finish_non_exhaustive()
    }
}

impl<T> Tasks<T> {
    /// How long a push waits for the broker's confirm. Default: 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = timeout;
        self
    }

    /// How tasks are written. Default: MessagePack; JSON for workers that read nothing else.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.defaults.codec = codec;
        self
    }

    /// Sends this entry with every task.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a key that may not be used.
    pub fn with_metadata(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        self.defaults.metadata.insert(key, value)?;
        Ok(self)
    }

    /// What is in the queue and in those beside it.
    ///
    /// # Errors
    /// [`Code::NoSuchService`](crate::Code::NoSuchService) when neither a push nor a worker has declared the queue yet,
    /// [`Code::Unavailable`](crate::Code::Unavailable) without a connection.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn info(&self) -> Result<QueueInfo, Error> {
        let names = self.names()?;
        let session = self
            .connection
            .shared()
            .session_within(self.defaults.timeout)
            .await?;
        let (mut info, worked) = session.unless_lost(count(&session, &names)).await?;
        info.unacked = self.unacked(&session, &worked).await;
        Ok(info)
    }

    #[cfg(feature = "management")]
    async fn unacked(&self, session: &Session, queues: &[String]) -> Option<u64> {
        let management = self.connection.shared().settings.management.as_ref()?;
        management.unacked(&session.address, queues).await
    }

    /// AMQP does not tell it.
    #[cfg(not(feature = "management"))]
    async fn unacked(&self, _: &Session, _: &[String]) -> Option<u64> {
        None
    }

    /// Removes the tasks that wait, and gives how many those were. Those that rest before another attempt stay.
    ///
    /// # Errors
    /// As [`info`](Self::info).
    ///
    /// # Cancel safety
    /// What has been removed stays removed.
    pub async fn purge(&self) -> Result<u64, Error> {
        let names = self.names()?;
        let session = self
            .connection
            .shared()
            .session_within(self.defaults.timeout)
            .await?;
        let purge = async {
            let channel = session.consume.channel().await?;
            let mut purged = 0;
            for queue in names.all() {
                if names.partitions.is_none() || session.consume.count(&queue).await?.is_some() {
                    purged += channel.purge(&queue).await?;
                }
            }
            channel.close().await;
            Ok(purged)
        };
        session.unless_lost(purge).await
    }

    fn names(&self) -> Result<Names, Error> {
        let namespace = &self.connection.shared().settings.namespace;
        self.queue.spec.names(namespace)
    }
}

/// What AMQP tells, and the queues from which workers take tasks.
async fn count(session: &Session, names: &Names) -> Result<(QueueInfo, Vec<String>), Error> {
    let link = &session.consume;
    let mut info = QueueInfo::default();
    let mut worked = Vec::new();
    // A push declares the partition of its key, a worker all of them.
    for queue in names.all() {
        if let Some(counts) = link.count(&queue).await? {
            info.ready += u64::from(counts.ready);
            info.consumers += counts.consumers;
            worked.push(queue);
        }
    }
    if worked.is_empty() {
        return Err(names.missing());
    }
    // Partitions have none, and a look in vain costs a channel.
    if names.partitions.is_none()
        && let Some(counts) = link.count(&names.suspect).await?
    {
        info.set_aside = counts.ready.into();
        worked.push(names.suspect.clone());
    }
    let dead = link.count(&names.dead).await?.unwrap_or_default();
    info.dead = dead.ready.into();
    Ok((info, worked))
}

impl<T: Serialize + 'static> Tasks<T> {
    /// Pushes a task: a durable queue, a persistent message, and done when the broker has confirmed it. It is sent
    /// again until then or until its timeout, with one id, so that a connection lost at the wrong moment can put it
    /// into the queue twice, never zero times.
    pub fn push(&self, job: &T) -> Push {
        let body = crate::payload::encode(job, self.defaults.codec);
        let draft = Draft::new(self.connection.clone(), &self.defaults, body);
        Push::new(draft, self.queue.spec.clone())
    }

    /// Pushes many, which is faster than one after the other. They enter the queue in no particular order, and have no
    /// keys: a keyed queue refuses them.
    ///
    /// # Errors
    /// The first error; the others of the moment may have been pushed or not. As for [`push`](Self::push).
    ///
    /// # Cancel safety
    /// Those that are under way may have been pushed.
    pub async fn push_all<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a T>,
    ) -> Result<Vec<Uuid>, Error> {
        let pushes: Vec<_> = jobs.into_iter().map(|job| self.push(job)).collect();
        stream::iter(pushes)
            .map(IntoFuture::into_future)
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Tasks<T> {
    /// The dead letters, oldest first, to be read, tried again, or thrown away.
    ///
    /// # Errors
    /// As [`info`](Self::info).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn dead_letters(&self) -> Result<DeadLetters<T>, Error> {
        let names = self.names()?;
        let session = self
            .connection
            .shared()
            .session_within(self.defaults.timeout)
            .await?;
        DeadLetters::open(
            self.connection.clone(),
            session,
            names,
            self.defaults.timeout,
        )
        .await
    }
}
