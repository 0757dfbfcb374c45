//! Dead letters: what RabbitMQ writes into the headers of a message that a queue gives up; and sender-selected keys,
//! which are read from headers too.

use std::time::{SystemTime, UNIX_EPOCH};

use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

use crate::Name;
use crate::erlang::{self, type_name};
use crate::error::Refusal;
use crate::message::{Message, Meter};
use crate::wire::properties::Properties;

const CC: &str = "CC";
const BCC: &str = "BCC";
const X_DEATH: &str = "x-death";
const REJECTED: &str = "rejected";

/// Why a queue gives a message up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Rejected,
    Expired,
    MaxLen,
    DeliveryLimit,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Rejected => REJECTED,
            Self::Expired => "expired",
            Self::MaxLen => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// The message that goes to the dead-letter exchange instead of one that a queue gives up.
pub(crate) fn bury(
    message: &Message,
    queue: &str,
    reason: Reason,
    routing_key: Option<&str>,
    exchange: &Name,
    now: SystemTime,
    meter: &Meter,
) -> Message {
    let before = &message.properties;
    let mut death = FieldTable::default();
    let mut note = |name: &str, value: AMQPValue| {
        death.insert(name.into(), value);
    };
    note("count", AMQPValue::LongLongInt(1));
    note("reason", string(reason.name()));
    note("queue", string(queue));
    note("time", AMQPValue::Timestamp(seconds(now)));
    note("exchange", string(&message.exchange));
    note("routing-keys", routing_keys(message));
    if let Some(expiration) = before.expiration() {
        note("original-expiration", string(expiration));
    }
    let deaths = with_death(before, death, &message.exchange, queue, reason);
    let mut properties = before.without_expiration().with_headers(&deaths);
    if routing_key.is_some() {
        properties = properties.without_header(CC);
    }
    let key = match routing_key {
        Some(key) => Name::from(key),
        None => Name::clone(&message.routing_key),
    };
    let buried = Message::new(
        meter,
        Name::clone(exchange),
        key,
        properties,
        message.body.clone(),
    );
    match routing_key {
        Some(_) => buried,
        None => buried
            .with_wire_key(message.wire_key())
            .with_copies(message.copies.clone()),
    }
}

/// Whether a dead letter comes back to a queue that it has been in without anybody having rejected it since: it would
/// circle for ever.
pub(crate) fn is_cycle(message: &Message, target_queue: &str) -> bool {
    let Some(AMQPValue::FieldArray(deaths)) = message.properties.header(X_DEATH) else {
        return false;
    };
    for death in deaths.as_slice() {
        let AMQPValue::FieldTable(death) = death else {
            return false;
        };
        if entry(death, "reason") == Some(REJECTED.as_bytes()) {
            return false;
        }
        if entry(death, "queue") == Some(target_queue.as_bytes()) {
            return true;
        }
    }
    false
}

/// The keys in the headers `CC` and `BCC`, and the properties without `BCC` if there was one.
///
/// # Errors
///
/// 406 when one of them is no array; and for a delivery mode that does not exist, which RabbitMQ checks after them.
pub(crate) fn sender_selected(
    properties: &Properties,
) -> Result<(Vec<String>, Option<Properties>), Refusal> {
    let mut keys = Vec::new();
    for name in [CC, BCC] {
        copies(properties, name, &mut keys)?;
    }
    let hidden = properties.has_header(BCC);
    let cleaned = hidden.then(|| properties.without_header(BCC));
    match properties.delivery_mode() {
        None | Some(1 | 2) => Ok((keys, cleaned)),
        Some(mode) => Err(Refusal::precondition_failed(format!(
            "invalid message: {{delivery_mode_unknown,{mode}}}"
        ))),
    }
}

