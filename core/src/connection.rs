//! The connection that clients and servers share: kept alive by a supervisor, its state open to view.

mod attend;
mod builder;
mod pauses;
mod session;
mod state;
mod supervisor;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use attend::{Attendant, Ended, attend};
pub(crate) use builder::Settings;
pub use builder::{ConnectionBuilder, ReplyPath};
pub(crate) use pauses::Pauses;
pub(crate) use session::Session;
pub use state::{ConnectionState, States};

use crate::client::{Caller, Client, Limits};
use crate::error::{Code, Error, Executed};
use crate::server::ServerBuilder;
use crate::tasks::once::Locks;

/// A supervised connection to a broker. Cheap to clone; used by any number of tasks at once.
///
/// Behind it are two AMQP connections, one that publishes and one that consumes, because a broker under
/// memory pressure stops reading from connections that publish
/// (<https://www.rabbitmq.com/docs/alarms>), and acknowledgements must not get stuck behind requests.
/// When either is lost both are opened anew, on the next address, and everything on them is rebuilt.
///
/// ```no_run
/// # async fn example() -> Result<(), leveret::Error> {
/// let connection = leveret::Connection::connect("amqp://guest:guest@127.0.0.1:5672/%2f").await?;
/// let answer: u64 = connection.client().call("math", "fib", &serde_json::json!({ "n": 30 })).await?;
/// assert_eq!(answer, 832_040);
/// connection.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    // The supervisor holds `shared` too, so the end of the last handle has to be told to it.
    _alive: Arc<DropGuard>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    session: watch::Sender<Option<Arc<Session>>>,
    state: watch::Sender<ConnectionState>,
    stop: CancellationToken,
    caller: OnceLock<Arc<Caller>>,
    /// What bounds messages that nobody answers.
    pub(crate) posts: Limits,
    /// De-duplication keys that run here.
    pub(crate) locks: Locks,
}

impl Connection {
    /// Connects with the default settings.
    ///
    /// # Errors
    /// As [`ConnectionBuilder::connect`].
    ///
    /// # Cancel safety
    /// Cancel-safe: dropping the future leaves nothing behind.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Connects to the broker that the environment names in `AMQP_URL`, or else to the one on this machine:
    /// `amqp://127.0.0.1:5672/%2f`.
    ///
    /// # Errors
    /// As [`ConnectionBuilder::connect`].
    ///
    /// # Cancel safety
    /// Cancel-safe: dropping the future leaves nothing behind.
    pub async fn from_env() -> Result<Self, Error> {
        let url = std::env::var("AMQP_URL");
        Self::connect(url.as_deref().unwrap_or("amqp://127.0.0.1:5672/%2f")).await
    }

    /// Settings for a connection to this URL: `amqp://user:password@host:5672/vhost`.
    pub fn builder(url: impl Into<String>) -> ConnectionBuilder {
        ConnectionBuilder::new(url)
    }

    fn start(settings: Settings, first: Option<Session>) -> Self {
        let stop = CancellationToken::new();
        let state = if first.is_some() {
            ConnectionState::Connected
        } else {
            ConnectionState::Reconnecting
        };
        let first = first.map(Arc::new);
        let shared = Arc::new(Shared {
            session: watch::Sender::new(first.clone()),
            state: watch::Sender::new(state),
            stop: stop.clone(),
            posts: Limits::new(settings.max_calls, settings.max_bytes),
            locks: Locks::default(),
            settings,
            caller: OnceLock::new(),
        });
        tokio::spawn(supervisor::supervise(Arc::clone(&shared), first));
        Self {
            shared,
            _alive: Arc::new(stop.drop_guard()),
        }
    }

    /// A client on this connection. All of them share one reply queue.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn client(&self) -> Client {
        let caller = self
            .shared
            .caller
            .get_or_init(|| Caller::start(&self.shared));
        Client::new(self.clone(), Arc::clone(caller))
    }

    /// A server on this connection, to be given services and started.
    pub fn server(&self) -> ServerBuilder {
        ServerBuilder::new(self.clone())
    }

    /// How the connection is now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        *self.shared.state.borrow()
    }

    /// How it is and what becomes of it.
    #[must_use]
    pub fn states(&self) -> States {
        States::new(self.shared.state.subscribe())
    }

    /// Closes in order. Pending calls end with [`Code::Unavailable`](crate::Code); servers should be stopped
    /// first. Other handles of the connection are closed with it.
    ///
    /// # Cancel safety
    /// The connection closes even when the future is dropped.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        let mut state = self.shared.state.subscribe();
        let _ = state
            .wait_for(|state| *state == ConnectionState::Closed)
            .await;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    /// The current session and those to come; `None` while there is none.
    pub(crate) fn sessions(&self) -> watch::Receiver<Option<Arc<Session>>> {
        self.session.subscribe()
    }

    /// Ends when the connection is closed for good.
    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The session of the moment, waited for if there is none.
    pub(crate) async fn session_within(&self, time: Duration) -> Result<Arc<Session>, Error> {
        let mut sessions = self.sessions();
        let found = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(closed()),
            found = timeout(time, next_session(&mut sessions)) => found,
        };
        found.ok().flatten().ok_or_else(|| {
            Error::new(Code::Unavailable, "there is no connection to the broker")
                .with_executed(Executed::No)
        })
    }

    /// A name of this namespace.
    pub(crate) fn scoped(&self, name: &str) -> String {
        format!("{}{name}", self.settings.namespace)
    }
}

/// Waits for the next session that is alive; `None` when there will be none.
pub(crate) async fn next_session(
    sessions: &mut watch::Receiver<Option<Arc<Session>>>,
) -> Option<Arc<Session>> {
    let found = sessions
        .wait_for(|session| session.as_ref().is_some_and(|session| !session.is_lost()))
        .await;
    found.ok()?.clone()
}

/// What is told to whoever wants something of a connection that was closed for good.
pub(crate) fn closed() -> Error {
    Error::new(Code::Unavailable, "the connection has been closed")
        .with_executed(Executed::No)
        .with_retryable(false)
}
