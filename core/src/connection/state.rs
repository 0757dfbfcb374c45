//! What a program can see of a connection's fate.

use tokio::sync::watch;

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Calls and answers flow.
    Connected,
    /// There is no connection now; the supervisor is at it.
    Reconnecting,
    /// The broker is short of memory or disk and takes no publishes; what is running can finish.
    Blocked,
    /// Closed for good.
    Closed,
}

/// Follows a connection's state.
#[derive(Debug)]
pub struct States(watch::Receiver<ConnectionState>);

impl States {
    pub(super) fn new(receiver: watch::Receiver<ConnectionState>) -> Self {
        Self(receiver)
    }

    /// Waits until the state has changed since the last look, and returns it. After
    /// [`ConnectionState::Closed`] it returns at once.
    ///
    /// # Cancel safety
    /// Cancel-safe: no change is lost.
    pub async fn changed(&mut self) -> ConnectionState {
        if *self.0.borrow() != ConnectionState::Closed {
            let _ = self.0.changed().await;
        }
        *self.0.borrow_and_update()
    }

    /// Waits until the connection is in this state; false when it was closed instead.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn reached(&mut self, wanted: ConnectionState) -> bool {
        let found = self
            .0
            .wait_for(|state| *state == wanted || *state == ConnectionState::Closed)
            .await;
        found.is_ok_and(|state| *state == wanted)
    }
}
