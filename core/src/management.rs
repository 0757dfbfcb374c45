//! RabbitMQ's management API, asked for what AMQP does not tell. It may be wrong, slow or gone: then its figures are
//! missing, a warning says why, and nothing else changes.

mod http;

use std::fmt;
use std::future::ready;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, TryStreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::timeout;
use url::{Host, Url};

use crate::amqp::{Address, TlsOptions};
use crate::error::{Code, Error, Executed};
use http::Peer;

/// How long a look may take, whatever it asks for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many queues are asked for at once: a keyed queue has many.
const AT_ONCE: usize = 8;

/// Why figures are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it did not answer within {PATIENCE:?}")]
    Slow,
    #[error(
        "it refuses the login, or the login may not see the queue (RabbitMQ: tag `management`)"
    )]
    Refused,
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("what it answers is not the management API's")]
    Unreadable,
    #[error("it has no figures of the queue: too new, or statistics are switched off")]
    Unknown,
}

pub(crate) struct Management {
    peer: Peer,
    /// What stands before `/api`, where a proxy has put it below a path.
    prefix: String,
    /// User and password, where the URL has them.
    login: Option<(String, String)>,
    /// What was warned of already.
    warned: Mutex<Vec<Failure>>,
}

/// What is asked for of a queue. `name` is always there: without figures RabbitMQ would answer with an empty list.
const COLUMNS: &str = "columns=name,messages_unacknowledged";

#[derive(Deserialize)]
struct Figures {
    messages_unacknowledged: Option<u64>,
}

impl Management {
    pub(crate) fn parse(url: &str, tls: &TlsOptions) -> Result<Self, Error> {
        // The parser's own error could quote the URL, and with it a password.
        let unreadable = || {
            let what = "the management URL cannot be read; write http://user:password@host:15672 (any special \
                 character in the password is percent-encoded)";
            Error::new(Code::InvalidArgument, what).with_executed(Executed::No)
        };
        let url = Url::parse(url).map_err(|_| unreadable())?;
        let secure = url.scheme() == "https";
        if !(secure || url.scheme() == "http") || url.query().or(url.fragment()).is_some() {
            return Err(unreadable());
        }
        if secure && !cfg!(feature = "tls") {
            let what = "https:// needs TLS: build leveret with the feature `tls`";
            return Err(Error::new(Code::Unimplemented, what).with_executed(Executed::No));
        }
        let host = match url.host().ok_or_else(unreadable)? {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let port = url.port_or_known_default().ok_or_else(unreadable)?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        let login = (decoded(user), decoded(password));
        Ok(Self {
            peer: Peer::new(host, port, secure.then_some(tls))?,
            prefix: url.path().trim_end_matches('/').to_owned(),
            login: (!user.is_empty()).then_some(login),
            warned: Mutex::default(),
        })
    }

    /// How many messages consumers hold of these queues together.
    pub(crate) async fn unacked(&self, broker: &Address, queues: &[String]) -> Option<u64> {
        let looks = queues.iter().map(|queue| self.look(broker, queue));
        let looks: Vec<_> = looks.collect();
        let sum = stream::iter(looks)
            .buffer_unordered(AT_ONCE)
            .try_fold(0_u64, |sum, unacked| ready(Ok(sum.saturating_add(unacked))));
        let sum = timeout(PATIENCE, sum).await;
        let found = sum.unwrap_or(Err(Failure::Slow));
        found.inspect_err(|failure| self.warn(*failure)).ok()
    }

    async fn look(&self, broker: &Address, queue: &str) -> Result<u64, Failure> {
        let encoded = |name| utf8_percent_encode(name, NON_ALPHANUMERIC);
        let path = format!(
            "{}/api/queues/{}/{}?{COLUMNS}",
            self.prefix,
            encoded(broker.vhost()),
            encoded(queue)
        );
        let (user, password) = match &self.login {
            Some((user, password)) => (user.as_str(), password.as_str()),
            None => broker.credentials(),
        };
        let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let (status, body) = self.peer.get(&path, &format!("Basic {login}")).await?;
        match status {
            200 => {}
            401 | 403 => return Err(Failure::Refused),
            other => return Err(Failure::Status(other)),
        }
        let figures: Figures = serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)?;
        figures.messages_unacknowledged.ok_or(Failure::Unknown)
    }

    /// Says it once: whoever watches a queue asks often.
    fn warn(&self, failure: Failure) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !warned.contains(&failure) {
            warned.push(failure);
            tracing::warn!(management = %self.peer, reason = %failure, "unacknowledged tasks cannot be counted");
        }
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.peer)
    }
}

#[cfg(test)]
mod tests;
