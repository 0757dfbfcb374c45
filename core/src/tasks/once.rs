//! Tasks that are pushed more than once and done once: a lock while one runs, and a mark when it is done, both queues at
//! the broker, so that all workers see them.
//!
//! The lock is an exclusive queue, which one connection at a time can have and which goes with it. The mark is a message
//! in a queue that the broker removes when the window is over.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::amqp::Message;
use crate::connection::{Session, Shared};
use crate::error::{Code, Error};
use crate::post::Place;
use crate::topology::QueueOptions;

const DEADLINE: Duration = Duration::from_secs(10);

/// What a worker finds when it is about to run a task with a key.
pub(crate) enum Begin {
    Run(Guard),
    /// It has been done.
    Done,
    /// Another one of its key runs.
    Busy,
}

/// Locks that the workers of a connection hold: the broker would let one in twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<HashSet<String>>>);

/// Holds the lock. Dropping it gives the lock back.
pub(crate) struct Guard {
    locks: Locks,
    session: Arc<Session>,
    lock: String,
    mark: Mark,
}

struct Mark {
    name: String,
    options: QueueOptions,
}

impl Mark {
    /// How many marks there are. Makes their queue, since a look at one that is not there would cost a channel for each key.
    async fn count(&self, session: &Session) -> Result<u32, Error> {
        let queue = session.consume.create_queue(&self.name, &self.options);
        Ok(queue.await?.ready)
    }
}

impl Place for Mark {
    async fn declare(&self, session: &Session) -> Result<(), Error> {
        self.count(session).await.map(drop)
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// There is one for each key, and each is used once.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }
}

/// The names' common end: what they stand for may be long, and secret.
pub(crate) fn digest(queue: &str, key: impl AsRef<[u8]>) -> String {
    let mut hash = Sha256::new();
    hash.update(queue);
    hash.update([0]);
    hash.update(key);
    let hash = hash.finalize();
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) async fn begin(
    shared: &Shared,
    session: &Arc<Session>,
    queue: &str,
    key: &str,
    window: Duration,
) -> Result<Begin, Error> {
    let digest = digest(queue, key);
    let lock = shared.scoped(&format!("leveret.lock.{digest}"));
    let locks = &shared.locks;
    if !locks.lock().insert(lock.clone()) {
        return Ok(Begin::Busy);
    }
    let mut guard = Guard {
        locks: locks.clone(),
        session: Arc::clone(session),
        lock,
        mark: Mark {
            name: shared.scoped(&format!("leveret.done.{digest}")),
            // Declaring a queue keeps it from expiring; the message in it expires all the same.
            options: QueueOptions::classic()
                .expires(window)
                .message_ttl(window)
                .max_length(1),
        },
    };
    let locked = session
        .unless_lost(async {
            let channel = session.consume.channel().await?;
            channel.declare_exclusive(&guard.lock).await
        })
        .await;
    match locked {
        Ok(()) => {}
        Err(error) if error.code() == Code::FailedPrecondition => {
            // It is somebody else's: nothing of ours is to be deleted.
            guard.forget();
            return Ok(Begin::Busy);
        }
        Err(error) => return Err(error),
    }
    let marks = session.unless_lost(guard.mark.count(session)).await?;
    Ok(if marks > 0 {
        Begin::Done
    } else {
        Begin::Run(guard)
    })
}

impl Locks {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Marks the task as done. A worker that dies before its acknowledgement leaves the mark, and the task is skipped
    /// when it comes again.
    pub(crate) async fn done(&self, shared: &Shared) -> Result<(), Error> {
        let mark = Message {
            routing_key: &self.mark.name,
            mandatory: true,
            persistent: true,
            ..Message::default()
        };
        let deadline = crate::client::deadline(DEADLINE);
        match shared.post(mark, &self.mark, deadline).await {
            // There is one already.
            Err(error) if error.code() == Code::ResourceExhausted => Ok(()),
            outcome => outcome,
        }
    }

    fn forget(&mut self) {
        self.locks.lock().remove(&std::mem::take(&mut self.lock));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.lock.is_empty() {
            return;
        }
        let (locks, session) = (self.locks.clone(), Arc::clone(&self.session));
        let lock = std::mem::take(&mut self.lock);
        tokio::spawn(async move {
            let unlock = async { session.consume.channel().await?.delete(&lock).await };
            if let Err(error) = session.unless_lost(unlock).await {
                tracing::debug!(%error, "a lock goes with its connection");
            }
            locks.lock().remove(&lock);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_queues_and_keys_apart() {
        assert_eq!(digest("emails", "order-17").len(), 32);
        assert_ne!(digest("a", "bc"), digest("ab", "c"));
    }
}
