//! A message with all its frames.

use amq_protocol::protocol::{AMQPClass, BasicProperties, basic};
use amq_protocol::types::FieldTable;

use super::has;
use crate::frame;

/// A message to publish.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) exchange: String,
    pub(crate) key: String,
    pub(crate) options: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

/// A message without properties; `options`: `mandatory`, `immediate`.
pub(crate) fn message(exchange: &str, key: &str, body: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        key: key.to_owned(),
        options: String::new(),
        properties: BasicProperties::default(),
        body: body.as_bytes().to_vec(),
    }
}

impl Message {
    pub(crate) fn options(mut self, options: &str) -> Self {
        options.clone_into(&mut self.options);
        self
    }

    pub(crate) fn with(mut self, set: impl FnOnce(BasicProperties) -> BasicProperties) -> Self {
        self.properties = set(self.properties);
        self
    }

    pub(crate) fn headers(self, headers: FieldTable) -> Self {
        self.with(|properties| properties.with_headers(headers))
    }

    pub(crate) fn expires(self, expiration: &str) -> Self {
        self.with(|properties| properties.with_expiration(expiration.into()))
    }

    pub(crate) fn method(&self) -> AMQPClass {
        let is = |word| has(&self.options, &["mandatory", "immediate"], word);
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            exchange: self.exchange.as_str().into(),
            routing_key: self.key.as_str().into(),
            mandatory: is("mandatory"),
            immediate: is("immediate"),
        }))
    }

    pub(crate) fn frames(&self, channel: u16) -> Vec<u8> {
        let mut frames = frame::method(channel, &self.method());
        frames.extend(frame::header(
            channel,
            60,
            self.body.len() as u64,
            &self.properties,
        ));
        if !self.body.is_empty() {
            frames.extend(frame::frame(frame::BODY, channel, &self.body));
        }
        frames
    }
}
