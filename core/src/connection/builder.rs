//! The settings of a connection. What concerns single calls is set on [`Client`](crate::Client), what
//! concerns a service on the server.

use std::fmt;
#[cfg(feature = "management")]
use std::sync::Arc;
use std::time::Duration;

use super::{Connection, supervisor};
use crate::amqp::{Address, LinkOptions, TlsOptions};
use crate::error::{Code, Error, Executed};
#[cfg(feature = "management")]
use crate::management::Management;

/// How replies come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyPath {
    /// An exclusive queue, one for the connection. The default: it buffers, and it is the faster one.
    #[default]
    Queue,
    /// RabbitMQ's direct reply-to (<https://www.rabbitmq.com/docs/direct-reply-to>), for logins that may not
    /// declare queues.
    Direct,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) addresses: Vec<Address>,
    pub(crate) link: LinkOptions,
    pub(crate) name: Option<String>,
    pub(crate) namespace: String,
    pub(crate) user_id: Option<String>,
    pub(crate) backoff_first: Duration,
    pub(crate) backoff_most: Duration,
    pub(crate) reply_path: ReplyPath,
    pub(crate) max_calls: usize,
    pub(crate) max_bytes: usize,
    pub(crate) max_message_size: usize,
    #[cfg(feature = "management")]
    pub(crate) management: Option<Arc<Management>>,
}

/// Settings of a [`Connection`]; `connect` makes one.
///
/// ```no_run
/// # async fn example() -> Result<(), leveret::Error> {
/// use std::time::Duration;
///
/// let connection = leveret::Connection::builder("amqp://app:secret@rabbit-1/shop")
///     .address("amqp://app:secret@rabbit-2/shop")
///     .name("checkout")
///     .heartbeat(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # drop(connection);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens until `connect` is called"]
#[derive(Clone)]
pub struct ConnectionBuilder {
    urls: Vec<String>,
    #[cfg(feature = "management")]
    management: Option<String>,
    settings: Settings,
}

