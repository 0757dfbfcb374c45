//! What a message needs to be there before it can be sent, and what a session knows of that.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Session;
use crate::error::Error;

/// What has to exist before a message can be sent, and is looked for once a session.
pub(crate) trait Place: Sync {
    /// Makes sure that it exists.
    fn declare(&self, session: &Session) -> impl Future<Output = Result<(), Error>> + Send;
    /// By this it is remembered.
    fn name(&self) -> &str;
    /// Among these.
    fn kind<'a>(&self, declared: &'a Declared) -> &'a Known {
        &declared.queues
    }
    /// It may not be there any more: it is to be looked for again.
    fn forget(&self, declared: &Declared) {
        self.kind(declared).forget(self.name());
    }
    /// For how long it is taken for granted once it was found: a session, unless its absence would show nowhere.
    fn lasts(&self) -> Duration {
        Duration::MAX
    }
}

/// What a session has found or made. A queue and an exchange may have one name.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) queues: Known,
    pub(crate) exchanges: Known,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Instant>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.has_lately(name, Duration::MAX)
    }

    /// Whether it was found no longer ago than this.
    pub(crate) fn has_lately(&self, name: &str, within: Duration) -> bool {
        let found = self.lock().get(name).copied();
        found.is_some_and(|found| found.elapsed() < within)
    }

    pub(crate) fn add(&self, name: &str) {
        self.lock().insert(name.to_owned(), Instant::now());
    }

    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }
}

impl Session {
    pub(super) async fn make_sure_of(&self, place: &impl Place) -> Result<(), Error> {
        let (known, lasts) = (place.kind(&self.declared), place.lasts());
        if lasts.is_zero() {
            return self.unless_lost(place.declare(self)).await;
        }
        if known.has_lately(place.name(), lasts) {
            return Ok(());
        }
        // The first of many that come at once declares it for all.
        let _turn = self.declared.turn.lock().await;
        if !known.has_lately(place.name(), lasts) {
            self.unless_lost(place.declare(self)).await?;
            known.add(place.name());
        }
        Ok(())
    }
}
