//! A channel: declaring, binding, consuming, acknowledging.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt, StreamExt};
use lapin::BasicProperties;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicPublishOptions, BasicQosOptions, ChannelFlowOptions, ConfirmSelectOptions,
    ExchangeBindOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{FieldTable, ShortString};

use super::failure::{failure, is_not_found};
use super::header::HeaderValue;
use super::message::{Delivery, Message, short};
use super::size::header_frame;
use crate::error::{Code, Error, Executed};

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(super) raw: Arc<lapin::Channel>,
    /// The largest frame that the broker takes.
    frame_max: usize,
}

/// How a consumer is attached to its queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConsumeOptions {
    pub(crate) no_ack: bool,
    /// At most this many unacknowledged deliveries; 0 is for consumers without acknowledgements.
    pub(crate) prefetch: u16,
}

/// What leads messages of an exchange to a queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Binding {
    pub(crate) exchange: String,
    pub(crate) key: String,
    pub(crate) arguments: Vec<(String, HeaderValue)>,
}

impl Channel {
    pub(super) fn new(channel: lapin::Channel, frame_max: u32) -> Self {
        Self {
            raw: Arc::new(channel),
            frame_max: usize::try_from(frame_max).unwrap_or(usize::MAX),
        }
    }

    /// The properties of a message that this channel can carry. They travel in one frame, and over one that is too large
    /// the broker closes the connection, with all that is under way on it.
    pub(super) fn properties(&self, message: &Message<'_>) -> Result<BasicProperties, Error> {
        let properties = message.properties()?;
        let size = header_frame(&properties);
        if size > self.frame_max {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "the message's properties and headers take {size} bytes, and the broker takes at most {} at once",
                    self.frame_max
                ),
            )
            .with_executed(Executed::No));
        }
        Ok(properties)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.raw.status().connected()
    }

    pub(crate) async fn confirm_select(&self) -> Result<(), Error> {
        self.raw
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| failure("turning publisher confirms on", error))
    }

    /// A queue that lives and dies with this connection.
    pub(crate) async fn declare_exclusive(&self, queue: &str) -> Result<(), Error> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..Default::default()
        };
        self.raw
            .queue_declare(
                short(queue, "the queue's name")?,
                options,
                FieldTable::default(),
            )
            .await
            .map_err(|error| failure(&format!("declaring the queue `{queue}`"), error))?;
        Ok(())
    }

    pub(crate) async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
        let binding = Binding {
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            arguments: Vec::new(),
        };
        self.bind_by(queue, &binding).await
    }

    pub(crate) async fn bind_by(&self, queue: &str, binding: &Binding) -> Result<(), Error> {
        let exchange = &binding.exchange;
        let mut arguments = FieldTable::default();
        for (name, value) in &binding.arguments {
            arguments.insert(short(name, "a header's name")?, value.write());
        }
        self.raw
            .queue_bind(
                short(queue, "the queue's name")?,
                short(exchange, "the exchange's name")?,
                short(&binding.key, "the binding key")?,
                QueueBindOptions::default(),
                arguments,
            )
            .await
            .map_err(|error| failure(&format!("binding `{queue}` to `{exchange}`"), error))
    }

    /// Leads what `from` gets under `key` to `to` as well.
    pub(crate) async fn bind_exchange(&self, to: &str, from: &str, key: &str) -> Result<(), Error> {
        self.raw
            .exchange_bind(
                short(to, "the exchange's name")?,
                short(from, "the exchange's name")?,
                short(key, "the binding key")?,
                ExchangeBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| failure(&format!("binding `{to}` to `{from}`"), error))
    }

    /// The message at the head of a queue, which is to be acknowledged.
    pub(crate) async fn get(&self, queue: &str) -> Result<Option<Delivery>, Error> {
        let name = short(queue, "the queue's name")?;
        let got = self
            .raw
            .basic_get(name, BasicGetOptions { no_ack: false })
            .await
            .map_err(|error| failure(&format!("reading from `{queue}`"), error))?;
        Ok(got.map(|got| Delivery::new(got.delivery)))
    }

    /// Removes what waits in a queue; gives how many messages that were.
    pub(crate) async fn purge(&self, queue: &str) -> Result<u64, Error> {
        self.raw
            .queue_purge(
                short(queue, "the queue's name")?,
                QueuePurgeOptions::default(),
            )
            .await
            .map(u64::from)
            .map_err(|error| failure(&format!("purging `{queue}`"), error))
    }

    /// Removes a queue with all that is in it.
    pub(crate) async fn delete(&self, queue: &str) -> Result<(), Error> {
        self.raw
            .queue_delete(
                short(queue, "the queue's name")?,
                QueueDeleteOptions::default(),
            )
            .await
            .map(drop)
            .map_err(|error| failure(&format!("deleting `{queue}`"), error))
    }

    pub(crate) async fn consume(
        &self,
        queue: &str,
        options: ConsumeOptions,
    ) -> Result<Consumer, Error> {
        self.attach(queue, options, false).await
    }

    /// Consumes alone: refused, and this channel closed, where anybody else consumes, and so is everybody else
    /// from then on. RabbitMQ's quorum queues do not keep to it.
    pub(crate) async fn consume_alone(
        &self,
        queue: &str,
        options: ConsumeOptions,
    ) -> Result<Consumer, Error> {
        self.attach(queue, options, true).await
    }

    async fn attach(
        &self,
        queue: &str,
        options: ConsumeOptions,
        exclusive: bool,
    ) -> Result<Consumer, Error> {
        let doing = || format!("consuming from `{queue}`");
        if options.prefetch > 0 {
            self.raw
                .basic_qos(options.prefetch, BasicQosOptions::default())
                .await
                .map_err(|error| failure(&doing(), error))?;
        }
        let consume = BasicConsumeOptions {
            no_ack: options.no_ack,
            exclusive,
            ..Default::default()
        };
        let queue = short(queue, "the queue's name")?;
        let consumer = self
            .raw
            .basic_consume(
                queue.clone(),
                ShortString::default(),
                consume,
                FieldTable::default(),
            )
            .await
            .map_err(|error| failure(&doing(), error))?;
        Ok(Consumer {
            inner: consumer,
            _channel: self.clone(),
        })
    }

    /// How many consumers a queue has; `None` when there is no such queue, and then the channel is closed.
    pub(crate) async fn count_consumers(&self, queue: &str) -> Result<Option<u32>, Error> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let name = short(queue, "the queue's name")?;
        let looked = self.raw.queue_declare(name, passive, FieldTable::default());
        match looked.await {
            Ok(found) => Ok(Some(found.consumer_count())),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failure(&format!("looking at the queue `{queue}`"), error)),
        }
    }

    /// Publishes something that nobody will miss, and waits until it has been written.
    pub(crate) async fn send(&self, message: Message<'_>) {
        let prepared = || {
            Ok::<_, Error>((
                short(message.exchange, "the exchange's name")?,
                short(message.routing_key, "the routing key")?,
                self.properties(&message)?,
            ))
        };
        match prepared() {
            Ok((exchange, key, properties)) => {
                let options = BasicPublishOptions::default();
                let _ = self
                    .raw
                    .basic_publish(exchange, key, options, &message.body, properties)
                    .await;
            }
            Err(error) => tracing::debug!(%error, "a control message cannot be sent"),
        }
    }

    /// Queues the acknowledgement for writing and does not wait: a lost one is a redelivery, no more.
    pub(crate) fn ack(&self, tag: u64, multiple: bool) {
        start(self.raw.basic_ack(tag, BasicAckOptions { multiple }));
    }

    /// Gives a delivery back to its queue, or to that one's dead-letter exchange.
    pub(crate) fn nack(&self, tag: u64, requeue: bool) {
        start(self.raw.basic_nack(
            tag,
            BasicNackOptions {
                multiple: false,
                requeue,
            },
        ));
    }

    /// Waits until the broker has dealt with all that was sent before.
    pub(crate) async fn round_trip(&self) -> Result<(), Error> {
        self.raw
            .channel_flow(ChannelFlowOptions { active: true })
            .await
            .map(drop)
            .map_err(|error| failure("waiting for the broker", error))
    }

    /// Closes in order: everything queued for writing before is written before.
    pub(crate) async fn close(&self) {
        if self.is_open() {
            let _ = self.raw.close(200, "done".into()).await;
        }
    }
}

/// Lets lapin put the frames of an operation into its outgoing queue, and waits for nothing.
fn start<T>(operation: impl Future<Output = lapin::Result<T>>) {
    let mut operation = std::pin::pin!(operation);
    let _ = operation
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
}

/// Deliveries of one queue. Dropping it cancels the consumer.
pub(crate) struct Consumer {
    inner: lapin::Consumer,
    // lapin closes a channel when its last handle goes.
    _channel: Channel,
}

impl Consumer {
    /// `None` when the consumer has ended, whatever ended it.
    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        match self.inner.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(delivery))) => Poll::Ready(Some(Delivery::new(delivery))),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a consumer ended");
                Poll::Ready(None)
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    /// A delivery that is here already.
    pub(crate) fn take_ready(&mut self) -> Option<Delivery> {
        self.next().now_or_never().flatten()
    }

    /// Tells the broker to send no more; what was sent before still comes out of [`next`](Self::next).
    pub(crate) async fn cancel(&self, channel: &Channel) {
        let _ = channel
            .raw
            .basic_cancel(self.inner.tag(), BasicCancelOptions::default())
            .await;
    }
}
