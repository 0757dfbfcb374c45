//! Methods out of frames: the two of every message by hand, the others by amq-protocol once their bytes are known to
//! be sound.

use amq_protocol::protocol::{AMQPClass, parse_class};
use bytes::Bytes;

use super::layout::{self, Broken};
use super::table;
use crate::erlang;
use crate::error::Refusal;

#[derive(Debug)]
pub(crate) enum Method {
    Publish {
        exchange: Text,
        /// Any bytes: RabbitMQ takes them here, though in no other method.
        routing_key: Bytes,
        mandatory: bool,
        immediate: bool,
    },
    Ack {
        tag: u64,
        multiple: bool,
    },
    Other(Box<AMQPClass>),
}

/// A short string where it was received.
#[derive(Clone, Debug)]
pub(crate) struct Text(Bytes);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        // It was checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const BASIC: u16 = 60;
const PUBLISH: u16 = 40;
const ACK: u16 = 80;

/// Class and method id of a method frame's payload.
pub(crate) fn ids(payload: &Bytes) -> (u16, u16) {
    match payload.first_chunk::<4>() {
        Some(&[c1, c0, m1, m0]) => (u16::from_be_bytes([c1, c0]), u16::from_be_bytes([m1, m0])),
        None => (0, 0),
    }
}

/// Whether RabbitMQ cuts the connection of who sends this, without a word: a method that AMQP does not know, or a table
/// that is no table.
pub(crate) fn is_fatal(payload: &Bytes) -> bool {
    match ids(payload) {
        (BASIC, PUBLISH | ACK) => false,
        (class, method) => match layout::of(class, method) {
            None => true,
            Some(layout) if layout.contains('T') => {
                layout::check(layout, arguments(payload)) == Err(Broken::Table)
            }
            Some(_) => false,
        },
    }
}

fn arguments(payload: &Bytes) -> &[u8] {
    payload.get(4..).unwrap_or_default()
}

pub(crate) fn decode(payload: &Bytes) -> Result<Method, Refusal> {
    let ids = ids(payload);
    let decoded = match ids {
        (BASIC, PUBLISH) => publish(payload),
        (BASIC, ACK) => ack(arguments(payload)),
        (class, method) => other(class, method, payload),
    };
    decoded.map_err(|broken| refusal(broken, payload))
}

fn refusal(broken: Broken, payload: &Bytes) -> Refusal {
    // A text is cut at 255 bytes; what is behind that need not be printed.
    const SHOWN: usize = 128;
    let (class, method) = ids(payload);
    match broken {
        Broken::Length => {
            let arguments = arguments(payload);
            let shown = erlang::numbers(&arguments[..arguments.len().min(SHOWN)]);
            Refusal::frame_error(format!("cannot decode {shown}")).at(class, method)
        }
        Broken::Utf8 => Refusal::frame_error("Malformed UTF-8 in shortstr"),
        Broken::Table => table::Broken::Malformed.refusal().at(class, method),
        Broken::Depth => table::Broken::TooDeep.refusal().at(class, method),
    }
}

fn other(class: u16, method: u16, payload: &Bytes) -> Result<Method, Broken> {
    let layout = layout::of(class, method).ok_or(Broken::Length)?;
    layout::check(layout, arguments(payload))?;
    match parse_class(payload.as_ref()) {
        Ok((_, class)) => Ok(Method::Other(Box::new(class))),
        Err(_) => Err(Broken::Length),
    }
}

fn publish(payload: &Bytes) -> Result<Method, Broken> {
    const EXCHANGE: usize = 6;
    let octet = |at: usize| payload.get(at).copied().ok_or(Broken::Length);
    let exchange = EXCHANGE + 1..EXCHANGE + 1 + usize::from(octet(EXCHANGE)?);
    let key = exchange.end + 1;
    let routing_key = key..key + usize::from(octet(exchange.end)?);
    let bits = octet(routing_key.end)?;
    if payload.len() != routing_key.end + 1 {
        return Err(Broken::Length);
    }
    Ok(Method::Publish {
        exchange: text(payload, exchange)?,
        routing_key: payload.slice(routing_key),
        mandatory: bits & 1 != 0,
        immediate: bits & 2 != 0,
    })
}

fn text(payload: &Bytes, range: std::ops::Range<usize>) -> Result<Text, Broken> {
    if range.is_empty() {
        return Ok(Text(Bytes::new()));
    }
    std::str::from_utf8(&payload[range.clone()]).map_err(|_| Broken::Utf8)?;
    Ok(Text(payload.slice(range)))
}

fn ack(arguments: &[u8]) -> Result<Method, Broken> {
    let (tag, bits) = arguments.split_first_chunk::<8>().ok_or(Broken::Length)?;
    let &[bits] = bits else {
        return Err(Broken::Length);
    };
    Ok(Method::Ack {
        tag: u64::from_be_bytes(*tag),
        multiple: bits & 1 != 0,
    })
}

#[cfg(test)]
mod tests;
