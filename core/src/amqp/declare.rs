//! Request queues: declared, looked at, deleted, each on a channel of its own, because the broker answers a
//! "no" by closing the channel.

use std::time::Duration;

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::Link;
use super::failure::{failure, is_mismatch, is_not_found};
use super::message::short;
use crate::error::{Code, Error, Executed};
use crate::topology::{Declare, QueueKind, QueueOptions};

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
        let name = short(queue, "the queue's name")?;
        let doing = format!("declaring the queue `{queue}`");
        let found = self.find_queue(queue).await?.is_some();
        if !found && options.declare == Declare::Passive {
            return Err(Error::new(
                Code::NoSuchService,
                format!("the queue `{queue}` does not exist and may not be declared here (Declare::Passive)"),
            )
            .with_executed(Executed::No));
        }
        if found && options.declare == Declare::Passive {
            return Ok(());
        }
        let create = QueueDeclareOptions {
            durable: options.durable,
            auto_delete: options.auto_delete,
            ..Default::default()
        };
        let created = self
            .channel()
            .await?
            .0
            .queue_declare(name, create, arguments(options)?)
            .await;
        match created {
            Ok(_) => Ok(()),
            // Another program may have created it a moment ago.
            Err(error) if is_mismatch(&error) && self.find_queue(queue).await?.is_some() => {
                tracing::warn!(queue, %error, "the queue exists with other options and is used as it is");
                Ok(())
            }
            Err(error) => Err(failure(&doing, error)),
        }
    }

    /// How many consumers a queue has; `None` when there is no such queue.
    pub(crate) async fn count_consumers(&self, queue: &str) -> Result<Option<u32>, Error> {
        Ok(self
            .find_queue(queue)
            .await?
            .map(|queue| queue.consumer_count()))
    }

    async fn find_queue(&self, queue: &str) -> Result<Option<lapin::Queue>, Error> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = self.channel().await?;
        let name = short(queue, "the queue's name")?;
        match channel
            .0
            .queue_declare(name, passive, FieldTable::default())
            .await
        {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failure(&format!("looking at the queue `{queue}`"), error)),
        }
    }

    /// Whether an exchange exists. Looking needs no permission to declare.
    pub(crate) async fn has_topic_exchange(&self, exchange: &str) -> Result<bool, Error> {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = self.channel().await?;
        let name = short(exchange, "the exchange's name")?;
        let looked = channel
            .0
            .exchange_declare(name, ExchangeKind::Topic, passive, FieldTable::default())
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
        if let Err(error) = channel.0.queue_delete(name, options).await {
            tracing::debug!(queue, %error, "the queue stays");
        }
    }
}

fn arguments(options: &QueueOptions) -> Result<FieldTable, Error> {
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
        // The other policy, drop-head, would lose accepted requests without a word.
        set("x-overflow", AMQPValue::LongString("reject-publish".into()));
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
