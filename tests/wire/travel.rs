//! Messages as they travel, in the form of the golden files: what a program has published is caught by a peer that is not
//! Leveret, and compared with the file in every property and header, types included.

use std::collections::BTreeMap;

use harness::{Broker, Raw, eventually_some};
use lapin::message::Delivery;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation, ExchangeKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A message in a golden file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Message {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    properties: BTreeMap<String, Value>,
    headers: BTreeMap<String, Value>,
    body_hex: String,
}

/// A virtual host of the test's own, since the names in the files are fixed, and a foreign peer in it.
pub(crate) struct Place {
    broker: Broker,
    name: String,
    pub(crate) url: String,
    pub(crate) raw: Raw,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let broker = Broker::shared().await;
        let name = broker.namespace().trim_end_matches('.').to_owned();
        let url = broker.add_vhost(&name).await;
        let raw = Raw::connect(&url).await;
        Self {
            broker,
            name,
            url,
            raw,
        }
    }

    pub(crate) async fn remove(self) {
        self.broker.remove_vhost(&self.name).await;
    }

    pub(crate) async fn exchange(&self, name: &str, kind: ExchangeKind) {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let channel = self.raw.channel();
        channel
            .exchange_declare(name.into(), kind, options, FieldTable::default())
            .await
            .unwrap();
    }

    /// A queue that gets everything that is published to this exchange. The default exchange needs none.
    pub(crate) async fn catch(&self, exchange: &str) -> Option<String> {
        if exchange.is_empty() {
            return None;
        }
        let queue = self.raw.declare_reply_queue().await;
        // With no arguments a headers exchange takes all, too.
        self.bind(&queue, exchange, "#").await;
        Some(queue)
    }

    pub(crate) async fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let channel = self.raw.channel();
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(queue.into(), exchange.into(), key.into(), options, none)
            .await
            .unwrap();
    }

    /// Fails unless the queue has exactly these arguments, or does not exist.
    pub(crate) async fn redeclare(
        &self,
        queue: &str,
        arguments: &Map<String, Value>,
    ) -> Result<(), String> {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let channel = self.raw.new_channel().await;
        let declared = channel
            .queue_declare(queue.into(), options, table(arguments))
            .await;
        declared.map(drop).map_err(|error| error.to_string())
    }

    pub(crate) async fn delete_exchange(&self, exchange: &str) {
        let options = ExchangeDeleteOptions::default();
        let channel = self.raw.channel();
        channel
            .exchange_delete(exchange.into(), options)
            .await
            .unwrap();
    }

    /// The next message of a queue, which is removed.
    pub(crate) async fn take(&self, queue: &str) -> Message {
        let what = format!("a message in {queue}");
        let got = eventually_some(&what, async || {
            let options = BasicGetOptions { no_ack: true };
            let got = self.raw.channel().basic_get(queue.into(), options).await;
            got.unwrap()
        })
        .await;
        Message::of(&got.delivery)
    }

    /// False when no queue takes it.
    pub(crate) async fn publish(&self, message: &Message) -> bool {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let (exchange, key) = (&message.exchange, &message.routing_key);
        let body = crate::bytes(&message.body_hex);
        let channel = self.raw.channel();
        let publish = channel.basic_publish(
            exchange.as_str().into(),
            key.as_str().into(),
            options,
            &body,
            message.write(),
        );
        match publish.await.unwrap().await.unwrap() {
            Confirmation::Ack(returned) => returned.is_none(),
            other => panic!("the broker did not confirm: {other:?}"),
        }
    }
}

