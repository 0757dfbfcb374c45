//! One event on its way to the exchange.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use uuid::Uuid;

use crate::amqp::{HeaderValue, Message};
use crate::client::{ceil_millis, deadline, headers};
use crate::connection::{Connection, Session};
use crate::context::{Context, Metadata, TraceContext};
use crate::error::{Code, Error, Executed};
use crate::payload::Body;
use crate::post::{Declared, Known, Place};
use crate::tasks::Defaults;
use crate::wire;
use crate::worker::Exchange;

/// An event that is published when it is awaited. Gives its id.
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited"]
pub struct Publish {
    connection: Connection,
    exchange: Result<Exchange, Error>,
    body: Result<Body, Error>,
    timeout: Duration,
    key: String,
    metadata: Metadata,
    headers: Vec<(String, HeaderValue)>,
    expires: Option<Duration>,
    priority: Option<u8>,
    trace: Option<TraceContext>,
    refused: Option<Error>,
}

impl Place for Exchange {
    async fn declare(&self, session: &Session) -> Result<(), Error> {
        session
            .publish
            .declare_exchange(&self.name, self.kind, self.declare)
            .await
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn kind<'a>(&self, declared: &'a Declared) -> &'a Known {
        &declared.exchanges
    }
}

impl Publish {
    pub(super) fn new(
        connection: Connection,
        exchange: Result<Exchange, Error>,
        defaults: &Defaults,
        body: Result<Body, Error>,
    ) -> Self {
        Self {
            connection,
            exchange,
            body,
            timeout: defaults.timeout,
            key: String::new(),
            metadata: defaults.metadata.clone(),
            headers: Vec::new(),
            expires: None,
            priority: None,
            trace: None,
            refused: None,
        }
    }

    /// The routing key, by which direct and topic exchanges find subscribers: at most 255 bytes. Default: empty.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// A header, by which a headers exchange finds subscribers: text, a whole number, or true or false. Names are as
    /// those of [`Metadata`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<HeaderValue>) -> Self {
        let name = name.into();
        if !wire::is_metadata_key(&name) {
            self.refused.get_or_insert_with(|| {
                Error::new(
                    Code::InvalidArgument,
                    format!(
                        "{name:?} cannot be a header: use 1 to 64 of a-z 0-9 _ . -, not x-*, leveret-*, cc, bcc or a \
                         trace header"
                    ),
                )
                .with_executed(Executed::No)
            });
        }
        self.headers.push((name, value.into()));
        self
    }

    /// Drops the event from queues in which it has waited this long, to the millisecond.
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(after);
        self
    }

    /// Lets the event overtake others, in queues with priorities.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sends a metadata entry: a header that holds text.
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        if let Err(error) = self.metadata.insert(key, value) {
            self.refused.get_or_insert(error);
        }
        self
    }

    /// Sends these trace headers. Default: those of the handler that this runs in.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// How long to wait for the broker's confirm. Default: that of [`EventPublisher`](crate::EventPublisher).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn send(self) -> Result<Uuid, Error> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let (exchange, body) = (self.exchange?, self.body?);
        let around = Context::current();
        let trace = self
            .trace
            .as_ref()
            .or_else(|| around.as_ref().and_then(Context::trace));
        let id = Uuid::new_v4();
        let mut uuid = Uuid::encode_buffer();
        let shared = self.connection.shared();
        let values: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let message = Message {
            exchange: &exchange.name,
            routing_key: &self.key,
            persistent: true,
            content_type: body.content_type.as_deref(),
            message_id: Some(&*id.as_hyphenated().encode_lower(&mut uuid)),
            expiration: self.expires.map(ceil_millis),
            priority: self.priority,
            app_id: shared.settings.name.as_deref(),
            headers: headers(&self.metadata, trace, None, &values)?,
            values,
            body: body.bytes,
            ..Message::default()
        };
        shared
            .post(message, &exchange, deadline(self.timeout))
            .await?;
        Ok(id)
    }
}

impl IntoFuture for Publish {
    type Output = Result<Uuid, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
