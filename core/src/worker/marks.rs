//! Which tasks of a partition were being run when its owner died, and how often. A suspect is marked before each of its
//! runs, in a queue beside its partition, and the mark goes when that run is over: what is marked when a new owner comes
//! has ended the one before. Those marks stay until the task is settled. An owner that leaves in order says so in the same
//! place, since what it gives back counts as delivered again too.
//!
//! The partition itself cannot tell: after a death all that the owner held counts as delivered again, the harmless
//! neighbours too, and to put a suspect elsewhere would break the order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::message::Message;
use crate::amqp;
use crate::connection::{Session, Shared};
use crate::error::Error;
use crate::post::Place;
use crate::tasks::once::digest;
use crate::topology::QueueOptions;
use crate::wire;

/// How long a mark may take to be confirmed.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stop may be held up to say that it was in order.
const FAREWELL: Duration = Duration::from_secs(1);

/// The marks of one partition, for as long as this instance has it.
pub(super) struct Marks {
    session: Arc<Session>,
    place: Beside,
    /// What this process signs its marks with: it lives, so they are no deaths.
    signature: String,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Owners that a task has ended.
    deaths: HashMap<String, u32>,
    /// The owner before has left in order.
    in_order: bool,
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
        signature: &str,
    ) -> Result<Self, Error> {
        let marks = Self {
            session: Arc::clone(session),
            place: Beside { name, options },
            signature: signature.to_owned(),
            found: Mutex::default(),
        };
        marks.place.declare(session).await?;
        marks.sweep(None).await?;
        Ok(marks)
    }

    /// How many owners a task has ended.
    pub(super) fn deaths(&self, message: &Message) -> u32 {
        let found = self.found();
        let deaths = found.deaths.get(&name_of(message)).copied();
        deaths.unwrap_or_default()
    }

    /// Whether what the owner before has left is free of suspicion.
    pub(super) fn in_order(&self) -> bool {
        self.found().in_order
    }

    /// Tells the next owner so, unless that would take long: it is careful then.
    pub(super) async fn leave_in_order(&self, shared: &Shared) {
        if self.session.blocked() {
            return;
        }
        let farewell = amqp::Message {
            routing_key: &self.place.name,
            mandatory: true,
            persistent: true,
            kind: Some(wire::TYPE_IN_ORDER),
            ..amqp::Message::default()
        };
        let deadline = Instant::now() + FAREWELL;
        if let Err(error) = shared.post(farewell, &self.place, deadline).await {
            tracing::debug!(%error, "what goes back will be run with care");
        }
    }

    /// Says that a task is about to be run.
    pub(super) async fn mark(&self, shared: &Shared, message: &Message) -> Result<(), Error> {
        let mark = amqp::Message {
            routing_key: &self.place.name,
            mandatory: true,
            persistent: true,
            correlation_id: Some(&self.signature),
            body: name_of(message).into(),
            ..amqp::Message::default()
        };
        // On another session it would be somebody else's to heed.
        self.session
            .unless_lost(shared.post(mark, &self.place, Instant::now() + TIMEOUT))
            .await
    }

    /// The run is over, and has not ended this owner.
    pub(super) async fn survived(&self) -> Result<(), Error> {
        self.sweep(None).await
    }

    /// There is nothing more to be known about a task.
    pub(super) async fn settled(&self, message: &Message) -> Result<(), Error> {
        self.sweep(Some(&name_of(message))).await
    }

    /// Removes this process's marks and those of one task, and counts the others. One at a time, or one would miss what
    /// another has in hand.
    async fn sweep(&self, settled: Option<&str>) -> Result<(), Error> {
        let sweep = async {
            let mut found = Found::default();
            let channel = self.session.consume.channel().await?;
            while let Some(mark) = channel.get(&self.place.name).await? {
                let name = String::from_utf8_lossy(&mark.body).into_owned();
                let ours = mark.correlation_id() == Some(&self.signature);
                let in_order = mark.kind() == Some(wire::TYPE_IN_ORDER);
                found.in_order |= in_order;
                if ours || in_order || settled == Some(&*name) {
                    channel.ack(mark.tag, false);
                } else {
                    *found.deaths.entry(name).or_default() += 1;
                }
            }
            // The others go back to the queue with it.
            channel.close().await;
            Ok(found)
        };
        let found = self.session.unless_lost(sweep).await?;
        let mut before = self.found();
        before.deaths = found.deaths;
        before.in_order |= found.in_order;
        Ok(())
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its id; for messages of programs that give none, a digest of the body.
fn name_of(message: &Message) -> String {
    match message.id() {
        Some(id) => id.to_owned(),
        None => digest(message.queue(), message.body()),
    }
}
