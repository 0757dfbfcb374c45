//! A client with one channel, and ways to wait for what happens to it.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::protocol::AMQPError;
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ErrorKind, Event,
};
use leveret_broker::{Broker, ConnectionHandle};

pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

impl Client {
    pub(crate) async fn of(broker: &Broker) -> Self {
        Self::try_at(broker.url()).await.expect("connected")
    }

    pub(crate) async fn try_at(url: &str) -> lapin::Result<Self> {
        let properties = ConnectionProperties::default()
            .with_client_property("connection_name".into(), "a test".into());
        let connection = within("a connection", Connection::connect(url, properties)).await?;
        let events = Box::pin(connection.events_listener());
        let channel = connection.create_channel().await?;
        channel.confirm_select(Default::default()).await?;
        Ok(Self {
            connection,
            channel,
            events,
        })
    }

    pub(crate) async fn declare(&self, queue: &str, options: QueueDeclareOptions) {
        self.channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .expect("declared");
    }

    /// Publishes to a queue and waits for the confirm.
    pub(crate) async fn publish(&self, queue: &str, body: &str, persistent: bool) {
        let mode = if persistent { 2 } else { 1 };
        let properties = BasicProperties::default().with_delivery_mode(mode);
        let options = BasicPublishOptions::default();
        let confirm = self
            .channel
            .basic_publish(
                "".into(),
                queue.into(),
                options,
                body.as_bytes(),
                properties,
            )
            .await
            .expect("published");
        within("a confirm", confirm).await.expect("confirmed");
    }

    pub(crate) async fn consume(&self, queue: &str) -> Consumer {
        self.channel
            .basic_consume(
                queue.into(),
                "tag".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("consuming")
    }

    pub(crate) async fn event(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let events = &mut self.events;
        let found = async {
            loop {
                let event = events.next().await.expect("events go on");
                if wanted(&event) {
                    return event;
                }
            }
        };
        within(what, found).await
    }

    /// What the broker closes the connection with.
    pub(crate) async fn close(&mut self) -> AMQPError {
        let is_error = |event: &Event| matches!(event, Event::Error(_));
        match self.event("a close", is_error).await {
            Event::Error(error) => match error.kind() {
                ErrorKind::ProtocolError(error) => error.clone(),
                other => panic!("cut instead of closed: {other:?}"),
            },
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits until the connection breaks without a word.
    pub(crate) async fn cut(&mut self) -> std::io::ErrorKind {
        let is_error = |event: &Event| matches!(event, Event::Error(_));
        match self.event("a cut", is_error).await {
            Event::Error(error) => match error.kind() {
                ErrorKind::IOError(error) => error.kind(),
                other => panic!("not just cut: {other:?}"),
            },
            other => unreachable!("{other:?}"),
        }
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("no {what} within 20 s"))
}

/// The bodies of the next deliveries, not acknowledged.
pub(crate) async fn bodies(consumer: &mut Consumer, count: usize) -> Vec<(String, bool)> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let delivery = within("a delivery", consumer.next())
            .await
            .expect("the consumer goes on")
            .expect("a delivery");
        let body = String::from_utf8(delivery.data).expect("text");
        bodies.push((body, delivery.redelivered));
    }
    bodies
}

/// The only connection that there is.
pub(crate) fn only(broker: &Broker) -> ConnectionHandle {
    match broker.status().connections.as_slice() {
        [connection] => connection.handle,
        other => panic!("not one connection: {other:?}"),
    }
}
