//! A message on its way out and one that came in, in our terms.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::header::{HeaderValue, integer, keeps, text_value};
use crate::error::{Code, Error, Executed};

/// What is published. Fields left empty are not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) mandatory: bool,
    pub(crate) kind: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
    /// Milliseconds.
    pub(crate) expiration: Option<u64>,
    pub(crate) priority: Option<u8>,
    pub(crate) app_id: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    /// Headers of other types.
    pub(crate) values: Vec<(&'a str, HeaderValue)>,
    /// Survives a restart of the broker, in a durable queue.
    pub(crate) persistent: bool,
    /// What is not set here is as in this delivery, but for its expiration, its login and the broker's headers.
    pub(crate) like: Option<&'a Delivery>,
    /// Headers that a copy does not carry on.
    pub(crate) without: &'a [&'a str],
    pub(crate) body: Bytes,
}

impl Message<'_> {
    pub(super) fn properties(&self) -> Result<BasicProperties, Error> {
        let mut properties = self
            .like
            .map(|original| original.copied(self.without))
            .unwrap_or_default();
        properties = properties.with_delivery_mode(if self.persistent { 2 } else { 1 });
        if let Some(kind) = self.kind {
            properties = properties.with_type(short(kind, "the type")?);
        }
        if let Some(content_type) = self.content_type {
            properties = properties.with_content_type(short(content_type, "the content type")?);
        }
        if let Some(id) = self.correlation_id {
            properties = properties.with_correlation_id(short(id, "the correlation id")?);
        }
        if let Some(reply_to) = self.reply_to {
            properties = properties.with_reply_to(short(reply_to, "the reply address")?);
        }
        if let Some(id) = self.message_id {
            properties = properties.with_message_id(short(id, "the message id")?);
        }
        if let Some(millis) = self.expiration {
            properties = properties.with_expiration(short(&millis.to_string(), "the expiration")?);
        }
        if let Some(priority) = self.priority {
            properties = properties.with_priority(priority);
        }
        if let Some(app) = self.app_id {
            properties = properties.with_app_id(short(app, "the caller's name")?);
        }
        if let Some(user) = self.user_id {
            properties = properties.with_user_id(short(user, "the user id")?);
        }
        if !self.headers.is_empty() || !self.values.is_empty() {
            let mut table = properties.headers().clone().unwrap_or_default();
            for (key, value) in &self.headers {
                table.insert(
                    short(key, "a header's name")?,
                    AMQPValue::LongString((*value).into()),
                );
            }
            for (key, value) in &self.values {
                table.insert(short(key, "a header's name")?, value.write());
            }
            properties = properties.with_headers(table);
        }
        Ok(properties)
    }
}

/// An AMQP short string, which holds 255 bytes; lapin panics on longer ones unless asked like this.
pub(super) fn short(text: &str, what: &str) -> Result<ShortString, Error> {
    ShortString::try_new(text).map_err(|error| {
        Error::new(
            Code::InvalidArgument,
            format!("{what} is too long: at most 255 bytes"),
        )
        .with_executed(Executed::No)
        .with_source(error)
    })
}

/// What arrived. Borrowing accessors, because most deliveries are read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) tag: u64,
    pub(crate) redelivered: bool,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) body: Bytes,
    properties: BasicProperties,
}

impl Delivery {
    pub(super) fn new(delivery: lapin::message::Delivery) -> Self {
        Self {
            tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
            exchange: delivery.exchange.into(),
            routing_key: delivery.routing_key.into(),
            body: delivery.data.into(),
            properties: delivery.properties,
        }
    }

    pub(crate) fn kind(&self) -> Option<&str> {
        text(self.properties.kind().as_ref())
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        text(self.properties.content_type().as_ref())
    }

