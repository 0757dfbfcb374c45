//! Which arguments there are, for which type of queue, and what values they may have.

use std::time::Duration;

use amq_protocol::types::{AMQPValue, FieldTable};

use super::{LONGEST, Overflow, QueueArguments, resource};
use crate::Name;
use crate::erlang::{self, type_name};
use crate::error::Refusal;

pub(super) const QUEUE_TYPE: &str = "x-queue-type";
const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";

/// The arguments of classic queues, in the order in which they are compared.
const CLASSIC: &[&str] = &[
    "x-expires",
    "x-message-ttl",
    DEAD_LETTER_EXCHANGE,
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    QUEUE_TYPE,
    "x-queue-master-locator",
];

/// The arguments of quorum queues.
const QUORUM: &[&str] = &[
    DEAD_LETTER_EXCHANGE,
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-overflow",
    "x-single-active-consumer",
    QUEUE_TYPE,
    "x-quorum-initial-group-size",
    "x-delivery-limit",
    "x-message-ttl",
    "x-queue-leader-locator",
];

/// Those that only streams have.
const STREAM: &[&str] = &[
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
];

type Check = fn(&AMQPValue, &FieldTable) -> Result<(), String>;

/// The checks of values, in RabbitMQ's order.
const CHECKS: &[(&str, Check)] = &[
    ("x-expires", |value, _| {
        not_zero(value)?;
        time(value)
    }),
    ("x-message-ttl", |value, _| time(value)),
    (DEAD_LETTER_EXCHANGE, |value, _| string(value).map(|_| ())),
    ("x-dead-letter-routing-key", |value, all| {
        string(value)?;
        match all.contains_key(DEAD_LETTER_EXCHANGE) {
            true => Ok(()),
            false => Err("routing_key_but_no_dlx_defined".to_owned()),
        }
    }),
    ("x-dead-letter-strategy", |value, _| {
        one_of(
            value,
            &["at-most-once", "at-least-once"],
            "invalid_dlx_strategy",
        )
    }),
    ("x-max-length", |value, _| not_negative(value).map(|_| ())),
    ("x-max-length-bytes", |value, _| {
        not_negative(value).map(|_| ())
    }),
    ("x-max-in-memory-length", |value, _| {
        not_negative(value).map(|_| ())
    }),
    ("x-max-in-memory-bytes", |value, _| {
        not_negative(value).map(|_| ())
    }),
    ("x-max-priority", |value, _| match not_negative(value)? {
        0..=255 => Ok(()),
        value => Err(format!("{{max_value_exceeded,{value}}}")),
    }),
    ("x-overflow", |value, _| {
        let known = ["drop-head", "reject-publish", "reject-publish-dlx"];
        one_of(value, &known, "invalid_overflow")
    }),
    ("x-queue-mode", |value, _| {
        unsupported(value, &["default", "lazy"], "mode")
    }),
    ("x-queue-version", |value, _| match not_negative(value)? {
        1 | 2 => Ok(()),
        value => Err(erlang::text(&format!(
            "unsupported queue version '{value}'"
        ))),
    }),
    ("x-single-active-consumer", |value, _| boolean(value)),
    ("x-quorum-initial-group-size", |value, _| {
        not_negative(value)?;
        not_zero(value)
    }),
    ("x-queue-leader-locator", |value, _| {
        let known = ["client-local", "balanced", "random", "least-leaders"];
        one_of(value, &known, "invalid_queue_locator_arg")
    }),
];

/// The arguments that make a difference for a queue with these.
pub(super) fn known_to(arguments: &FieldTable) -> &'static [&'static str] {
    if is_quorum(arguments) {
        QUORUM
    } else {
        CLASSIC
    }
}

fn is_quorum(arguments: &FieldTable) -> bool {
    arguments.inner().get(QUEUE_TYPE).and_then(erlang::bytes) == Some(b"quorum")
}

