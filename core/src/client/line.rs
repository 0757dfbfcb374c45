//! How a call gets away: at once where nothing is in its way, and else in its turn. Those that wait (for a place, a
//! connection, a broker that is blocked) leave in the order in which they came, and nobody who comes later passes them by:
//! the order of sending is what a key keeps.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::WhenDown;
use super::caller::{Caller, RouteState};
use super::limits::Permit;
use super::route::Route;
use crate::connection::{Session, closed};
use crate::error::{Code, Error, Executed};

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Held by the first of them; the others wait for it, first come, first served.
    first: Mutex<()>,
    length: AtomicUsize,
}

impl Line {
    fn enter(&self) -> Place<'_> {
        self.length.fetch_add(1, Ordering::AcqRel);
        Place(self)
    }

    fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }
}

/// A place in the line.
struct Place<'a>(&'a Line);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.length.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The first place, kept until the call has been sent.
pub(super) struct Turn<'a> {
    _first: MutexGuard<'a, ()>,
    _place: Place<'a>,
}

/// What a call needs to be sent.
pub(super) struct Pass<'a> {
    pub(super) route: Arc<Route>,
    pub(super) permit: Arc<Permit>,
    /// Of a call that had to wait.
    pub(super) turn: Option<Turn<'a>>,
}

/// A call that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) size: usize,
    pub(super) deadline: Instant,
    /// Whether it waits for a place.
    pub(super) wait: bool,
    pub(super) when_disconnected: WhenDown,
    pub(super) when_blocked: WhenDown,
}

impl Caller {
    /// The common case: nothing is in the way.
    pub(super) fn pass_now(&self, wish: &Wish) -> Option<Pass<'_>> {
        if !self.line.is_empty() {
            return None;
        }
        let bytes = u32::try_from(wish.size).ok();
        let bytes = bytes.filter(|_| wish.size <= self.max_message_size)?;
        let permit = self.limits.try_acquire(bytes)?;
        Some(Pass {
            route: self.route_now()?,
            permit: Arc::new(permit),
            turn: None,
        })
    }

    /// What [`pass_now`](Self::pass_now) did not give, waited for or refused with the reason. Whoever has had his turn
    /// keeps it.
    pub(super) async fn pass<'a>(
        &'a self,
        wish: &Wish,
        turn: Option<Turn<'a>>,
    ) -> Result<Pass<'a>, Error> {
        let bytes = self.bytes(wish.size)?;
        if !wish.wait && self.limits.try_acquire(bytes).is_none() {
            return Err(busy(Code::ResourceExhausted, "the call was not sent"));
        }
        // Nobody holds a permit while he waits for his turn: it may be what the first one waits for.
        let turn = match turn {
            Some(turn) => turn,
            None => self.turn(wish).await?,
        };
        let permit = self.permit(bytes, wish).await?;
        let mut outlook = Outlook::new(self);
        let route = loop {
            match outlook.look(wish)? {
                Way::Open(route) => break route,
                way => outlook.change(&way, wish.deadline).await?,
            }
        };
        Ok(Pass {
            route,
            permit: Arc::new(permit),
            turn: Some(turn),
        })
    }

    async fn turn(&self, wish: &Wish) -> Result<Turn<'_>, Error> {
        let place = self.line.enter();
        // Whatever else its task has done: a first poll that yields would take no place.
        let mut first = pin!(unconstrained(self.line.first.lock()));
        let mut outlook = Outlook::new(self);
        loop {
            // Who does not wait for a connection does not wait behind those who do.
            let way = outlook.look(wish)?;
            tokio::select! {
                biased;
                first = &mut first => return Ok(Turn { _first: first, _place: place }),
                changed = outlook.change(&way, wish.deadline) => changed?,
            }
        }
    }

    fn bytes(&self, size: usize) -> Result<u32, Error> {
        if size > self.max_message_size {
            return Err(Error::new(
                Code::ResourceExhausted,
                format!(
                    "the arguments take {size} bytes, the limit is {} (the connection's max_message_size)",
                    self.max_message_size
                ),
            )
            .with_executed(Executed::No)
            .with_retryable(false));
        }
        // The builder keeps the limit below 4 GiB.
        Ok(u32::try_from(size).unwrap_or(u32::MAX))
    }

    async fn permit(&self, bytes: u32, wish: &Wish) -> Result<Permit, Error> {
        if let Some(permit) = self.limits.try_acquire(bytes) {
            return Ok(permit);
        }
        if !wish.wait {
            return Err(busy(Code::ResourceExhausted, "the call was not sent"));
        }
        let permit = timeout_at(wish.deadline, self.limits.acquire(bytes)).await;
        let late = || busy(Code::DeadlineExceeded, TOO_LATE);
        permit.ok().flatten().ok_or_else(late)
    }
}

