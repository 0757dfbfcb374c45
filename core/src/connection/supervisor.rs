//! Keeps a connection alive: notices its loss, opens it anew with backoff and jitter, tells its state.

use std::sync::Arc;
use std::time::Duration;

use super::{ConnectionState, Session, Settings, Shared};
use crate::amqp::LinkState;
use crate::error::{Code, Error};

/// A broker that refused a login will refuse it again; asking often locks accounts.
const REFUSED_DELAY: Duration = Duration::from_secs(5);

pub(super) async fn supervise(shared: Arc<Shared>, mut session: Option<Arc<Session>>) {
    let mut failures = 0;
    loop {
        let current = match session.take() {
            Some(current) => current,
            None => tokio::select! {
                biased;
                () = shared.stop.cancelled() => break,
                found = reconnect(&shared.settings, failures) => match found {
                    Ok(found) => Arc::new(found),
                    Err(error) => {
                        tracing::warn!(%error, failures, "cannot connect; trying again");
                        failures += 1;
                        continue;
                    }
                },
            },
        };
        failures = 0;
        shared.session.send_replace(Some(Arc::clone(&current)));
        let stopped = tokio::select! {
            biased;
            () = shared.stop.cancelled() => true,
            reason = lost(&shared, &current) => {
                tracing::warn!(%reason, "the connection was lost; reconnecting");
                false
            }
        };
        if stopped {
            shared.session.send_replace(None);
            if let Some(caller) = shared.caller.get() {
                caller.ended().await;
            }
            current.close().await;
            break;
        }
        current.hang_up();
        shared.state.send_replace(ConnectionState::Reconnecting);
        shared.session.send_replace(None);
    }
    shared.session.send_replace(None);
    shared.state.send_replace(ConnectionState::Closed);
}

/// Tries every address once, after the delay that so many failures call for.
async fn reconnect(settings: &Settings, failures: u32) -> Result<Session, Error> {
    tokio::time::sleep(delay(settings, failures)).await;
    let outcome = connect_any(settings, failures as usize).await;
    if let Err(error) = &outcome
        && matches!(error.code(), Code::Unauthenticated | Code::PermissionDenied)
    {
        tokio::time::sleep(REFUSED_DELAY).await;
    }
    outcome
}

/// Tries every address once, beginning with one that depends on `turn`.
pub(super) async fn connect_any(settings: &Settings, turn: usize) -> Result<Session, Error> {
    let mut outcome = Err(Error::new(
        Code::InvalidArgument,
        "there is no broker address",
    ));
    for step in 0..settings.addresses.len() {
        let address = &settings.addresses[(turn + step) % settings.addresses.len()];
        outcome = Session::connect(address, &settings.link).await;
        match &outcome {
            Ok(_) => break,
            Err(error) => tracing::debug!(%error, %address, "an address failed"),
        }
    }
    outcome
}

/// Exponential with jitter between half and all of it, so that a thousand clients do not return at once.
fn delay(settings: &Settings, failures: u32) -> Duration {
    let full = settings
        .backoff_first
        .saturating_mul(1 << failures.min(16))
        .min(settings.backoff_most);
    let random = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    full.mul_f64(0.5 + random / 2.0)
}

/// Follows both links and returns why one of them ended.
async fn lost(shared: &Shared, session: &Session) -> Arc<str> {
    let mut publish = session.publish.state();
    let mut consume = session.consume.state();
    loop {
        for link in [&mut publish, &mut consume] {
            if let LinkState::Lost(reason) = &*link.borrow_and_update() {
                return Arc::clone(reason);
            }
        }
        let state = match &*publish.borrow() {
            LinkState::Blocked(reason) => {
                tracing::warn!(%reason, "the broker takes no publishes");
                ConnectionState::Blocked
            }
            _ => ConnectionState::Connected,
        };
        shared
            .state
            .send_if_modified(|current| std::mem::replace(current, state) != state);
        tokio::select! {
            changed = publish.changed() => if changed.is_err() { return "it was dropped".into() },
            changed = consume.changed() => if changed.is_err() { return "it was dropped".into() },
        }
    }
}
