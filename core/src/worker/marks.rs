//! Which tasks of a partition were being run when its owner died, and how often. A task that is delivered again is marked
//! before it is run, in a queue beside its partition, and the marks go when it has been settled: what is marked when a
//! new owner comes has ended the one before.
//!
//! The partition itself cannot tell: after a death all that the owner held counts as delivered again, the harmless
//! neighbours too, and to put a suspect elsewhere would break the order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::message::Message;
use crate::amqp;
use crate::connection::{Session, Shared};
use crate::error::Error;
use crate::post::Place;
use crate::tasks::once::digest;
use crate::topology::QueueOptions;

/// How long a mark may take to be confirmed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The marks of one partition, for as long as this instance has it.
pub(super) struct Marks {
    session: Arc<Session>,
    place: Beside,
    /// What the owners before have left, of tasks that have not been settled since.
    found: HashMap<String, u32>,
    /// It is there no more: it went with the marks of a task that has been settled.
    cleared: bool,
}

struct Beside {
    name: String,
    options: QueueOptions,
}

impl Place for Beside {
    async fn declare(&self, session: &Session) -> Result<(), Error> {
        session
            .consume
            .declare_queue(&self.name, &self.options)
            .await
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Marks {
    /// Reads what the owners before have left.
    pub(super) async fn read(
        session: &Arc<Session>,
        name: String,
        options: QueueOptions,
    ) -> Result<Self, Error> {
        let place = Beside { name, options };
        place.declare(session).await?;
        let mut found = HashMap::new();
        // They go back to the queue with the channel.
        let channel = session.consume.channel().await?;
        while let Some(mark) = channel.get(&place.name).await? {
            let id = String::from_utf8_lossy(&mark.body).into_owned();
            *found.entry(id).or_default() += 1;
        }
        channel.close().await;
        Ok(Self {
            session: Arc::clone(session),
            place,
            found,
            cleared: false,
        })
    }

    /// How many owners a task has ended.
    pub(super) fn deaths(&self, message: &Message) -> u32 {
        self.found
            .get(&name_of(message))
            .copied()
            .unwrap_or_default()
    }

    /// Says that a task is about to be run.
    pub(super) async fn mark(&self, shared: &Shared, message: &Message) -> Result<(), Error> {
        let lost = if self.cleared {
            self.deaths(message)
        } else {
            0
        };
        for _ in 0..=lost {
            let mark = amqp::Message {
                routing_key: &self.place.name,
                mandatory: true,
                persistent: true,
                body: name_of(message).into(),
                ..amqp::Message::default()
            };
            shared
                .post(mark, &self.place, Instant::now() + TIMEOUT)
                .await?;
        }
        Ok(())
    }

    /// The task has been settled.
    pub(super) async fn clear(&mut self, message: &Message) -> Result<(), Error> {
        self.found.remove(&name_of(message));
        let purge = async {
            let channel = self.session.consume.channel().await?;
            channel.purge(&self.place.name).await?;
            channel.close().await;
            Ok(())
        };
        self.session.unless_lost(purge).await?;
        self.cleared = true;
        Ok(())
    }
}

/// Its id; for messages of programs that give none, a digest of the body.
fn name_of(message: &Message) -> String {
    match message.id() {
        Some(id) => id.to_owned(),
        None => digest(message.queue(), message.body()),
    }
}
