//! A message before it has an address: what a push and a publish have in common.

use std::borrow::Cow;
use std::time::Duration;

use crate::amqp::{HeaderValue, Message};
use crate::client::{ceil_millis, headers};
use crate::codec::Codec;
use crate::connection::Connection;
use crate::context::{Context, Metadata, TraceContext};
use crate::error::Error;
use crate::payload::Body;

/// What every message of a sender has.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) codec: Codec,
    pub(crate) timeout: Duration,
    pub(crate) metadata: Metadata,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            codec: Codec::default(),
            timeout: Duration::from_secs(10),
            metadata: Metadata::new(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) connection: Connection,
    body: Body,
    pub(crate) timeout: Duration,
    pub(crate) expires: Option<Duration>,
    pub(crate) priority: Option<u8>,
    metadata: Metadata,
    pub(crate) trace: Option<TraceContext>,
    refused: Option<Error>,
}

impl Draft {
    pub(crate) fn new(
        connection: Connection,
        defaults: &Defaults,
        body: Result<Body, Error>,
    ) -> Self {
        let (body, refused) = match body {
            Ok(body) => (body, None),
            Err(error) => (Body::default(), Some(error)),
        };
        Self {
            connection,
            body,
            timeout: defaults.timeout,
            expires: None,
            priority: None,
            metadata: defaults.metadata.clone(),
            trace: None,
            refused,
        }
    }

    pub(crate) fn metadata(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        if let Err(error) = self.metadata.insert(key, value) {
            self.refuse(error);
        }
    }

    /// It is not to be sent; the first reason is told.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
    }

    /// What is to be sent, with the trace of the handler that this runs in unless it has one of its own.
    pub(crate) fn sealed(mut self) -> Result<Self, Error> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        if self.trace.is_none() {
            self.trace = Context::current().and_then(|around| around.trace().cloned());
        }
        Ok(self)
    }

    /// All of it but the address.
    pub(crate) fn message<'a>(
        &'a self,
        id: &'a str,
        key: Option<&'a str>,
        values: Vec<(&'a str, HeaderValue)>,
    ) -> Result<Message<'a>, Error> {
        Ok(Message {
            persistent: true,
            content_type: self.body.content_type.as_deref(),
            message_id: Some(id),
            expiration: self.expires.map(ceil_millis),
            priority: self.priority,
            app_id: self.connection.shared().settings.name.as_deref(),
            headers: headers(&self.metadata, self.trace.as_ref(), key, &values)?,
            values,
            body: self.body.bytes.clone(),
            ..Message::default()
        })
    }
}
