//! The matching of headers exchanges: the arguments of a binding against the headers of a message.

use amq_protocol::types::{AMQPValue, FieldTable};

use crate::erlang;
use crate::error::Refusal;

const X_MATCH: &str = "x-match";

/// What the arguments of a binding ask for.
#[derive(Debug)]
pub(super) struct Pattern {
    any: bool,
    /// Headers with their values; void stands for any value.
    wanted: Vec<(String, AMQPValue)>,
}

/// Checks the argument `x-match` as RabbitMQ does when a binding is added.
pub(super) fn check(arguments: &FieldTable) -> Result<(), Refusal> {
    match arguments.inner().get(X_MATCH) {
        None => Ok(()),
        Some(AMQPValue::LongString(mode)) => match mode.as_bytes() {
            b"all" | b"any" | b"all-with-x" | b"any-with-x" => Ok(()),
            _ => Err(Refusal::precondition_failed(format!(
                "Invalid x-match field value {}; expected all, any, all-with-x, or any-with-x",
                erlang::term(&AMQPValue::LongString(mode.clone()))
            ))),
        },
        Some(other) => Err(Refusal::precondition_failed(format!(
            "Invalid x-match field type {} (value {}); expected longstr",
            erlang::type_name(other),
            erlang::term(other)
        ))),
    }
}

impl Pattern {
    pub(super) fn new(arguments: &FieldTable) -> Self {
        let mode = arguments.inner().get(X_MATCH);
        let mode = mode.and_then(erlang::bytes).unwrap_or(b"all");
        let with_x = mode.ends_with(b"-with-x");
        let wanted = arguments
            .into_iter()
            .filter(|(name, _)| {
                name.as_str() != X_MATCH && (with_x || !name.as_str().starts_with("x-"))
            })
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect();
        Self {
            any: mode.starts_with(b"any"),
            wanted,
        }
    }

    pub(super) fn matches(&self, headers: Option<&FieldTable>) -> bool {
        let mut matched = self.wanted.iter().map(|(name, wanted)| {
            headers
                .and_then(|headers| headers.inner().get(name.as_str()))
                .is_some_and(|value| *wanted == AMQPValue::Void || same(wanted, value))
        });
        if self.any {
            matched.any(|matched| matched)
        } else {
            matched.all(|matched| matched)
        }
    }
}

/// Equal as Erlang has it: the width of a number does not matter, nor whether bytes are called a string.
fn same(one: &AMQPValue, other: &AMQPValue) -> bool {
    if let (Some(one), Some(other)) = (erlang::number(one), erlang::number(other)) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (erlang::bytes(one), erlang::bytes(other)) {
        return one == other;
    }
    match (decimal(one), decimal(other)) {
        (Some(one), Some(other)) => return one == other,
        (None, None) => {}
        _ => return false,
    }
    match (erlang::float(one), erlang::float(other)) {
        (Some(one), Some(other)) => return one == other,
        (Some(float), None) => return erlang::number(other).is_some_and(|int| equal(float, int)),
        (None, Some(float)) => return erlang::number(one).is_some_and(|int| equal(float, int)),
        (None, None) => {}
    }
    match (one, other) {
        (AMQPValue::FieldArray(one), AMQPValue::FieldArray(other)) => {
            let (one, other) = (one.as_slice(), other.as_slice());
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| same_kind(one, other))
        }
        (AMQPValue::FieldTable(one), AMQPValue::FieldTable(other)) => {
            one.inner().len() == other.inner().len()
                && one
                    .into_iter()
                    .zip(other)
                    .all(|((key, one), (name, other))| key == name && same_kind(one, other))
        }
        // Both are empty lists to Erlang.
        (AMQPValue::FieldArray(array), AMQPValue::FieldTable(table))
        | (AMQPValue::FieldTable(table), AMQPValue::FieldArray(array)) => {
            array.as_slice().is_empty() && table.inner().is_empty()
        }
        _ => one == other,
    }
}

/// Exactly, though a float has fewer digits than a large integer.
fn equal(float: f64, int: i128) -> bool {
    // All integers of 64 bits are far below where this conversion ends.
    float.fract() == 0.0 && float as i128 == int
}

/// Inside tables and arrays the types are compared as well.
fn same_kind(one: &AMQPValue, other: &AMQPValue) -> bool {
    erlang::type_name(one) == erlang::type_name(other) && same(one, other)
}

fn decimal(value: &AMQPValue) -> Option<(u8, u32)> {
    match value {
        AMQPValue::DecimalValue(value) => Some((value.scale, value.value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
