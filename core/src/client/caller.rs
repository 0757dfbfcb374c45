//! What all clients of one connection share: the limits, the route of the moment and the task that keeps
//! a route open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::WhenDown;
use super::limits::{Limits, Permit};
use super::route::Route;
use crate::connection::{Session, Shared, next_session};
use crate::error::{Code, Error, Executed};

/// How long a look at a queue's consumers is believed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause before a route is opened again on a session that still lives.
const REOPEN_AFTER: Duration = Duration::from_millis(100);
/// How long a close waits for the last cancels to leave.
const LAST_CANCELS: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Caller {
    limits: Limits,
    route: watch::Receiver<RouteState>,
    max_message_size: usize,
    unclaimed: Arc<AtomicU64>,
    /// Queue → when it was looked at and whether anybody consumed.
    consumers: Mutex<HashMap<String, (Instant, bool)>>,
}

#[derive(Clone, Debug)]
enum RouteState {
    Open(Arc<Route>),
    /// There is none now, for this reason.
    Down(Arc<str>),
    Closed,
}

impl Caller {
    pub(crate) fn start(shared: &Arc<Shared>) -> Arc<Self> {
        let (sender, route) =
            watch::channel(RouteState::Down("the connection is being set up".into()));
        let unclaimed = Arc::new(AtomicU64::new(0));
        tokio::spawn(keep_route(
            Arc::clone(shared),
            sender,
            Arc::clone(&unclaimed),
        ));
        Arc::new(Self {
            limits: Limits::new(shared.settings.max_calls, shared.settings.max_bytes),
            route,
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

    /// The common case: nothing is in the way.
    pub(super) fn try_permit(&self, size: usize) -> Option<Permit> {
        let bytes = u32::try_from(size)
            .ok()
            .filter(|_| size <= self.max_message_size)?;
        self.limits.try_acquire(bytes)
    }

    /// What [`try_permit`](Self::try_permit) did not give, waited for or refused with the reason.
    pub(super) async fn permit(
        &self,
        size: usize,
        deadline: Instant,
        wait: bool,
    ) -> Result<Permit, Error> {
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
        let bytes = u32::try_from(size).unwrap_or(u32::MAX);
        let busy = |code, what| {
            Error::new(
                code,
                format!("{what}: too many calls or bytes are in flight on this connection"),
            )
            .with_executed(Executed::No)
        };
        if !wait {
            return Err(busy(Code::ResourceExhausted, "the call was not sent"));
        }
        match timeout_at(deadline, self.limits.acquire(bytes)).await {
            Ok(Some(permit)) => Ok(permit),
            _ => Err(busy(
                Code::DeadlineExceeded,
                "the call waited until its deadline and was not sent",
            )),
        }
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

    /// The route, as soon as one is open.
    pub(super) async fn route(
        &self,
        deadline: Instant,
        when_down: WhenDown,
        when_blocked: WhenDown,
    ) -> Result<Arc<Route>, Error> {
        let mut states = self.route.clone();
        loop {
            let state = states.borrow_and_update().clone();
            let reason = match state {
                RouteState::Closed => {
                    return Err(
                        Error::new(Code::Unavailable, "the connection has been closed")
                            .with_executed(Executed::No)
                            .with_retryable(false),
                    );
                }
                RouteState::Open(route) if route.is_open() => {
                    match unblocked(&route, deadline, when_blocked).await? {
                        true => return Ok(route),
                        false => continue,
                    }
                }
                RouteState::Open(_) => "the connection was lost".into(),
                RouteState::Down(reason) => reason,
            };
            if when_down == WhenDown::Fail {
                return Err(Error::new(
                    Code::Unavailable,
                    format!("there is no connection to the broker: {reason}"),
                )
                .with_executed(Executed::No));
            }
            if !matches!(timeout_at(deadline, states.changed()).await, Ok(Ok(()))) {
                return Err(Error::new(
                    Code::DeadlineExceeded,
                    format!("there was no connection to the broker until the deadline: {reason}"),
                )
                .with_executed(Executed::No));
            }
        }
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

/// True when the route may be used; false when its session ended while it was waited for.
async fn unblocked(
    route: &Route,
    deadline: Instant,
    when_blocked: WhenDown,
) -> Result<bool, Error> {
    if !route.session.blocked() {
        return Ok(true);
    }
    let error = |code, what: &str| {
        Error::new(
            code,
            format!("{what}: the broker takes no publishes now (memory or disk alarm)"),
        )
        .with_executed(Executed::No)
    };
    if when_blocked == WhenDown::Fail {
        return Err(error(Code::Unavailable, "the call was not sent"));
    }
    match timeout_at(deadline, route.session.unblocked()).await {
        Ok(()) => Ok(route.is_open()),
        Err(_) => Err(error(
            Code::DeadlineExceeded,
            "the call waited until its deadline and was not sent",
        )),
    }
}

async fn keep_route(
    shared: Arc<Shared>,
    state: watch::Sender<RouteState>,
    unclaimed: Arc<AtomicU64>,
) {
    let mut sessions = shared.sessions();
    loop {
        let session = tokio::select! {
            biased;
            () = shared.stopped().cancelled() => break,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => break,
            },
        };
        match session.unless_lost(Route::open(&shared, &session)).await {
            Ok((route, mut consumer)) => {
                state.send_replace(RouteState::Open(Arc::clone(&route)));
                tokio::select! {
                    biased;
                    () = shared.stopped().cancelled() => {}
                    () = route.receive(&mut consumer, &unclaimed) => {}
                    () = ended(&session, &route) => {}
                }
                state.send_replace(RouteState::Down("the connection was lost".into()));
                route.close();
                if shared.stopped().is_cancelled() {
                    // Programs give a call up and close in one breath; its handler is to hear of it.
                    let _ = timeout(LAST_CANCELS, route.flush_cancels()).await;
                }
            }
            Err(_) if shared.stopped().is_cancelled() => break,
            Err(error) => {
                tracing::warn!(%error, "replies cannot be received; trying again");
                state.send_replace(RouteState::Down(error.to_string().into()));
            }
        }
        tokio::select! {
            () = shared.stopped().cancelled() => {}
            () = sleep(REOPEN_AFTER) => {}
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