impl Message {
    /// Nothing in it but where it goes.
    pub(crate) fn to(exchange: &str, routing_key: &str) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties: BTreeMap::new(),
            headers: BTreeMap::new(),
            body_hex: String::new(),
        }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.properties.get("message_id").and_then(Value::as_str)
    }

    fn of(delivery: &Delivery) -> Self {
        let from = &delivery.properties;
        let mut properties = BTreeMap::new();
        for (name, value) in [
            ("content_type", from.content_type()),
            ("content_encoding", from.content_encoding()),
            ("correlation_id", from.correlation_id()),
            ("reply_to", from.reply_to()),
            ("expiration", from.expiration()),
            ("message_id", from.message_id()),
            ("type", from.kind()),
            ("user_id", from.user_id()),
            ("app_id", from.app_id()),
        ] {
            let text = value.as_ref().map(ShortString::as_str);
            properties.extend(text.map(|text| (name.to_owned(), json!(text))));
        }
        let numbers = [
            ("delivery_mode", from.delivery_mode().map(u64::from)),
            ("priority", from.priority().map(u64::from)),
            ("timestamp", *from.timestamp()),
        ];
        for (name, value) in numbers {
            properties.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        let headers = from.headers().iter().flat_map(FieldTable::inner);
        Self {
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            properties,
            headers: headers
                .map(|(name, value)| (name.to_string(), read(value)))
                .collect(),
            body_hex: delivery.data.iter().map(|b| format!("{b:02x}")).collect(),
        }
    }

    fn write(&self) -> BasicProperties {
        let text = |name: &str| self.properties.get(name).and_then(Value::as_str);
        let number = |name: &str| self.properties.get(name).and_then(Value::as_u64);
        let mut to = BasicProperties::default();
        let mut set = |name: &str, with: fn(BasicProperties, ShortString) -> BasicProperties| {
            if let Some(text) = text(name) {
                to = with(std::mem::take(&mut to), text.into());
            }
        };
        set("content_type", BasicProperties::with_content_type);
        set("content_encoding", BasicProperties::with_content_encoding);
        set("correlation_id", BasicProperties::with_correlation_id);
        set("reply_to", BasicProperties::with_reply_to);
        set("expiration", BasicProperties::with_expiration);
        set("message_id", BasicProperties::with_message_id);
        set("type", BasicProperties::with_type);
        set("app_id", BasicProperties::with_app_id);
        let small = |name: &str| number(name).map(|number| u8::try_from(number).unwrap());
        if let Some(mode) = small("delivery_mode") {
            to = to.with_delivery_mode(mode);
        }
        if let Some(priority) = small("priority") {
            to = to.with_priority(priority);
        }
        if let Some(time) = number("timestamp") {
            to = to.with_timestamp(time);
        }
        to.with_headers(table(&self.headers))
    }

    /// Puts in what the file says of properties and headers that are never the same, if it is of the right form. The
    /// login is whatever the test has.
    pub(crate) fn settle(
        mut self,
        expected: &Self,
        varies: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        self.properties.remove("user_id").ok_or("no user_id")?;
        for (name, form) in varies {
            let (found, wanted) = if name.starts_with("leveret-") {
                (self.headers.get_mut(name), expected.headers.get(name))
            } else {
                (self.properties.get_mut(name), expected.properties.get(name))
            };
            let (found, wanted) = found.zip(wanted).ok_or_else(|| format!("no {name}"))?;
            let right = match form.as_str() {
                "uuid" => found.as_str().is_some_and(|text| {
                    uuid::Uuid::parse_str(text).is_ok_and(|id| id.to_string() == text)
                }),
                "millis" => found.as_i64() > wanted.as_i64(),
                "text" => found.as_str().is_some_and(|text| !text.is_empty()),
                _ => false,
            };
            if !right {
                return Err(format!("{name}: {found} is no {form}"));
            }
            found.clone_from(wanted);
        }
        Ok(self)
    }
}

fn table<'a>(entries: impl IntoIterator<Item = (&'a String, &'a Value)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.as_str().into(), write(value));
    }
    table
}

fn write(value: &Value) -> AMQPValue {
    match value {
        Value::Bool(value) => AMQPValue::Boolean(*value),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Array(items) => AMQPValue::FieldArray(FieldArray::from(
            items.iter().map(write).collect::<Vec<_>>(),
        )),
        Value::Number(number) => match number.as_i64() {
            Some(number) => AMQPValue::LongLongInt(number),
            None => AMQPValue::Double(number.as_f64().unwrap()),
        },
        other => panic!("no header: {other}"),
    }
}

/// Types that the page does not name stay visible.
fn read(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => json!(value),
        AMQPValue::LongString(text) => json!(text.to_string()),
        AMQPValue::LongLongInt(number) => json!(number),
        AMQPValue::Double(number) => json!(number),
        other => json!({"$other": format!("{other:?}")}),
    }
}
