//! What all clients of one connection share: the limits, the route of the moment and the task that keeps
//! a route open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::limits::Limits;
use super::line::Line;
use super::route::Route;
use crate::connection::{Pauses, Session, Shared, next_session};
use crate::error::{Code, Error, Executed};

/// How long a look at a queue's consumers is believed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause before a route is opened again on a session that still lives.
const REOPEN_AFTER: Duration = Duration::from_millis(100);
/// How long a close waits for the last cancels to leave.
const LAST_CANCELS: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Caller {
    pub(super) limits: Limits,
    pub(super) line: Line,
    pub(super) route: watch::Receiver<RouteState>,
    pub(super) sessions: watch::Receiver<Option<Arc<Session>>>,
    pub(super) max_message_size: usize,
    unclaimed: Arc<AtomicU64>,
    /// Queue → when it was looked at and whether anybody consumed.
    consumers: Mutex<HashMap<String, (Instant, bool)>>,
}

#[derive(Clone, Debug)]
pub(super) enum RouteState {
    Open(Arc<Route>),
    /// There is none now, for this reason.
    Down {
        reason: Arc<str>,
        /// The session that would not have one.
        refused: Option<Weak<Session>>,
    },
    Closed,
}

impl RouteState {
    fn down(reason: &str) -> Self {
        Self::Down {
            reason: reason.into(),
            refused: None,
        }
    }
}

impl Caller {
    pub(crate) fn start(shared: &Arc<Shared>) -> Arc<Self> {
        let (sender, route) = watch::channel(RouteState::down("the connection is being set up"));
        let unclaimed = Arc::new(AtomicU64::new(0));
        tokio::spawn(keep_route(
            Arc::clone(shared),
            sender,
            Arc::clone(&unclaimed),
        ));
        Arc::new(Self {
            limits: Limits::new(shared.settings.max_calls, shared.settings.max_bytes),
            line: Line::default(),
            route,
            sessions: shared.sessions(),
            max_message_size: shared.settings.max_message_size,
            unclaimed,
            consumers: Mutex::default(),
        })
    }

    /// Waits, but not for long, until nothing more is to be sent on a connection that has been stopped.
    pub(crate) async fn ended(&self) {
        let mut route = self.route.clone();
        let closed = route.wait_for(|state| matches!(state, RouteState::Closed));
        let _ = timeout(LAST_CANCELS, closed).await;
    }

    /// How many replies nobody waited for.
    pub(super) fn unclaimed(&self) -> u64 {
        self.unclaimed.load(Ordering::Relaxed)
    }

    /// The common case: a route is open and the broker takes publishes.
    pub(super) fn route_now(&self) -> Option<Arc<Route>> {
        match &*self.route.borrow() {
            RouteState::Open(route) if route.is_open() && !route.session.blocked() => {
                Some(Arc::clone(route))
            }
            _ => None,
        }
    }

    /// Whether a route is being opened: there is a connection, and it is not the one that would not have one.
    pub(super) fn is_opening(&self, refused: Option<&Weak<Session>>) -> bool {
        let session = self.sessions.borrow();
        session.as_ref().is_some_and(|session| {
            !session.is_lost()
                && refused.is_none_or(|refused| !refused.ptr_eq(&Arc::downgrade(session)))
        })
    }

    /// Fails when nobody consumes from a queue.
    pub(super) async fn look(
        &self,
        route: &Route,
        queue: &str,
        deadline: Instant,
    ) -> Result<(), Error> {
        let known = {
            let consumers = self
                .consumers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            consumers
                .get(queue)
                .filter(|(at, _)| at.elapsed() < LOOK_EVERY)
                .map(|(_, served)| *served)
        };
        let served = match known {
            Some(served) => served,
            None => {
                let count = route.session.consume.count_consumers(queue);
                let look = route.session.unless_lost(count);
                let consumers = timeout_at(deadline, look).await.map_err(|_| {
                    Error::new(
                        Code::DeadlineExceeded,
                        "the deadline passed while the call looked for servers",
                    )
                    .with_executed(Executed::No)
                })??;
                // Of a queue that does not exist the broker tells when the request is sent.
                let served = consumers.is_none_or(|consumers| consumers > 0);
                let mut consumers = self
                    .consumers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                consumers.retain(|_, (at, _)| at.elapsed() < LOOK_EVERY);
                consumers.insert(queue.to_owned(), (Instant::now(), served));
                served
            }
        };
        if served {
            return Ok(());
        }
        Err(Error::new(
            Code::Unavailable,
            format!("no server consumes from the queue `{queue}` now"),
        )
        .with_executed(Executed::No))
    }
}

async fn keep_route(
    shared: Arc<Shared>,
    state: watch::Sender<RouteState>,
    unclaimed: Arc<AtomicU64>,
) {
    let mut sessions = shared.sessions();
    let mut pauses = Pauses::from(REOPEN_AFTER);
    loop {
        let session = tokio::select! {
            biased;
            () = shared.stopped().cancelled() => break,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => break,
            },
        };
        let opened = session.unless_lost(Route::open(&shared, &session)).await;
        let pause = pauses.after(&opened);
        match opened {
            Ok((route, mut consumer)) => {
                state.send_replace(RouteState::Open(Arc::clone(&route)));
                tokio::select! {
                    biased;
                    () = shared.stopped().cancelled() => {}
                    () = route.receive(&mut consumer, &unclaimed) => {}
                    () = ended(&session, &route) => {}
                }
                state.send_replace(RouteState::down("the connection was lost"));
                route.close();
                if shared.stopped().is_cancelled() {
                    // Programs give a call up and close in one breath; its handler is to hear of it.
                    let _ = timeout(LAST_CANCELS, route.flush_cancels()).await;
                }
            }
            Err(_) if shared.stopped().is_cancelled() => break,
            Err(error) => {
                tracing::warn!(%error, "replies cannot be received; trying again");
                state.send_replace(RouteState::Down {
                    reason: error.to_string().into(),
                    refused: Some(Arc::downgrade(&session)),
                });
            }
        }
        tokio::select! {
            () = shared.stopped().cancelled() => {}
            () = sleep(pause) => {}
        }
    }
    state.send_replace(RouteState::Closed);
}

/// Ends when the session is lost, or the request channel alone.
async fn ended(session: &Session, route: &Route) {
    let mut look = tokio::time::interval(Duration::from_millis(200));
    tokio::select! {
        () = session.lost() => {}
        () = async {
            while route.is_open() {
                look.tick().await;
            }
        } => {}
    }
}