impl fmt::Debug for ConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs hold passwords.
        f.debug_struct("ConnectionBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl ConnectionBuilder {
    pub(super) fn new(url: impl Into<String>) -> Self {
        let settings = Settings {
            addresses: Vec::new(),
            link: LinkOptions {
                name: format!("leveret {}", env!("CARGO_PKG_VERSION")),
                connect_timeout: Duration::from_secs(10),
                heartbeat: Duration::from_secs(10),
                tls: TlsOptions::default(),
            },
            name: None,
            namespace: String::new(),
            user_id: None,
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(10),
            reply_path: ReplyPath::default(),
            max_calls: 10_000,
            max_bytes: 64 * 1024 * 1024,
            max_message_size: 15 * 1024 * 1024,
            #[cfg(feature = "management")]
            management: None,
        };
        Self {
            urls: vec![url.into()],
            #[cfg(feature = "management")]
            management: None,
            settings,
        }
    }

    /// Another broker of the same cluster, to go to when one cannot be reached.
    pub fn address(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// The name of this program: shown by the broker, and sent with requests as `app_id`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.link.name.clone_from(&name);
        self.settings.name = Some(name);
        self
    }

    /// A prefix for the names of services and control exchanges, so that teams can share a broker. Taken
    /// as it is: end it with a dot. Default: none.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// The login to write into requests as `user_id`, where the URL does not tell it (EXTERNAL, OAuth 2).
    pub fn user_id(mut self, user: impl Into<String>) -> Self {
        self.settings.user_id = Some(user.into());
        self
    }

    /// Bounds each attempt to connect, from the TCP connect to the end of the AMQP handshake.
    /// Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.link.connect_timeout = timeout;
        self
    }

    /// How often each side says that it lives, in whole seconds; a dead peer is found after two of them.
    /// RabbitMQ advises 5 s to 20 s (<https://www.rabbitmq.com/docs/heartbeats>). Default: 10 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.settings.link.heartbeat = interval;
        self
    }

    /// The delay before the first attempt to reconnect and the longest one; it doubles in between, with
    /// jitter. Default: 100 ms to 10 s.
    pub fn backoff(mut self, first: Duration, most: Duration) -> Self {
        self.settings.backoff_first = first;
        self.settings.backoff_most = most;
        self
    }

    /// How replies come back. Default: [`ReplyPath::Queue`].
    pub fn reply_path(mut self, path: ReplyPath) -> Self {
        self.settings.reply_path = path;
        self
    }

    /// How many calls and how many bytes of requests may be in flight at once; more wait, inside their
    /// deadline. Default: 10,000 calls and 64 MiB.
    pub fn in_flight(mut self, calls: usize, bytes: usize) -> Self {
        self.settings.max_calls = calls;
        self.settings.max_bytes = bytes;
        self
    }

    /// The largest body, in bytes, that is sent or accepted. Default: 15 MiB, below the 16 MiB that RabbitMQ
    /// takes since 4.0.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.max_message_size = bytes;
        self
    }

    /// Where RabbitMQ's management API is: `http://user:password@host:15672`, or `https://` with the feature `tls`,
    /// which trusts and presents what `amqps://` does. Without a login in it, that of the broker's URL is used. Whoever
    /// can listen on the way reads the login of an `http://` one. It is asked for what AMQP does not tell,
    /// [`QueueInfo::unacked`](crate::QueueInfo::unacked), and for nothing else.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), leveret::Error> {
    /// let connection = leveret::Connection::builder("amqp://app:secret@rabbit-1/shop")
    ///     .management("http://rabbit-1:15672")
    ///     .connect()
    ///     .await?;
    /// let emails = connection.tasks(&leveret::TaskQueue::<String>::new("emails"));
    /// println!("{:?} are being done", emails.info().await?.unacked);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "management")]
    pub fn management(mut self, url: impl Into<String>) -> Self {
        self.management = Some(url.into());
        self
    }

    /// Trusts the certificates in this PEM text besides the system's, for `amqps://`.
    #[cfg(feature = "tls")]
    pub fn extra_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.settings.link.tls.extra_ca.push(pem.into());
        self
    }

    /// Presents this certificate chain with this private key, both PEM, for `amqps://`. To log in by it, add
    /// `?auth_mechanism=external` to the URL.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.settings.link.tls.identity = Some((chain.into(), key.into()));
        self
    }

    /// Connects, trying each address once.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a URL or setting that makes no sense, [`Code::Unauthenticated`] and
    /// [`Code::PermissionDenied`] when the broker refuses the login or the vhost, [`Code::Unavailable`] when
    /// no address answers in time, [`Code::Unimplemented`] for `amqps://` (and `https://`) without the feature `tls`.
    /// With several addresses it is the last one's error.
    ///
    /// # Cancel safety
    /// Cancel-safe: dropping the future leaves nothing behind.
    pub async fn connect(self) -> Result<Connection, Error> {
        let settings = self.settings()?;
        let session = supervisor::connect_any(&settings, 0).await?;
        Ok(Connection::start(settings, Some(session)))
    }

    /// Returns at once and connects in the background, for programs that start before their broker.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a URL or setting that makes no sense, [`Code::Unimplemented`] for `amqps://`
    /// (and `https://`) without the feature `tls`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect_lazy(self) -> Result<Connection, Error> {
        Ok(Connection::start(self.settings()?, None))
    }

    fn settings(self) -> Result<Settings, Error> {
        let mut settings = self.settings;
        settings.addresses = self
            .urls
            .iter()
            .map(|url| Address::parse(url))
            .collect::<Result<_, _>>()?;
        #[cfg(feature = "management")]
        if let Some(url) = &self.management {
            let management = Management::parse(url, &settings.link.tls)?;
            settings.management = Some(Arc::new(management));
        }
        let wrong = if settings.namespace.len() > 60
            || !settings
                .namespace
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        {
            "the namespace may hold up to 60 of A-Z a-z 0-9 _ . -"
        } else if settings.namespace.starts_with("amq.")
            || settings.namespace.starts_with("leveret.")
        {
            "the namespace may not begin with amq. or leveret."
        } else if settings.name.as_ref().is_some_and(|name| name.len() > 255) {
            "the name may hold up to 255 bytes"
        } else if settings.max_calls == 0
            || settings.max_bytes == 0
            || settings.max_message_size == 0
        {
            "a limit of zero would allow nothing"
        } else if settings.max_message_size > settings.max_bytes
            || settings.max_bytes > u32::MAX as usize
        {
            "the bytes in flight must hold the largest message, and at most 4 GiB"
        } else {
            return Ok(settings);
        };
        Err(Error::new(Code::InvalidArgument, wrong).with_executed(Executed::No))
    }
}
