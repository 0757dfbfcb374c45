//! Events: what happened is published to an exchange, and whoever is interested gets it. Here is the publishing side;
//! [`worker`](crate::worker) runs the subscribers' handlers.

mod publish;
mod subscribe;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

pub use publish::Publish;
pub use subscribe::SubscriptionBuilder;

use crate::codec::Codec;
use crate::connection::Connection;
use crate::error::{Code, Error, Executed};
use crate::post::{Defaults, Draft};
use crate::topology::{Declare, ExchangeKind};
use crate::wire;
use crate::worker::Exchange;

/// Events of one type: a value that publishers and subscribers share, so that whoever comes first declares the same
/// exchange.
///
/// ```
/// use leveret::Events;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced {
///     order: u64,
/// }
///
/// fn orders() -> Events<OrderPlaced> {
///     Events::topic("orders")
/// }
/// # let _ = orders();
/// ```
#[must_use]
pub struct Events<T> {
    name: String,
    kind: ExchangeKind,
    declare: Declare,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Events<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            kind: self.kind,
            declare: self.declare,
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl<T> Events<T> {
    fn new(name: impl Into<String>, kind: ExchangeKind) -> Self {
        Self {
            name: name.into(),
            kind,
            declare: Declare::Create,
            of: PhantomData,
        }
    }

    /// Every subscriber gets every event.
    pub fn fanout(name: impl Into<String>) -> Self {
        Self::new(name, ExchangeKind::Fanout)
    }

    /// A subscriber gets the events whose key is one of its own.
    pub fn direct(name: impl Into<String>) -> Self {
        Self::new(name, ExchangeKind::Direct)
    }

    /// A subscriber gets the events whose key fits one of its patterns: words with dots between them, where `*` is any
    /// one word and `#` any number of them.
    pub fn topic(name: impl Into<String>) -> Self {
        Self::new(name, ExchangeKind::Topic)
    }

    /// A subscriber gets the events whose headers have what it asks for.
    pub fn headers(name: impl Into<String>) -> Self {
        Self::new(name, ExchangeKind::Headers)
    }

    /// Whether the exchange is created. Default: [`Declare::Create`].
    pub fn declare(mut self, declare: Declare) -> Self {
        self.declare = declare;
        self
    }

    /// The name that was given to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn exchange(&self, connection: &Connection) -> Result<Exchange, Error> {
        // The broker's own exchanges, `amq.topic` and the like, are there for everybody, under their own names.
        let own = self.name.starts_with("amq.");
        if !own && !wire::is_name(&self.name) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "{:?} is no name for events: 1 to 100 of A-Z a-z 0-9 _ . -, not leveret.*",
                    self.name
                ),
            )
            .with_executed(Executed::No));
        }
        Ok(Exchange {
            name: if own {
                self.name.clone()
            } else {
                connection.shared().scoped(&self.name)
            },
            kind: self.kind,
            declare: if own { Declare::Never } else { self.declare },
        })
    }
}

/// Publishes events. Made by [`Connection::events`]. Cheap to clone.
///
/// ```no_run
/// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
/// use leveret::Events;
///
/// let logs = connection.events(&Events::<String>::topic("logs"));
/// logs.publish(&"the disk is full".to_owned()).key("disk.error").await?;
/// # Ok(())
/// # }
/// ```
pub struct EventPublisher<T> {
    connection: Connection,
    events: Events<T>,
    defaults: Defaults,
}

impl<T> Clone for EventPublisher<T> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            events: self.events.clone(),
            defaults: self.defaults.clone(),
        }
    }
}

impl<T> fmt::Debug for EventPublisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPublisher")
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Publishes these events.
    #[must_use]
    pub fn events<T>(&self, events: &Events<T>) -> EventPublisher<T> {
        EventPublisher {
            connection: self.clone(),
            events: events.clone(),
            defaults: Defaults::default(),
        }
    }
}

impl<T> EventPublisher<T> {
    /// How long a publish waits for the broker's confirm. Default: 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = timeout;
        self
    }

    /// How events are written. Default: MessagePack; JSON for subscribers that read nothing else.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.defaults.codec = codec;
        self
    }

    /// Sends this entry with every event.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a key that may not be used.
    pub fn with_metadata(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        self.defaults.metadata.insert(key, value)?;
        Ok(self)
    }
}

impl<T: Serialize + 'static> EventPublisher<T> {
    /// Publishes an event, and is done when the broker has confirmed it. Nobody need be interested.
    pub fn publish(&self, event: &T) -> Publish {
        let exchange = self.events.exchange(&self.connection);
        let body = crate::payload::encode(event, self.defaults.codec);
        let draft = Draft::new(self.connection.clone(), &self.defaults, body);
        Publish::new(draft, exchange)
    }
}
