//! Request queues: declared, looked at, deleted, each on a channel of its own, because the broker answers a
//! "no" by closing the channel.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::Link;
use super::failure::{failure, is_mismatch, is_not_found};
use super::message::short;
use crate::error::{Code, Error, Executed};
use crate::topology::{Declare, ExchangeKind, QueueKind, QueueOptions};

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueueCounts {
    /// Waiting to be delivered.
    pub(crate) ready: u32,
    pub(crate) consumers: u32,
}

impl QueueCounts {
    fn of(queue: &lapin::Queue) -> Self {
        Self {
            ready: queue.message_count(),
            consumers: queue.consumer_count(),
        }
    }
}

impl Link {
    /// Makes sure that a queue exists, each step on a channel of its own, because the broker answers a
    /// "no" by closing the channel.
    pub(crate) async fn declare_queue(
        &self,
        queue: &str,
        options: &QueueOptions,
    ) -> Result<(), Error> {
        if options.declare == Declare::Never {
            return Ok(());
        }
        let found = self.find_queue(queue).await?.is_some();
        if !found && options.declare == Declare::Passive {
            return Err(Error::new(
                Code::NoSuchService,
                format!("the queue `{queue}` does not exist and is declared elsewhere (passive)"),
            )
            .with_executed(Executed::No));
        }
        if found && options.declare == Declare::Passive {
            return Ok(());
        }
        self.create_queue(queue, options).await.map(drop)
    }

    /// The same without looking first, which costs a channel where the queue is not there: for a queue that mostly is new.
    /// Gives what is in it.
    pub(crate) async fn create_queue(
        &self,
        queue: &str,
        options: &QueueOptions,
    ) -> Result<QueueCounts, Error> {
        let name = short(queue, "the queue's name")?;
        let create = QueueDeclareOptions {
            durable: options.durable,
            auto_delete: options.auto_delete,
            ..Default::default()
        };
        let created = self
            .channel()
            .await?
            .raw
            .queue_declare(name, create, arguments(options)?)
            .await;
        let error = match created {
            Ok(queue) => return Ok(QueueCounts::of(&queue)),
            Err(error) => error,
        };
        if is_mismatch(&error)
            && let Some(found) = self.count(queue).await?
        {
            // Another program may have created it a moment ago.
            tracing::warn!(queue, %error, "the queue exists with other options and is used as it is");
            return Ok(found);
        }
        Err(failure(&format!("declaring the queue `{queue}`"), error))
    }

    /// How many consumers a queue has; `None` when there is no such queue.
    pub(crate) async fn count_consumers(&self, queue: &str) -> Result<Option<u32>, Error> {
        Ok(self.count(queue).await?.map(|counts| counts.consumers))
    }

    /// What is in a queue; `None` when there is no such queue.
    pub(crate) async fn count(&self, queue: &str) -> Result<Option<QueueCounts>, Error> {
        let found = self.find_queue(queue).await?;
        Ok(found.as_ref().map(QueueCounts::of))
    }

    /// Makes sure that a durable exchange exists. One of the name that exists is adopted: what is published to it
    /// shows whether it is of the right kind, and whoever binds to it is told by the broker.
    pub(crate) async fn declare_exchange(
        &self,
        exchange: &str,
        kind: ExchangeKind,
        declare: Declare,
    ) -> Result<(), Error> {
        if declare == Declare::Never || self.has_exchange(exchange, kind).await? {
            return Ok(());
        }
        if declare == Declare::Passive {
            return Err(Error::new(
                Code::NoSuchService,
                format!(
                    "the exchange `{exchange}` does not exist and is declared elsewhere (passive)"
                ),
            )
            .with_executed(Executed::No));
        }
        let options = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let name = short(exchange, "the exchange's name")?;
        let channel = self.channel().await?;
        channel
            .raw
            .exchange_declare(name, raw(kind), options, FieldTable::default())
            .await
            .map_err(|error| failure(&format!("declaring the exchange `{exchange}`"), error))
    }

