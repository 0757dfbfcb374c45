//! The queue of a service: how it is declared, what it can hold, what becomes of what it cannot.

use std::time::Duration;

use crate::error::{Code, Error, Executed};

/// What the one signed byte holds in which it travels.
const MOST_PRIORITY: u8 = 127;

/// Whether the server creates its queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Declare {
    /// Use the queue as it is when it exists, whatever its kind, and create it when it does not.
    #[default]
    Create,
    /// Use it when it exists, fail to start when it does not.
    Passive,
    /// Do not look: for a login that may not even declare passively.
    Never,
}

/// The queue's type (<https://www.rabbitmq.com/docs/queues>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// On one node, fast.
    #[default]
    Classic,
    /// Replicated, about 1.3 to 2 times slower.
    Quorum,
}

/// How an exchange finds the queues of a message (<https://www.rabbitmq.com/tutorials/amqp-concepts#exchanges>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ExchangeKind {
    /// By a routing key that is equal to the binding key.
    Direct,
    /// To every queue that is bound.
    Fanout,
    /// By headers.
    Headers,
    /// By a pattern for the routing key: `*` is one word, `#` any number of them.
    Topic,
}

/// How a request queue is declared. Only used when the queue does not exist yet.
///
/// ```
/// use std::time::Duration;
/// use leveret::QueueOptions;
///
/// let options = QueueOptions::quorum().max_length(10_000).message_ttl(Duration::from_secs(60));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct QueueOptions {
    pub(crate) declare: Declare,
    pub(crate) kind: QueueKind,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) message_ttl: Option<Duration>,
    pub(crate) expires: Option<Duration>,
    pub(crate) max_length: Option<u32>,
    pub(crate) max_priority: Option<u8>,
    pub(crate) single_active_consumer: bool,
    pub(crate) dead_letter_exchange: Option<String>,
    pub(crate) dead_letter_routing_key: Option<String>,
    pub(crate) dead_letters_at_least_once: bool,
    pub(crate) refused_are_dead_letters: bool,
    pub(crate) no_delivery_limit: bool,
    pub(crate) delete_when_idle: bool,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            declare: Declare::Create,
            kind: QueueKind::Classic,
            durable: true,
            auto_delete: false,
            message_ttl: None,
            expires: None,
            max_length: None,
            max_priority: None,
            single_active_consumer: false,
            dead_letter_exchange: None,
            dead_letter_routing_key: None,
            dead_letters_at_least_once: false,
            refused_are_dead_letters: false,
            no_delivery_limit: false,
            delete_when_idle: false,
        }
    }
}

impl QueueOptions {
    /// A durable classic queue.
    pub fn classic() -> Self {
        Self::default()
    }

    /// A quorum queue: replicated, always durable.
    pub fn quorum() -> Self {
        Self {
            kind: QueueKind::Quorum,
            ..Self::default()
        }
    }

    /// A queue that a broker restart removes. RabbitMQ 4.3 and later refuse it by default.
    pub fn transient() -> Self {
        Self {
            durable: false,
            ..Self::default()
        }
    }

    /// Whether the server creates the queue. Default: [`Declare::Create`].
    pub fn declare(mut self, declare: Declare) -> Self {
        self.declare = declare;
        self
    }

    /// Removes the queue when its last consumer leaves, with what is in it.
    pub fn auto_delete(mut self, auto_delete: bool) -> Self {
        self.auto_delete = auto_delete;
        self
    }

    /// Drops (or dead-letters) requests that have waited this long, to the millisecond. Calls carry their
    /// own time limit anyway; this bounds casts too.
    pub fn message_ttl(mut self, ttl: Duration) -> Self {
        self.message_ttl = Some(ttl);
        self
    }

    /// Removes the queue after this time without consumers, to the millisecond.
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(after);
        self
    }

    /// Holds at most this many requests; more are refused (`reject-publish`), and their callers get
    /// [`Code::ResourceExhausted`](crate::Code) at once.
    ///
    /// A task that a full *classic* queue refuses is a [dead letter](crate::DeathReason::Full) besides, because one that
    /// comes back for its next attempt has nobody to be told. So a producer that pushes it again until there is room
    /// leaves a dead letter for each refusal, and whoever retries one of those has the job done twice. A quorum queue
    /// keeps nothing of what it refuses.
    pub fn max_length(mut self, requests: u32) -> Self {
        self.max_length = Some(requests);
        self
    }

    /// Lets requests carry priorities from 0 to this (classic queues; at most 127, and few are cheaper).
    pub fn max_priority(mut self, priority: u8) -> Self {
        self.max_priority = Some(priority);
        self
    }

    /// Gives requests to one consumer only, the others standing by.
    pub fn single_active_consumer(mut self, on: bool) -> Self {
        self.single_active_consumer = on;
        self
    }

    /// Where expired and refused requests go.
    pub fn dead_letter_exchange(mut self, exchange: impl Into<String>) -> Self {
        self.dead_letter_exchange = Some(exchange.into());
        self
    }

    /// Their routing key there; their own by default.
    pub fn dead_letter_routing_key(mut self, key: impl Into<String>) -> Self {
        self.dead_letter_routing_key = Some(key.into());
        self
    }

    /// Whether there can be such a queue. Declaring asks by itself.
    ///
    /// ```
    /// use leveret::QueueOptions;
    ///
    /// assert!(QueueOptions::quorum().max_priority(3).check().is_err());
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code) for what no queue can have.
    pub fn check(&self) -> Result<(), Error> {
        let quorum = self.kind == QueueKind::Quorum;
        let wrong = if quorum && self.max_priority.is_some() {
            "a quorum queue has no max_priority"
        } else if quorum && self.auto_delete {
            "a quorum queue has no auto_delete"
        } else if self
            .max_priority
            .is_some_and(|most| !(1..=MOST_PRIORITY).contains(&most))
        {
            "max_priority is 1 to 127"
        } else if self
            .expires
            .is_some_and(|after| after < Duration::from_millis(1))
        {
            "expires is at least 1 ms"
        } else if self.dead_letter_routing_key.is_some() && self.dead_letter_exchange.is_none() {
            "a dead_letter_routing_key needs a dead_letter_exchange"
        } else {
            return Ok(());
        };
        Err(Error::new(Code::InvalidArgument, wrong).with_executed(Executed::No))
    }

    /// Deletes the queue when the server stops, if nobody else uses it and it is empty.
    pub fn delete_when_idle(mut self, on: bool) -> Self {
        self.delete_when_idle = on;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_queue_can_have_is_refused() {
        for options in [
            QueueOptions::quorum().max_priority(3),
            QueueOptions::quorum().auto_delete(true),
            QueueOptions::classic().max_priority(0),
            QueueOptions::classic().max_priority(128),
            QueueOptions::classic().expires(Duration::ZERO),
            QueueOptions::classic().dead_letter_routing_key("a"),
        ] {
            let refused = options.check().unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{options:?}");
        }
        for options in [
            QueueOptions::classic().max_priority(127).auto_delete(true),
            QueueOptions::quorum().expires(Duration::from_millis(1)),
        ] {
            assert!(options.check().is_ok(), "{options:?}");
        }
    }
}
