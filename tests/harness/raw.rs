//! A peer that is not Leveret: plain AMQP messages in and out, for tests of the wire and of foreign programs.
//!
//! It is a thin layer over lapin, so what it cannot do a test does on [`Raw::channel`].

use std::collections::BTreeMap;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};

use crate::wait::within;

/// One connection and one channel of a foreign peer.
#[derive(Debug)]
pub struct Raw {
    connection: Connection,
    channel: Channel,
}

/// A message as it travels: an absent property is `None`, and never sent as an empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are AMQP's own properties")]
pub struct RawMessage {
    pub body: Vec<u8>,
    /// The property `type`.
    pub kind: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub correlation_id: Option<String>,
    pub reply_to: Option<String>,
    pub message_id: Option<String>,
    pub expiration: Option<String>,
    pub delivery_mode: Option<u8>,
    pub app_id: Option<String>,
    pub user_id: Option<String>,
    /// Sent as strings; values of other types arrive here in their debug form.
    pub headers: BTreeMap<String, String>,
}

/// A queue that is being consumed.
#[derive(Debug)]
pub struct RawConsumer {
    queue: String,
    consumer: Consumer,
}

/// A message that waits for its acknowledgement.
#[derive(Debug)]
pub struct RawDelivery {
    /// What arrived.
    pub message: RawMessage,
    /// Whether the broker has handed it to a consumer before.
    pub redelivered: bool,
    delivery: Delivery,
}

impl Raw {
    /// Connects and opens a channel in confirm mode; panics if that fails.
    pub async fn connect(url: &str) -> Self {
        let properties = ConnectionProperties::default();
        let connection = within("a raw connection", Connection::connect(url, properties))
            .await
            .expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirm mode");
        Self {
            connection,
            channel,
        }
    }

    /// The channel, for what this layer has no method for.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// A further channel: a refused declaration closes the channel that it was sent on.
    pub async fn new_channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    /// Publishes with `mandatory` and waits for the confirm; false if the broker returned the message.
    pub async fn publish(&self, exchange: &str, routing_key: &str, message: RawMessage) -> bool {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = message.properties();
        let publish = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            &message.body,
            properties,
        );
        match within("a confirm", async { publish.await?.await })
            .await
            .expect("a publish")
        {
            Confirmation::Ack(returned) => returned.is_none(),
            other => panic!("the broker did not confirm: {other:?}"),
        }
    }

    /// Declares a durable queue.
    pub async fn declare(&self, queue: &str) {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .expect("a queue");
    }

    /// Declares an exclusive queue with a name of the broker's choice, as most reply queues are, and returns the name.
    pub async fn declare_reply_queue(&self) -> String {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..Default::default()
        };
        let queue = self
            .channel
            .queue_declare(ShortString::default(), options, FieldTable::default())
            .await;
        queue.expect("a queue").name().to_string()
    }

    /// Deletes a queue with all that is in it.
    pub async fn delete(&self, queue: &str) {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
            .expect("a deleted queue");
    }

    /// Messages ready and consumers of a queue; `None` if there is no such queue.
    pub async fn queue(&self, queue: &str) -> Option<(u32, u32)> {
        let channel = self.new_channel().await;
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .ok()?;
        let _ = channel.close(200, ShortString::default()).await;
        Some((queue.message_count(), queue.consumer_count()))
    }

    /// Consumes a queue with manual acknowledgement, at most `prefetch` messages at a time (0: no limit).
    pub async fn consume(&self, queue: &str, prefetch: u16) -> RawConsumer {
        self.channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await
            .expect("a prefetch");
        let options = BasicConsumeOptions::default();
        let consumer = self.channel.basic_consume(
            queue.into(),
            ShortString::default(),
            options,
            FieldTable::default(),
        );
        RawConsumer {
            queue: queue.into(),
            consumer: consumer.await.expect("a consumer"),
        }
    }

    /// Sends a request and waits for the answer on a fresh reply queue. Sets `reply_to`, and `correlation_id` unless it is there,
    /// and checks that the answer carries it.
    pub async fn call(&self, queue: &str, mut request: RawMessage) -> RawMessage {
        let reply_queue = self.declare_reply_queue().await;
        let mut replies = self.consume(&reply_queue, 0).await;
        request.reply_to = Some(reply_queue.clone());
        let correlation_id = request
            .correlation_id
            .get_or_insert_with(|| "raw-call".into())
            .clone();
        assert!(
            self.publish("", queue, request).await,
            "nobody declared the queue {queue}"
        );
        let reply = replies.next().await;
        self.delete(&reply_queue).await;
        assert_eq!(reply.message.correlation_id, Some(correlation_id));
        reply.message
    }
}

impl RawConsumer {
    /// Waits for the next message.
    pub async fn next(&mut self) -> RawDelivery {
        let what = format!("a message in {}", self.queue);
        let delivery = within(&what, self.consumer.next())
            .await
            .expect("the consumer is alive")
            .expect("a delivery");
        RawDelivery {
            message: RawMessage::from(&delivery),
            redelivered: delivery.redelivered,
            delivery,
        }
    }
}

impl RawDelivery {
    /// Acknowledges the message.
    pub async fn ack(&self) {
        self.delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("an ack");
    }

    /// Gives the message back to the queue, or to its dead-letter exchange.
    pub async fn nack(&self, requeue: bool) {
        self.delivery
            .nack(BasicNackOptions {
                multiple: false,
                requeue,
            })
            .await
            .expect("a nack");
    }
}

impl RawMessage {
    fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        let mut set =
            |value: &Option<String>, with: fn(BasicProperties, ShortString) -> BasicProperties| {
                if let Some(value) = value {
                    properties = with(std::mem::take(&mut properties), value.as_str().into());
                }
            };
        set(&self.kind, BasicProperties::with_type);
        set(&self.content_type, BasicProperties::with_content_type);
        set(
            &self.content_encoding,
            BasicProperties::with_content_encoding,
        );
        set(&self.correlation_id, BasicProperties::with_correlation_id);
        set(&self.reply_to, BasicProperties::with_reply_to);
        set(&self.message_id, BasicProperties::with_message_id);
        set(&self.expiration, BasicProperties::with_expiration);
        set(&self.app_id, BasicProperties::with_app_id);
        set(&self.user_id, BasicProperties::with_user_id);
        if let Some(mode) = self.delivery_mode {
            properties = properties.with_delivery_mode(mode);
        }
        if !self.headers.is_empty() {
            let mut table = FieldTable::default();
            for (name, value) in &self.headers {
                table.insert(
                    name.as_str().into(),
                    AMQPValue::LongString(value.as_str().into()),
                );
            }
            properties = properties.with_headers(table);
        }
        properties
    }
}

impl From<&Delivery> for RawMessage {
    fn from(delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let headers = properties.headers().iter().flat_map(FieldTable::inner);
        Self {
            body: delivery.data.clone(),
            kind: text(properties.kind()),
            content_type: text(properties.content_type()),
            content_encoding: text(properties.content_encoding()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            message_id: text(properties.message_id()),
            expiration: text(properties.expiration()),
            delivery_mode: *properties.delivery_mode(),
            app_id: text(properties.app_id()),
            user_id: text(properties.user_id()),
            headers: headers
                .map(|(name, value)| (name.to_string(), header_text(value)))
                .collect(),
        }
    }
}

fn header_text(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}
