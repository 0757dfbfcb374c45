//! Messages that nobody answers: tasks, events, and copies of those for a later attempt. Each is sent until the broker
//! has confirmed it or the deadline has come. One that was sent twice because its fate was unknown has the same id.

mod draft;
mod place;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

pub(crate) use draft::{Defaults, Draft};
pub(crate) use place::{Declared, Known, Place};

use crate::amqp::{self, Channel, ConfirmSink, Delivery, Message, Publisher, Returned};
use crate::client::Permit;
use crate::connection::{Session, Shared, closed, next_session};
use crate::error::{Code, Error, Executed};

/// How often a message under way looks whether its channel still lives: lapin does not always tell.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The pause before a message is sent again on a session that still lives.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The confirm channel of a session for such messages.
pub(crate) struct Posting {
    publisher: Publisher<Ticket>,
}

struct Ticket {
    /// Of messages that must reach a queue.
    message_id: Option<String>,
    fate: oneshot::Sender<Fate>,
    _permit: Arc<Permit>,
}

#[derive(Debug)]
enum Fate {
    Accepted,
    Refused,
    Unroutable,
    /// The channel died, of this if anybody knows.
    Lost(Option<Error>),
}

impl amqp::Ticket for Ticket {
    fn is_waited_for(&self) -> bool {
        true
    }
}

/// Ids of messages that came back and whose confirms have not been seen. An id that foreign programs use for all they
/// send comes back several times.
#[derive(Default)]
struct Sink(Mutex<HashMap<String, usize>>);

impl ConfirmSink<Ticket> for Sink {
    fn confirmed(&self, ticket: Ticket) {
        let returned = ticket.message_id.is_some_and(|id| {
            let mut returned = self.lock();
            let Some(times) = returned.get_mut(&id) else {
                return false;
            };
            *times -= 1;
            if *times == 0 {
                returned.remove(&id);
            }
            true
        });
        let fate = if returned {
            Fate::Unroutable
        } else {
            Fate::Accepted
        };
        let _ = ticket.fate.send(fate);
    }

    fn refused(&self, ticket: Ticket) {
        let _ = ticket.fate.send(Fate::Refused);
    }

    fn returned(&self, message: Returned<'_>) {
        if let Some(id) = message.message_id {
            *self.lock().entry(id.to_owned()).or_default() += 1;
        }
    }

    fn lost(&self, ticket: Ticket, error: Error) {
        let _ = ticket.fate.send(Fate::Lost(Some(error)));
    }
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    async fn posting(&self) -> Result<Arc<Posting>, Error> {
        let mut slot = self.posting.lock().await;
        if let Some(posting) = slot.as_ref().filter(|posting| posting.publisher.is_open()) {
            return Ok(Arc::clone(posting));
        }
        let posting = self.open_posting().await?;
        *slot = Some(Arc::clone(&posting));
        Ok(posting)
    }

    async fn open_posting(&self) -> Result<Arc<Posting>, Error> {
        let open = async {
            let channel: Channel = self.publish.channel().await?;
            Publisher::open(channel, Sink::default()).await
        };
        let publisher = self.unless_lost(open).await?;
        Ok(Arc::new(Posting { publisher }))
    }
}

/// One attempt at sending.
struct Attempt<'a> {
    session: &'a Session,
    /// On a channel of its own.
    alone: bool,
    deadline: Instant,
}

impl Shared {
    /// Sends a message until the broker has it.
    pub(crate) async fn post(
        &self,
        message: Message<'_>,
        place: &impl Place,
        deadline: Instant,
    ) -> Result<(), Error> {
        let size = match message.like {
            // Too large for this connection or not, it is there, and has to go somewhere.
            Some(_) => message.body.len().min(self.settings.max_message_size),
            None => message.body.len(),
        };
        let permit = Arc::new(self.permit(size, deadline).await?);
        let mut sessions = self.sessions();
        // Whether an earlier attempt may have arrived, and what stood in the way last.
        let mut maybe = Executed::No;
        let mut reason: Option<Error> = None;
        let mut unroutable = false;
        // What ends a channel is sent again on one of its own, so that it ends nobody else's, and its error is known to be
        // its own.
        let mut alone = false;
        loop {
            let session = tokio::select! {
                biased;
                () = self.stopped().cancelled() => return Err(closed().with_executed(maybe)),
                session = timeout_at(deadline, next_session(&mut sessions)) => match session {
                    Ok(Some(session)) => session,
                    Ok(None) => return Err(closed().with_executed(maybe)),
                    Err(_) => return Err(too_late(maybe, reason)),
                },
            };
            let mut sent = false;
            let attempt = Attempt {
                session: &session,
                alone,
                deadline,
            };
            let attempt = self.attempt(attempt, &message, place, &permit, &mut sent);
            match timeout_at(deadline, attempt).await {
                Ok(Ok(Fate::Accepted)) => return Ok(()),
                Ok(Ok(Fate::Refused)) => {
                    return Err(Error::new(
                        Code::ResourceExhausted,
                        format!("{} takes no more messages: it is full", place.name()),
                    )
                    .with_executed(Executed::Maybe));
                }
                // It was there a while ago; it is declared again.
                Ok(Ok(Fate::Unroutable)) if !unroutable => {
                    place.forget(&session.declared);
                    unroutable = true;
                }
                Ok(Ok(Fate::Unroutable)) => {
                    return Err(Error::new(
                        Code::NoSuchService,
                        format!(
                            "no queue takes messages for {}: it was deleted, or its bindings were",
                            place.name()
                        ),
                    )
                    .with_executed(maybe));
                }
                Ok(Ok(Fate::Lost(Some(error)))) if alone && !session.is_lost() => {
                    return Err(error.with_executed(maybe));
                }
                Ok(Ok(Fate::Lost(error))) => {
                    place.forget(&session.declared);
                    // What the broker refuses has not arrived; but a channel that others use it may have closed over one of
                    // theirs.
                    let refused =
                        alone && error.is_some_and(|error| error.code() != Code::Unavailable);
                    alone = !session.is_lost();
                    if !refused {
                        maybe = Executed::Maybe;
                    }
                }
                Ok(Err(error)) if error.code() == Code::Unavailable => reason = Some(error),
                Ok(Err(error)) => return Err(error.with_executed(maybe)),
                Err(_) if sent => return Err(too_late(Executed::Maybe, reason)),
                Err(_) => return Err(too_late(maybe, reason)),
            }
            let again = tokio::time::sleep(AGAIN_AFTER);
            if timeout_at(deadline, again).await.is_err() {
                return Err(too_late(maybe, reason));
            }
        }
    }

