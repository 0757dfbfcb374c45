//! One event on its way to the exchange.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use uuid::Uuid;

use crate::amqp::{HeaderValue, Message};
use crate::client::deadline;
use crate::connection::Session;
use crate::context::TraceContext;
use crate::error::{Code, Error, Executed};
use crate::post::{Declared, Draft, Known, Place};
use crate::wire;
use crate::worker::Exchange;

/// An event that is published when it is awaited. Gives its id.
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited"]
pub struct Publish {
    draft: Draft,
    exchange: Result<Exchange, Error>,
    key: String,
    headers: Vec<(String, HeaderValue)>,
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
    pub(super) fn new(draft: Draft, exchange: Result<Exchange, Error>) -> Self {
        Self {
            draft,
            exchange,
            key: String::new(),
            headers: Vec::new(),
        }
    }

    /// The routing key, by which direct and topic exchanges find subscribers: at most 255 bytes. Default: empty.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// A header, by which a headers exchange finds subscribers: text, a whole number, or true or false. Names are as
    /// those of [`Metadata`](crate::Metadata).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<HeaderValue>) -> Self {
        let name = name.into();
        if !wire::is_metadata_key(&name) {
            let error = Error::new(
                Code::InvalidArgument,
                format!(
                    "{name:?} cannot be a header: use 1 to 64 of a-z 0-9 _ . -, not x-*, leveret-*, cc, bcc or a \
                     trace header"
                ),
            );
            self.draft.refuse(error.with_executed(Executed::No));
        }
        self.headers.push((name, value.into()));
        self
    }

    /// Drops the event from queues in which it has waited this long, to the millisecond.
    pub fn expires(mut self, after: Duration) -> Self {
        self.draft.expires = Some(after);
        self
    }

    /// Lets the event overtake others, in queues with priorities.
    pub fn priority(mut self, priority: u8) -> Self {
        self.draft.priority = Some(priority);
        self
    }

    /// Sends a metadata entry: a header that holds text.
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.draft.metadata(key, value);
        self
    }

    /// Sends these trace headers. Default: those of the handler that this runs in.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.draft.trace = Some(trace);
        self
    }

    /// How long to wait for the broker's confirm. Default: that of [`EventPublisher`](crate::EventPublisher).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = timeout;
        self
    }

    async fn send(self) -> Result<Uuid, Error> {
        let (draft, exchange) = (self.draft.sealed()?, self.exchange?);
        let id = Uuid::new_v4();
        let mut uuid = Uuid::encode_buffer();
        let values = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        let message = Message {
            exchange: &exchange.name,
            routing_key: &self.key,
            ..draft.message(id.as_hyphenated().encode_lower(&mut uuid), None, values)?
        };
        let shared = draft.connection.shared();
        shared
            .post(message, &exchange, deadline(draft.timeout))
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