fn copies(properties: &Properties, name: &str, keys: &mut Vec<String>) -> Result<(), Refusal> {
    match properties.header(name) {
        None => Ok(()),
        Some(AMQPValue::FieldArray(values)) => {
            keys.extend(values.as_slice().iter().filter_map(|value| match value {
                AMQPValue::LongString(key) => Some(key.to_string()),
                _ => None,
            }));
            Ok(())
        }
        Some(other) => Err(Refusal::precondition_failed(format!(
            "invalid message: {{unacceptable_type_in_header,\"{name}\",{}}}",
            type_name(&other)
        ))),
    }
}

fn routing_keys(message: &Message) -> AMQPValue {
    let mut keys = vec![message.routing_key.to_string()];
    for name in [CC, BCC] {
        // Checked when it was published.
        let _ = copies(&message.properties, name, &mut keys);
    }
    let keys: Vec<AMQPValue> = keys.into_iter().map(|key| string(&key)).collect();
    AMQPValue::FieldArray(keys.into())
}

/// The headers that a death changes.
fn with_death(
    before: &Properties,
    death: FieldTable,
    exchange: &str,
    queue: &str,
    reason: Reason,
) -> FieldTable {
    let mut headers = FieldTable::default();
    let deaths = match before.header(X_DEATH) {
        None => {
            headers.insert("x-first-death-reason".into(), string(reason.name()));
            headers.insert("x-first-death-queue".into(), string(queue));
            headers.insert("x-first-death-exchange".into(), string(exchange));
            vec![AMQPValue::FieldTable(death)]
        }
        Some(AMQPValue::FieldArray(before)) => {
            let mut deaths = grouped(&before);
            let here = (Some(queue.as_bytes()), Some(reason.name().as_bytes()));
            let again = deaths
                .iter()
                .position(|earlier| place(earlier) == Some(here));
            let newest = match again {
                Some(index) => counted(deaths.remove(index)),
                None => AMQPValue::FieldTable(death),
            };
            deaths.insert(0, newest);
            deaths
        }
        // Whatever a client has put there.
        Some(_) => vec![AMQPValue::FieldTable(death)],
    };
    headers.insert(
        X_DEATH.into(),
        AMQPValue::FieldArray(FieldArray::from(deaths)),
    );
    headers
}

/// The earlier deaths as RabbitMQ 3.10 writes them again: each queue and reason once, with the number of those that were
/// the same where a count was missing; and, from two on, in the reverse of the order that they had.
fn grouped(deaths: &FieldArray) -> Vec<AMQPValue> {
    let deaths = deaths.as_slice();
    if deaths.len() < 2 {
        return deaths.to_vec();
    }
    let mut grouped: Vec<(Option<Place>, AMQPValue)> = Vec::new();
    for death in deaths {
        let place = place(death);
        if place.is_some() && grouped.iter().any(|(seen, _)| *seen == place) {
            continue;
        }
        let mut death = death.clone();
        if let AMQPValue::FieldTable(table) = &mut death
            && !table.contains_key("count")
        {
            let alike = deaths.iter().filter(|other| self::place(other) == place);
            let alike = i64::try_from(alike.count()).unwrap_or(i64::MAX);
            table.insert("count".into(), AMQPValue::LongLongInt(alike));
        }
        grouped.push((place, death));
    }
    grouped.into_iter().rev().map(|(_, death)| death).collect()
}

/// Queue and reason.
type Place<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn place(death: &AMQPValue) -> Option<Place<'_>> {
    match death {
        AMQPValue::FieldTable(death) => Some((entry(death, "queue"), entry(death, "reason"))),
        _ => None,
    }
}

fn counted(death: AMQPValue) -> AMQPValue {
    let AMQPValue::FieldTable(mut death) = death else {
        return death;
    };
    let before = death.inner().get("count").and_then(erlang::integer);
    let count = AMQPValue::LongLongInt(before.unwrap_or(0).saturating_add(1));
    death.insert("count".into(), count);
    AMQPValue::FieldTable(death)
}

fn entry<'a>(death: &'a FieldTable, name: &str) -> Option<&'a [u8]> {
    death.inner().get(name).and_then(erlang::bytes)
}

fn string(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