    async fn find_queue(&self, queue: &str) -> Result<Option<lapin::Queue>, Error> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = self.channel().await?;
        let name = short(queue, "the queue's name")?;
        match channel
            .raw
            .queue_declare(name, passive, FieldTable::default())
            .await
        {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failure(&format!("looking at the queue `{queue}`"), error)),
        }
    }

    /// Whether an exchange exists. Looking needs no permission to declare.
    pub(crate) async fn has_exchange(
        &self,
        exchange: &str,
        kind: ExchangeKind,
    ) -> Result<bool, Error> {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = self.channel().await?;
        let name = short(exchange, "the exchange's name")?;
        let looked = channel
            .raw
            .exchange_declare(name, raw(kind), passive, FieldTable::default())
            .await;
        match looked {
            Ok(()) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(failure(
                &format!("looking at the exchange `{exchange}`"),
                error,
            )),
        }
    }

    /// Deletes a queue that nobody consumes from and that holds nothing. Anything else is left alone.
    pub(crate) async fn delete_idle_queue(&self, queue: &str) {
        let options = QueueDeleteOptions {
            if_unused: true,
            if_empty: true,
            ..Default::default()
        };
        let (Ok(channel), Ok(name)) = (self.channel().await, short(queue, "the queue's name"))
        else {
            return;
        };
        if let Err(error) = channel.raw.queue_delete(name, options).await {
            tracing::debug!(queue, %error, "the queue stays");
        }
    }
}

fn raw(kind: ExchangeKind) -> lapin::ExchangeKind {
    match kind {
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        ExchangeKind::Headers => lapin::ExchangeKind::Headers,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
    }
}

fn arguments(options: &QueueOptions) -> Result<FieldTable, Error> {
    options.check()?;
    let mut table = FieldTable::default();
    let mut set = |key: &str, value: AMQPValue| {
        table.insert(key.into(), value);
    };
    let millis = |duration: Duration| {
        AMQPValue::LongLongInt(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    };
    if options.kind == QueueKind::Quorum {
        set("x-queue-type", AMQPValue::LongString("quorum".into()));
    }
    if let Some(ttl) = options.message_ttl {
        set("x-message-ttl", millis(ttl));
    }
    if let Some(expires) = options.expires {
        set("x-expires", millis(expires));
    }
    if let Some(length) = options.max_length {
        set("x-max-length", AMQPValue::LongLongInt(length.into()));
    }
    // The other policy, drop-head, would lose accepted requests without a word.
    if options.max_length.is_some() || options.dead_letters_at_least_once {
        let classic = options.kind == QueueKind::Classic;
        let policy = if options.refused_are_dead_letters && classic {
            "reject-publish-dlx"
        } else {
            "reject-publish"
        };
        set("x-overflow", AMQPValue::LongString(policy.into()));
    }
    // Attempts are counted elsewhere; the default of 20 (RabbitMQ 4.0) would count looks at dead letters too.
    if options.no_delivery_limit && options.kind == QueueKind::Quorum {
        set("x-delivery-limit", AMQPValue::LongLongInt(i32::MAX.into()));
    }
    if options.dead_letters_at_least_once {
        set(
            "x-dead-letter-strategy",
            AMQPValue::LongString("at-least-once".into()),
        );
    }
    if let Some(priority) = options.max_priority {
        set(
            "x-max-priority",
            AMQPValue::ShortShortInt(i8::try_from(priority).unwrap_or(i8::MAX)),
        );
    }
    if options.single_active_consumer {
        set("x-single-active-consumer", AMQPValue::Boolean(true));
    }
    if let Some(exchange) = &options.dead_letter_exchange {
        short(exchange, "the dead-letter exchange's name")?;
        set(
            "x-dead-letter-exchange",
            AMQPValue::LongString(exchange.as_str().into()),
        );
    }
    if let Some(key) = &options.dead_letter_routing_key {
        short(key, "the dead-letter routing key")?;
        set(
            "x-dead-letter-routing-key",
            AMQPValue::LongString(key.as_str().into()),
        );
    }
    Ok(table)
}