    pub(crate) fn content_encoding(&self) -> Option<&str> {
        text(self.properties.content_encoding().as_ref())
    }

    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.properties
            .correlation_id()
            .as_ref()
            .map(ShortString::as_str)
    }

    pub(crate) fn reply_to(&self) -> Option<&str> {
        text(self.properties.reply_to().as_ref())
    }

    pub(crate) fn message_id(&self) -> Option<&str> {
        text(self.properties.message_id().as_ref())
    }

    /// Milliseconds. The broker has checked that it is a number.
    pub(crate) fn expiration(&self) -> Option<u64> {
        self.properties.expiration().as_ref()?.as_str().parse().ok()
    }

    pub(crate) fn app_id(&self) -> Option<&str> {
        text(self.properties.app_id().as_ref())
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        text(self.properties.user_id().as_ref())
    }

    /// A header that holds text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let table = self.properties.headers().as_ref()?;
        table.inner().get(name).and_then(text_value)
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        let table = self.properties.headers().as_ref();
        table.is_some_and(|table| table.inner().contains_key(name))
    }

    /// A header that holds a whole number, written as number or as text.
    pub(crate) fn header_number(&self, name: &str) -> Option<i64> {
        let table = self.properties.headers().as_ref()?;
        let value = table.inner().get(name)?;
        integer(value).or_else(|| text_value(value)?.parse().ok())
    }

    /// All headers but tables and lists.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, HeaderValue)> {
        let table = self.properties.headers().as_ref();
        table
            .into_iter()
            .flat_map(|table| table.inner())
            .filter_map(|(key, value)| Some((key.as_str(), HeaderValue::read(value)?)))
    }

    pub(crate) fn value(&self, name: &str) -> Option<HeaderValue> {
        let table = self.properties.headers().as_ref()?;
        HeaderValue::read(table.inner().get(name)?)
    }

    pub(crate) fn priority(&self) -> Option<u8> {
        *self.properties.priority()
    }

    /// Seconds since 1970.
    pub(crate) fn timestamp(&self) -> Option<u64> {
        *self.properties.timestamp()
    }

    /// Why and from which queue the broker dead-lettered the message last.
    pub(crate) fn death(&self) -> Option<(&str, &str)> {
        let latest = self.last_death()?;
        let entry = |name: &str| text_value(latest.inner().get(name)?);
        Some((entry("reason")?, entry("queue")?))
    }

    /// The exchange and the routing key by which it came to the queue that the broker dead-lettered it from last.
    pub(crate) fn came_by(&self) -> Option<(&str, &str)> {
        let latest = self.last_death()?;
        let AMQPValue::FieldArray(keys) = latest.inner().get("routing-keys")? else {
            return None;
        };
        let exchange = text_value(latest.inner().get("exchange")?)?;
        Some((exchange, text_value(keys.as_slice().first()?)?))
    }

    fn last_death(&self) -> Option<&FieldTable> {
        let table = self.properties.headers().as_ref()?;
        let AMQPValue::FieldArray(deaths) = table.inner().get("x-death")? else {
            return None;
        };
        match deaths.as_slice().first()? {
            AMQPValue::FieldTable(latest) => Some(latest),
            _ => None,
        }
    }

    /// The properties of a copy.
    fn copied(&self, without: &[&str]) -> BasicProperties {
        let from = &self.properties;
        let mut to = BasicProperties::default();
        let mut set =
            |value: &Option<ShortString>,
             with: fn(BasicProperties, ShortString) -> BasicProperties| {
                if let Some(value) = value {
                    to = with(std::mem::take(&mut to), value.clone());
                }
            };
        set(from.content_type(), BasicProperties::with_content_type);
        set(
            from.content_encoding(),
            BasicProperties::with_content_encoding,
        );
        set(from.correlation_id(), BasicProperties::with_correlation_id);
        set(from.reply_to(), BasicProperties::with_reply_to);
        set(from.message_id(), BasicProperties::with_message_id);
        set(from.kind(), BasicProperties::with_type);
        set(from.app_id(), BasicProperties::with_app_id);
        if let Some(priority) = from.priority() {
            to = to.with_priority(*priority);
        }
        if let Some(timestamp) = from.timestamp() {
            to = to.with_timestamp(*timestamp);
        }
        if let Some(headers) = from.headers() {
            let mut table = FieldTable::default();
            for (key, value) in headers.inner() {
                if keeps(key.as_str()) && !without.contains(&key.as_str()) {
                    table.insert(key.clone(), value.clone());
                }
            }
            to = to.with_headers(table);
        }
        to
    }

    /// All headers that hold text.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let table = self.properties.headers().as_ref();
        table
            .into_iter()
            .flat_map(|table| table.inner())
            .filter_map(|(key, value)| Some((key.as_str(), text_value(value)?)))
    }
}

fn text(value: Option<&ShortString>) -> Option<&str> {
    value
        .map(ShortString::as_str)
        .filter(|text| !text.is_empty())
}
