//! Queues, exchanges and what binds them.

use amq_protocol::protocol::{AMQPClass, exchange, queue};
use amq_protocol::types::FieldTable;

use super::{has, none};

pub(crate) fn declare(queue: &str, options: &str, arguments: FieldTable) -> AMQPClass {
    let is = |word| {
        let known = ["passive", "durable", "exclusive", "auto_delete", "nowait"];
        has(options, &known, word)
    };
    AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare {
        queue: queue.into(),
        passive: is("passive"),
        durable: is("durable"),
        exclusive: is("exclusive"),
        auto_delete: is("auto_delete"),
        nowait: is("nowait"),
        arguments,
    }))
}

pub(crate) fn bind(queue: &str, exchange: &str, key: &str, arguments: FieldTable) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        nowait: false,
        arguments,
    }))
}

pub(crate) fn bind_nowait(queue: &str, exchange: &str, key: &str) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        nowait: true,
        arguments: none(),
    }))
}

pub(crate) fn unbind(queue: &str, exchange: &str, key: &str, arguments: FieldTable) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Unbind(queue::Unbind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        arguments,
    }))
}

pub(crate) fn purge(queue: &str) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Purge(queue::Purge {
        queue: queue.into(),
        nowait: false,
    }))
}

pub(crate) fn delete(queue: &str, options: &str) -> AMQPClass {
    let is = |word| has(options, &["if_unused", "if_empty", "nowait"], word);
    AMQPClass::Queue(queue::AMQPMethod::Delete(queue::Delete {
        queue: queue.into(),
        if_unused: is("if_unused"),
        if_empty: is("if_empty"),
        nowait: is("nowait"),
    }))
}

pub(crate) fn exchange_declare(exchange: &str, kind: &str, options: &str) -> AMQPClass {
    exchange_with(exchange, kind, options, none())
}

pub(crate) fn exchange_with(
    exchange: &str,
    kind: &str,
    options: &str,
    arguments: FieldTable,
) -> AMQPClass {
    let is = |word| {
        let known = ["passive", "durable", "auto_delete", "internal", "nowait"];
        has(options, &known, word)
    };
    AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
        exchange: exchange.into(),
        kind: kind.into(),
        passive: is("passive"),
        durable: is("durable"),
        auto_delete: is("auto_delete"),
        internal: is("internal"),
        nowait: is("nowait"),
        arguments,
    }))
}

pub(crate) fn exchange_delete(exchange: &str, options: &str) -> AMQPClass {
    let is = |word| has(options, &["if_unused", "nowait"], word);
    AMQPClass::Exchange(exchange::AMQPMethod::Delete(exchange::Delete {
        exchange: exchange.into(),
        if_unused: is("if_unused"),
        nowait: is("nowait"),
    }))
}

pub(crate) fn exchange_bind(destination: &str, source: &str, key: &str) -> AMQPClass {
    exchange_bind_with(destination, source, key, "", none())
}

pub(crate) fn exchange_bind_with(
    destination: &str,
    source: &str,
    key: &str,
    options: &str,
    arguments: FieldTable,
) -> AMQPClass {
    AMQPClass::Exchange(exchange::AMQPMethod::Bind(exchange::Bind {
        destination: destination.into(),
        source: source.into(),
        routing_key: key.into(),
        nowait: has(options, &["nowait"], "nowait"),
        arguments,
    }))
}

pub(crate) fn exchange_unbind(destination: &str, source: &str, key: &str) -> AMQPClass {
    AMQPClass::Exchange(exchange::AMQPMethod::Unbind(exchange::Unbind {
        destination: destination.into(),
        source: source.into(),
        routing_key: key.into(),
        nowait: false,
        arguments: none(),
    }))
}