    async fn attempt(
        &self,
        attempt: Attempt<'_>,
        message: &Message<'_>,
        place: &impl Place,
        permit: &Arc<Permit>,
        sent: &mut bool,
    ) -> Result<Fate, Error> {
        let Attempt {
            session,
            alone,
            deadline,
        } = attempt;
        if session.blocked() {
            session.unblocked().await;
        }
        session.make_sure_of(place).await?;
        let posting = if alone {
            session.open_posting().await?
        } else {
            session.posting().await?
        };
        let (fate, mut outcome) = oneshot::channel();
        // By its id a message that comes back is known again.
        let known = message
            .message_id
            .or_else(|| message.like.and_then(Delivery::message_id));
        let fresh = match known {
            None if message.mandatory => Some(Uuid::new_v4().to_string()),
            _ => None,
        };
        let message = Message {
            message_id: known.or(fresh.as_deref()),
            user_id: self
                .settings
                .user_id
                .as_deref()
                .or(session.login.as_deref()),
            ..message.clone()
        };
        let ticket = Ticket {
            message_id: message
                .message_id
                .filter(|_| message.mandatory)
                .map(str::to_owned),
            fate,
            _permit: Arc::clone(permit),
        };
        if let Err(error) = posting.publisher.publish(message, ticket) {
            // A broken channel is replaced; anything else would fail there too.
            return if posting.publisher.is_open() {
                Err(error)
            } else {
                Err(unavailable())
            };
        }
        *sent = true;
        loop {
            let look = deadline.min(Instant::now() + LOOK_EVERY);
            match timeout_at(look, &mut outcome).await {
                Ok(fate) => return Ok(fate.unwrap_or(Fate::Lost(None))),
                Err(_) if session.is_lost() || !posting.publisher.is_open() => {
                    return Ok(Fate::Lost(None));
                }
                Err(_) => {}
            }
        }
    }

    async fn permit(&self, size: usize, deadline: Instant) -> Result<Permit, Error> {
        let bytes = u32::try_from(size)
            .ok()
            .filter(|_| size <= self.settings.max_message_size)
            .ok_or_else(|| {
                Error::new(
                    Code::ResourceExhausted,
                    format!(
                        "the message takes {size} bytes, the limit is {} (the connection's max_message_size)",
                        self.settings.max_message_size
                    ),
                )
                .with_executed(Executed::No)
                .with_retryable(false)
            })?;
        if let Some(permit) = self.posts.try_acquire(bytes) {
            return Ok(permit);
        }
        let permit = timeout_at(deadline, self.posts.acquire(bytes)).await;
        permit.ok().flatten().ok_or_else(|| {
            Error::new(
                Code::DeadlineExceeded,
                "too many messages or bytes were under way on this connection until the deadline",
            )
            .with_executed(Executed::No)
        })
    }
}

fn unavailable() -> Error {
    Error::new(Code::Unavailable, "the connection was lost").with_executed(Executed::No)
}

fn too_late(executed: Executed, reason: Option<Error>) -> Error {
    let error = match &reason {
        Some(reason) => Error::new(
            Code::DeadlineExceeded,
            format!(
                "the broker did not confirm the message in time: {}",
                reason.message()
            ),
        ),
        None => Error::new(
            Code::DeadlineExceeded,
            "the broker did not confirm the message in time; it may be blocked (low on memory or disk), or away",
        ),
    };
    let error = error.with_executed(executed);
    match reason {
        Some(reason) => error.with_source(reason),
        None => error,
    }
}
