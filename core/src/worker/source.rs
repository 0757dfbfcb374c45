//! Where a worker's messages come from: a queue of tasks, a durable subscription, or a queue of its own.

use std::time::Duration;

use crate::amqp::{Binding, Channel, ConsumeOptions, Consumer};
use crate::connection::Session;
use crate::error::Error;
use crate::tasks::{Names, Retry};
use crate::topology::{Declare, ExchangeKind};
use crate::wire;

use super::settle::Desk;

#[derive(Debug)]
pub(crate) struct Source {
    /// The queue and those beside it; a transient subscription has none.
    pub(crate) names: Option<Names>,
    pub(crate) retry: Retry,
    pub(crate) dedup_window: Duration,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) bindings: Vec<Binding>,
}

/// An exchange that events come by.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) kind: ExchangeKind,
    pub(crate) declare: Declare,
}

/// Which of a source's queues a consumer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Main,
    /// Tasks that may have ended their worker, one at a time.
    Suspect,
}

impl Source {
    /// The names and number of partitions, where there are any.
    pub(super) fn partitions(&self) -> Option<(Names, u16)> {
        let names = self.names.as_ref()?;
        Some((names.clone(), names.partitions?))
    }

    /// Whether this is the queue of those that are run alone.
    pub(super) fn is_aside(&self, queue: &str) -> bool {
        let names = self.names.as_ref();
        names.is_some_and(|names| names.suspect == queue)
    }

    pub(super) fn lanes(&self) -> &'static [Lane] {
        if self.names.is_some() {
            &[Lane::Main, Lane::Suspect]
        } else {
            &[Lane::Main]
        }
    }

    /// What a consumer reads, for the log.
    pub(super) fn name(&self, lane: Lane) -> &str {
        match (&self.names, lane) {
            (Some(names), Lane::Main) => &names.queue,
            (Some(names), Lane::Suspect) => &names.suspect,
            (None, _) => self.exchange.as_ref().map_or("", |from| &from.name),
        }
    }

    /// Declares what is missing and begins to consume. Gives the queue's name too.
    pub(super) async fn attach(
        &self,
        session: &Session,
        lane: Lane,
        prefetch: u16,
    ) -> Result<(String, Channel, Consumer), Error> {
        let link = &session.consume;
        if let Some(names) = &self.names {
            Desk::prepare(session, names).await?;
        }
        if let Some(exchange) = &self.exchange {
            link.declare_exchange(&exchange.name, exchange.kind, exchange.declare)
                .await?;
        }
        let channel = link.channel().await?;
        let queue = if self.names.is_some() {
            self.name(lane).to_owned()
        } else {
            let queue = format!("{}{}", wire::EVENT_QUEUE_PREFIX, wire::random_name());
            channel.declare_exclusive(&queue).await?;
            queue
        };
        if lane == Lane::Main {
            for binding in &self.bindings {
                channel.bind_by(&queue, binding).await?;
            }
        }
        let options = ConsumeOptions {
            no_ack: false,
            prefetch: if lane == Lane::Suspect { 1 } else { prefetch },
        };
        let consumer = channel.consume(&queue, options).await?;
        Ok((queue, channel, consumer))
    }
}
