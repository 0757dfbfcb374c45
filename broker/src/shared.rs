//! What all connections of a broker have in common.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::Notify;

use crate::Name;
use crate::outbound::Outbound;
use crate::registry::Registry;
use crate::settings::{Settings, User};
use crate::status::Status;
use crate::vhost::Vhost;

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    /// Who may log in.
    users: RwLock<Vec<User>>,
    /// The first is the default.
    hosts: RwLock<Vec<Arc<Host>>>,
    /// New connections are cut at once.
    pub(crate) refusing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let host = |name: &Name| Arc::new(Host::new(Name::clone(name), &settings));
        let mut hosts: Vec<_> = settings.vhosts.iter().map(host).collect();
        if hosts.is_empty() {
            hosts.push(host(&"/".into()));
        }
        Arc::new(Self {
            hosts: RwLock::new(hosts),
            users: RwLock::new(settings.users.clone()),
            registry: Registry::default(),
            refusing: AtomicBool::new(false),
            settings,
        })
    }

    pub(crate) fn host(&self, name: &str) -> Option<Arc<Host>> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts.iter().find(|host| &*host.name == name).cloned()
    }

    pub(crate) fn hosts(&self) -> Vec<Arc<Host>> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        hosts.clone()
    }

    /// What is in all virtual hosts.
    pub(crate) fn status(&self) -> Status {
        let mut status = Status::default();
        for host in self.hosts() {
            host.lock().describe(&mut status);
        }
        status
    }

    /// `None` when there is one of that name.
    pub(crate) fn add_host(&self, name: &str) -> Option<Arc<Host>> {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        if hosts.iter().any(|host| &*host.name == name) {
            return None;
        }
        let host = Arc::new(Host::new(name.into(), &self.settings));
        hosts.push(Arc::clone(&host));
        Some(host)
    }

    pub(crate) fn remove_host(&self, name: &str) -> Option<Arc<Host>> {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let place = hosts.iter().position(|host| &*host.name == name)?;
        Some(hosts.remove(place))
    }

    /// The user's name, if there is one with this password who may come from there.
    pub(crate) fn log_in(&self, name: &[u8], password: &[u8], local: bool) -> Option<Name> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let user = users.iter().find(|user| user.name.as_bytes() == name)?;
        let known = user.has_password(password) && (local || !user.local_only);
        known.then(|| Name::clone(&user.name))
    }

    /// True when nobody was called so before.
    pub(crate) fn set_user(&self, user: User) -> bool {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let known = users.iter_mut().find(|known| known.name == user.name);
        let new = known.is_none();
        match known {
            Some(known) => *known = user,
            None => users.push(user),
        }
        new
    }

    /// False when nobody is called so.
    pub(crate) fn remove_user(&self, name: &str) -> bool {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let before = users.len();
        users.retain(|user| &*user.name != name);
        users.len() < before
    }
}

/// A virtual host and its lock.
pub(crate) struct Host {
    pub(crate) name: Name,
    state: Mutex<State>,
    /// Wakes the timer task when something expires earlier than it knows.
    pub(crate) timer: Notify,
}

struct State {
    vhost: Vhost,
    /// When the timer task wakes.
    armed: Option<Instant>,
}

impl Host {
    fn new(name: Name, settings: &Settings) -> Self {
        let vhost = Vhost::new(Name::clone(&name), settings);
        Self {
            name,
            state: Mutex::new(State { vhost, armed: None }),
            timer: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked {
            host: self,
            state: self.state.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Does `work` under the lock and then sends what came of it, to whichever connection.
    pub(crate) fn run<R>(&self, work: impl FnOnce(&mut Vhost) -> R) -> R {
        let mut locked = self.lock();
        let result = work(&mut locked);
        locked.release();
        result
    }

    /// Does what has expired; says when to come again.
    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut locked = self.lock();
        locked.expire(now);
        let next = locked.next_expiry();
        locked.state.armed = next;
        locked.release();
        next
    }
}

/// The locked host. Ends with [`Self::release`].
pub(crate) struct Locked<'a> {
    host: &'a Host,
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    /// Unlocks, and writes to every connection that something was sent to meanwhile.
    pub(crate) fn release(self) {
        let Self { host, mut state } = self;
        state.vhost.end_burst();
        let touched: Vec<Arc<Outbound>> = state.vhost.take_touched();
        let next = state.vhost.next_expiry();
        let earlier = next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed));
        if earlier {
            state.armed = next;
        }
        drop(state);
        if earlier {
            host.timer.notify_one();
        }
        for outbound in touched {
            outbound.flush();
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Vhost;

    fn deref(&self) -> &Vhost {
        &self.state.vhost
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Vhost {
        &mut self.state.vhost
    }
}

/// Lets expire what has to, for as long as it is polled.
pub(crate) async fn keep_time(host: Arc<Host>) {
    loop {
        let next = host.expire(Instant::now());
        let due = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = host.timer.notified() => {}
        }
    }
}