const TOO_LATE: &str = "the call waited until its deadline and was not sent";

fn busy(code: Code, what: &str) -> Error {
    let message = format!("{what}: too many calls or bytes are in flight on this connection");
    Error::new(code, message).with_executed(Executed::No)
}

fn blocked(code: Code, what: &str) -> Error {
    let message = format!("{what}: the broker takes no publishes now (memory or disk alarm)");
    Error::new(code, message).with_executed(Executed::No)
}

/// What a look at the route has found.
enum Way {
    Open(Arc<Route>),
    /// The broker takes no publishes on it.
    Blocked(Arc<Route>),
    /// There is none, for this reason.
    Down(Arc<str>),
}

/// One call's view of the connection.
struct Outlook<'a> {
    caller: &'a Caller,
    routes: watch::Receiver<RouteState>,
    sessions: watch::Receiver<Option<Arc<Session>>>,
}

impl<'a> Outlook<'a> {
    fn new(caller: &'a Caller) -> Self {
        Self {
            caller,
            routes: caller.route.clone(),
            sessions: caller.sessions.clone(),
        }
    }

    /// Fails when the call is not to wait for what is in its way.
    fn look(&mut self, wish: &Wish) -> Result<Way, Error> {
        self.sessions.mark_unchanged();
        let state = self.routes.borrow_and_update().clone();
        let (reason, refused) = match state {
            RouteState::Closed => {
                return Err(closed());
            }
            RouteState::Open(route) if route.is_open() => {
                return if !route.session.blocked() {
                    Ok(Way::Open(route))
                } else if wish.when_blocked == WhenDown::Wait {
                    Ok(Way::Blocked(route))
                } else {
                    Err(blocked(Code::Unavailable, "the call was not sent"))
                };
            }
            RouteState::Open(_) => ("the connection was lost".into(), None),
            RouteState::Down { reason, refused } => (reason, refused),
        };
        if wish.when_disconnected == WhenDown::Fail && !self.caller.is_opening(refused.as_ref()) {
            return Err(Error::new(
                Code::Unavailable,
                format!("there is no connection to the broker: {reason}"),
            )
            .with_executed(Executed::No));
        }
        Ok(Way::Down(reason))
    }

    /// Waits until another look may find something else; fails at the deadline.
    async fn change(&mut self, way: &Way, deadline: Instant) -> Result<(), Error> {
        let unblocked = async {
            match way {
                Way::Blocked(route) => route.session.unblocked().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            // Its end is told as a state.
            _ = self.routes.changed() => return Ok(()),
            _ = self.sessions.changed() => return Ok(()),
            () = unblocked => return Ok(()),
            () = sleep_until(deadline) => {}
        }
        Err(match way {
            Way::Open(_) => busy(Code::DeadlineExceeded, TOO_LATE),
            Way::Blocked(_) => blocked(Code::DeadlineExceeded, TOO_LATE),
            Way::Down(reason) => Error::new(
                Code::DeadlineExceeded,
                format!("there was no connection to the broker until the deadline: {reason}"),
            )
            .with_executed(Executed::No),
        })
    }
}
