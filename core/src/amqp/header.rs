//! Headers of a message: which values we read and write, and which of them a copy carries on.

use lapin::types::AMQPValue;

/// A header's value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// UTF-8.
    Text(String),
    /// Any of AMQP's integers and its time.
    Integer(i64),
    /// AMQP's floats.
    Float(f64),
    /// True or false.
    Bool(bool),
}

impl HeaderValue {
    /// What it takes of [`MAX_HEADER_BYTES`](crate::wire::MAX_HEADER_BYTES).
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Integer(_) | Self::Float(_) => 8,
            Self::Bool(_) => 1,
        }
    }

    pub(super) fn read(value: &AMQPValue) -> Option<Self> {
        match value {
            AMQPValue::Boolean(value) => Some(Self::Bool(*value)),
            AMQPValue::Float(value) => Some(Self::Float((*value).into())),
            AMQPValue::Double(value) => Some(Self::Float(*value)),
            value => integer(value)
                .map(Self::Integer)
                .or_else(|| text_value(value).map(|text| Self::Text(text.to_owned()))),
        }
    }

    pub(super) fn write(&self) -> AMQPValue {
        match self {
            Self::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Self::Integer(number) => AMQPValue::LongLongInt(*number),
            Self::Float(number) => AMQPValue::Double(*number),
            Self::Bool(value) => AMQPValue::Boolean(*value),
        }
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for HeaderValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for HeaderValue {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for HeaderValue {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for HeaderValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Whether a copy of a message carries this header on. The broker's own say what happened to the original, and `CC` and
/// `BCC` would send the copy elsewhere (<https://www.rabbitmq.com/docs/sender-selected>).
pub(super) fn keeps(header: &str) -> bool {
    const STARTS: [&str; 6] = [
        "x-death",
        "x-first-death-",
        "x-last-death-",
        "x-original-",
        "x-delivery-count",
        "x-acquired-count",
    ];
    !STARTS.iter().any(|start| header.starts_with(start)) && !matches!(header, "CC" | "BCC")
}

pub(super) fn integer(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(n) => Some((*n).into()),
        AMQPValue::ShortShortUInt(n) => Some((*n).into()),
        AMQPValue::ShortInt(n) => Some((*n).into()),
        AMQPValue::ShortUInt(n) => Some((*n).into()),
        AMQPValue::LongInt(n) => Some((*n).into()),
        AMQPValue::LongUInt(n) => Some((*n).into()),
        AMQPValue::LongLongInt(n) => Some(*n),
        AMQPValue::Timestamp(n) => i64::try_from(*n).ok(),
        _ => None,
    }
}

pub(super) fn text_value(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        AMQPValue::ByteArray(bytes) => std::str::from_utf8(bytes.as_slice()).ok(),
        _ => None,
    }
}
