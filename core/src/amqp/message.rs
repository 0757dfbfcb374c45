//! A message on its way out and one that came in, in our terms.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

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
    pub(crate) body: Bytes,
}

impl Message<'_> {
    pub(super) fn properties(&self) -> Result<BasicProperties, Error> {
        let mut properties = BasicProperties::default().with_delivery_mode(1);
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
        if !self.headers.is_empty() {
            let mut table = FieldTable::default();
            for (key, value) in &self.headers {
                table.insert(
                    short(key, "a header's name")?,
                    AMQPValue::LongString((*value).into()),
                );
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
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) tag: u64,
    pub(crate) redelivered: bool,
    pub(crate) routing_key: String,
    pub(crate) body: Bytes,
    properties: BasicProperties,
}

impl Delivery {
    pub(super) fn new(delivery: lapin::message::Delivery) -> Self {
        Self {
            tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
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
        match table.inner().get(name)? {
            AMQPValue::ShortShortInt(n) => Some((*n).into()),
            AMQPValue::ShortShortUInt(n) => Some((*n).into()),
            AMQPValue::ShortInt(n) => Some((*n).into()),
            AMQPValue::ShortUInt(n) => Some((*n).into()),
            AMQPValue::LongInt(n) => Some((*n).into()),
            AMQPValue::LongUInt(n) => Some((*n).into()),
            AMQPValue::LongLongInt(n) => Some(*n),
            value => text_value(value)?.parse().ok(),
        }
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

fn text_value(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        AMQPValue::ByteArray(bytes) => std::str::from_utf8(bytes.as_slice()).ok(),
        _ => None,
    }
}