/// The broker chooses no names for quorum queues.
fn server_named(table: &FieldTable) -> Result<(), Refusal> {
    if !is_quorum(table) {
        return Ok(());
    }
    Err(Refusal::precondition_failed(
        "Cannot declare a server-named queue for type rabbit_quorum_queue",
    ))
}

/// Checks the arguments of a new queue; an empty name is one that the broker is to choose.
///
/// # Errors
///
/// 406 as RabbitMQ gives it; 540 for streams, which this broker has not.
pub(crate) fn parse(
    table: &FieldTable,
    vhost: &str,
    queue: &str,
    durable: bool,
    exclusive: bool,
    auto_delete: bool,
) -> Result<QueueArguments, Refusal> {
    if queue.is_empty() {
        server_named(table)?;
    }
    let resource = resource(vhost, queue);
    if let Some(exchange) = table.inner().get(DEAD_LETTER_EXCHANGE)
        && string(exchange).is_err()
    {
        return Err(Refusal::precondition_failed(format!(
            "invalid type '{}' for arg '{DEAD_LETTER_EXCHANGE}' in {resource}",
            type_name(exchange)
        )));
    }
    let kinds = ["classic", "quorum", "stream"];
    if let Some(kind) = table.inner().get(QUEUE_TYPE) {
        unsupported(kind, &kinds, "type").map_err(|why| invalid(QUEUE_TYPE, &resource, &why))?;
        if erlang::bytes(kind) == Some(b"stream") {
            return Err(Refusal::not_implemented(
                "stream queues are not supported by this broker",
            ));
        }
    }
    let quorum = is_quorum(table);
    let known = known_to(table);
    for (name, check) in CHECKS.iter().filter(|(name, _)| known.contains(name)) {
        if let Some(value) = table.inner().get(*name) {
            check(value, table).map_err(|why| invalid(name, &resource, &why))?;
        }
    }
    let others = [CLASSIC, QUORUM, STREAM].concat();
    refuse_foreign(table, &resource, known, &others, quorum)?;
    if quorum {
        let refused = |property| {
            Err(Refusal::precondition_failed(format!(
                "invalid property '{property}' for {resource}"
            )))
        };
        match (auto_delete, exclusive, durable) {
            (true, _, _) => return refused("auto-delete"),
            (_, true, _) => return refused("exclusive-owner"),
            (_, _, false) => return refused("non-durable"),
            _ => {}
        }
    }
    Ok(meaning(table, quorum))
}

/// Checks the arguments of a consumer; returns its priority.
///
/// # Errors
///
/// 406 as RabbitMQ gives it.
pub(crate) fn consumer_priority(
    table: &FieldTable,
    vhost: &str,
    queue: &str,
    quorum: bool,
) -> Result<i64, Refusal> {
    const CANCEL: &str = "x-cancel-on-ha-failover";
    const OFFSET: &str = "x-stream-offset";
    const PRIORITY: &str = "x-priority";
    let resource = resource(vhost, queue);
    let priority = table.inner().get(PRIORITY);
    let priority = priority.map(integer).transpose();
    let priority = priority.map_err(|why| invalid(PRIORITY, &resource, &why))?;
    if let Some(cancel) = table.inner().get(CANCEL)
        && !quorum
    {
        boolean(cancel).map_err(|why| invalid(CANCEL, &resource, &why))?;
    }
    let known: &[&str] = if quorum { &[] } else { &[CANCEL] };
    refuse_foreign(table, &resource, known, &[CANCEL, OFFSET], quorum)?;
    Ok(priority.unwrap_or(0))
}

fn refuse_foreign(
    table: &FieldTable,
    resource: &str,
    known: &[&str],
    all: &[&str],
    quorum: bool,
) -> Result<(), Refusal> {
    let foreign = table.into_iter().find(|(name, _)| {
        let name = name.as_str();
        all.contains(&name) && !known.contains(&name)
    });
    let Some((name, _)) = foreign else {
        return Ok(());
    };
    let kind = if quorum { "quorum" } else { "classic" };
    Err(Refusal::precondition_failed(format!(
        "invalid arg '{name}' for {resource} of queue type rabbit_{kind}_queue"
    )))
}

