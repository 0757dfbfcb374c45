//! The arguments of queues and consumers: checked as RabbitMQ 3.10 checks them, in its order and with its texts.

mod checks;
mod expiration;

use std::fmt::Display;
use std::time::Duration;

use amq_protocol::types::{AMQPValue, FieldTable};

use crate::Name;
use crate::erlang::{self, type_name};
use crate::error::Refusal;

pub(crate) use checks::{consumer_priority, parse};
pub(crate) use expiration::expiration;

/// What a full queue does with one more message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Overflow {
    #[default]
    DropHead,
    RejectPublish,
    RejectPublishDlx,
}

/// What the arguments of a queue mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueArguments {
    pub(crate) expires: Option<Duration>,
    pub(crate) message_ttl: Option<Duration>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) overflow: Overflow,
    pub(crate) dead_letter_exchange: Option<Name>,
    pub(crate) dead_letter_routing_key: Option<Name>,
    pub(crate) dead_letters_at_least_once: bool,
    pub(crate) max_priority: Option<u8>,
    pub(crate) single_active_consumer: bool,
    pub(crate) delivery_limit: Option<u64>,
    pub(crate) quorum: bool,
}

/// A queue as it was declared, or is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    /// Never for exclusive queues.
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) arguments: FieldTable,
}

/// Ten years, which RabbitMQ takes for the longest time that makes sense, in milliseconds.
const LONGEST: i64 = 315_360_000_000;

/// Checks that a queue that exists is what is declared.
///
/// # Errors
///
/// 406 with the first difference.
pub(crate) fn equivalent(
    vhost: &str,
    queue: &str,
    current: &Declared,
    wanted: &Declared,
) -> Result<(), Refusal> {
    let resource = resource(vhost, queue);
    same_field(&resource, "durable", current.durable, wanted.durable)?;
    same_field(
        &resource,
        "auto_delete",
        current.auto_delete,
        wanted.auto_delete,
    )?;
    for name in checks::known_to(&current.arguments) {
        same_argument(&resource, name, &current.arguments, &wanted.arguments)?;
    }
    Ok(())
}

/// Compares a field of what is declared with what there is.
pub(super) fn same_field<T: Display + PartialEq>(
    resource: &str,
    field: &str,
    current: T,
    wanted: T,
) -> Result<(), Refusal> {
    if current == wanted {
        return Ok(());
    }
    Err(inequivalent(
        resource,
        field,
        &format!("'{wanted}'"),
        &format!("'{current}'"),
    ))
}

/// Compares an argument of what is declared with that of what there is. Integers may differ in width.
pub(super) fn same_argument(
    resource: &str,
    name: &str,
    current: &FieldTable,
    wanted: &FieldTable,
) -> Result<(), Refusal> {
    let described = |value: Option<&AMQPValue>| match value {
        None => "none".to_owned(),
        Some(value) => format!(
            "the value '{}' of type '{}'",
            plain(value),
            type_name(value)
        ),
    };
    let (current, wanted) = (current.inner().get(name), wanted.inner().get(name));
    match (current, wanted) {
        (None, None) => Ok(()),
        (Some(current), Some(wanted)) => {
            if same_value(current, wanted) {
                return Ok(());
            }
            Err(inequivalent(
                resource,
                name,
                &format!("'{}'", plain(wanted)),
                &format!("'{}'", plain(current)),
            ))
        }
        (Some(AMQPValue::LongString(kind)), None) | (None, Some(AMQPValue::LongString(kind)))
            if name == checks::QUEUE_TYPE && kind.as_bytes() == b"classic" =>
        {
            Ok(())
        }
        _ => Err(inequivalent(
            resource,
            name,
            &described(wanted),
            &described(current),
        )),
    }
}

fn same_value(one: &AMQPValue, other: &AMQPValue) -> bool {
    match (erlang::number(one), erlang::number(other)) {
        (Some(one), Some(other)) => return one == other,
        (None, None) => {}
        _ => return false,
    }
    match (erlang::bytes(one), erlang::bytes(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => match (erlang::float(one), erlang::float(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        },
        _ => false,
    }
}

fn inequivalent(resource: &str, name: &str, received: &str, current: &str) -> Refusal {
    Refusal::precondition_failed(format!(
        "inequivalent arg '{name}' for {resource}: received {received} but current is {current}"
    ))
}

/// A value in a text: strings as they are, everything else as a term.
fn plain(value: &AMQPValue) -> String {
    match erlang::bytes(value) {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => erlang::term(value),
    }
}

fn resource(vhost: &str, queue: &str) -> String {
    format!("queue '{queue}' in vhost '{vhost}'")
}

#[cfg(test)]
mod tests;