fn meaning(table: &FieldTable, quorum: bool) -> QueueArguments {
    let number = |name: &str| {
        let value = table.inner().get(name).and_then(erlang::integer)?;
        u64::try_from(value).ok()
    };
    let name = |name: &str| {
        let value = table.inner().get(name).and_then(erlang::bytes)?;
        Some(Name::from(String::from_utf8_lossy(value)))
    };
    let overflow = match name("x-overflow").as_deref() {
        Some("reject-publish") => Overflow::RejectPublish,
        Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
        _ => Overflow::DropHead,
    };
    let strategy = name("x-dead-letter-strategy");
    QueueArguments {
        expires: number("x-expires").map(Duration::from_millis),
        message_ttl: number("x-message-ttl").map(Duration::from_millis),
        max_length: number("x-max-length"),
        max_bytes: number("x-max-length-bytes"),
        overflow,
        dead_letter_exchange: name(DEAD_LETTER_EXCHANGE),
        dead_letter_routing_key: name("x-dead-letter-routing-key"),
        // Without that overflow RabbitMQ does not keep to it.
        dead_letters_at_least_once: quorum
            && overflow == Overflow::RejectPublish
            && strategy.as_deref() == Some("at-least-once"),
        max_priority: number("x-max-priority").and_then(|value| u8::try_from(value).ok()),
        single_active_consumer: table.inner().get("x-single-active-consumer")
            == Some(&AMQPValue::Boolean(true)),
        delivery_limit: number("x-delivery-limit"),
        quorum,
    }
}

fn invalid(name: &str, resource: &str, why: &str) -> Refusal {
    Refusal::precondition_failed(format!("invalid arg '{name}' for {resource}: {why}"))
}

fn integer(value: &AMQPValue) -> Result<i64, String> {
    erlang::integer(value)
        .ok_or_else(|| erlang::text(&format!("expected integer, got {}", type_name(value))))
}

fn not_negative(value: &AMQPValue) -> Result<i64, String> {
    match integer(value)? {
        value @ 0.. => Ok(value),
        value => Err(format!("{{value_negative,{value}}}")),
    }
}

fn not_zero(value: &AMQPValue) -> Result<(), String> {
    match integer(value)? {
        0 => Err("{value_zero,0}".to_owned()),
        _ => Ok(()),
    }
}

fn time(value: &AMQPValue) -> Result<(), String> {
    match not_negative(value)? {
        value if value > LONGEST => Err(format!("{{value_too_large,{value}}}")),
        _ => Ok(()),
    }
}

fn unacceptable(value: &AMQPValue) -> String {
    format!("{{unacceptable_type,{}}}", type_name(value))
}

fn boolean(value: &AMQPValue) -> Result<(), String> {
    match value {
        AMQPValue::Boolean(_) => Ok(()),
        _ => Err(unacceptable(value)),
    }
}

fn string(value: &AMQPValue) -> Result<String, String> {
    match value {
        AMQPValue::LongString(value) => Ok(value.to_string()),
        _ => Err(unacceptable(value)),
    }
}

fn one_of(value: &AMQPValue, known: &[&str], otherwise: &str) -> Result<(), String> {
    match known.contains(&string(value)?.as_str()) {
        true => Ok(()),
        false => Err(otherwise.to_owned()),
    }
}

fn unsupported(value: &AMQPValue, known: &[&str], what: &str) -> Result<(), String> {
    let value = string(value)?;
    match known.contains(&value.as_str()) {
        true => Ok(()),
        false => Err(erlang::text(&format!("unsupported queue {what} '{value}'"))),
    }
}
