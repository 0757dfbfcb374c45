//! What tasks and events carry: a value of the user's, or bytes as they are.

use std::any::{Any, TypeId};

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::amqp::Delivery;
use crate::codec::Codec;
use crate::encoded::Encoded;
use crate::error::{Code, Error, Executed};
use crate::wire;

/// A body as it travels, for messages of programs that know nothing of Leveret, and for bytes that are no value.
///
/// ```
/// use leveret::{Events, Raw};
///
/// let thumbnails = Events::<Raw>::topic("thumbnails");
/// let image = Raw::new("image/png", &b"\x89PNG"[..]);
/// assert_eq!(image.content_type.as_deref(), Some("image/png"));
/// # let _ = thumbnails;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// What the body is, as in AMQP's `content_type`.
    pub content_type: Option<String>,
    /// The body, of which nothing has been looked at.
    pub body: Bytes,
}

impl Raw {
    /// A body and what it is.
    #[must_use]
    pub fn new(content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(content_type.into()),
            body: body.into(),
        }
    }
}

impl From<Bytes> for Raw {
    fn from(body: Bytes) -> Self {
        Self {
            content_type: None,
            body,
        }
    }
}

// Inside of another value it is bytes; alone it never meets serde.
impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(Self::from)
    }
}

/// A body on its way out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

pub(crate) fn encode<T: Serialize + 'static>(value: &T, codec: Codec) -> Result<Body, Error> {
    if let Some(raw) = (value as &dyn Any).downcast_ref::<Raw>() {
        return Ok(Body {
            content_type: raw.content_type.clone(),
            bytes: raw.body.clone(),
        });
    }
    Ok(Body {
        content_type: Some(codec.content_type().to_owned()),
        bytes: codec.encode(value)?.into(),
    })
}

/// Reads what a message carries: a value, or the body whatever it is.
pub(crate) fn read<T: DeserializeOwned + 'static>(
    delivery: &Delivery,
    body: &Bytes,
) -> Result<T, Error> {
    if TypeId::of::<T>() != TypeId::of::<Raw>() {
        check(delivery)?;
    }
    decode(delivery.content_type(), body)
}

/// The value that a message carries, still encoded.
pub(crate) fn undecoded(delivery: &Delivery, body: &Bytes) -> Result<Encoded, Error> {
    check(delivery)?;
    encoded(delivery.content_type(), body)
}

fn check(delivery: &Delivery) -> Result<(), Error> {
    wire::check_version(delivery)?;
    wire::check_encoding(delivery)
}

fn encoded(content_type: Option<&str>, body: &Bytes) -> Result<Encoded, Error> {
    let codec = Codec::from_content_type(content_type).ok_or_else(|| {
        Error::new(
            Code::InvalidArgument,
            format!(
                "the content type {:?} is not known here; read it as `Raw`, or send application/msgpack, \
                 application/json or text/plain",
                content_type.unwrap_or_default()
            ),
        )
        .with_executed(Executed::No)
    })?;
    Ok(Encoded::new(codec, body.clone()))
}

fn decode<T: DeserializeOwned + 'static>(
    content_type: Option<&str>,
    body: &Bytes,
) -> Result<T, Error> {
    let mut found: Option<T> = None;
    if let Some(raw) = (&mut found as &mut dyn Any).downcast_mut::<Option<Raw>>() {
        *raw = Some(Raw {
            content_type: content_type.map(str::to_owned),
            body: body.clone(),
        });
    }
    if let Some(raw) = found {
        return Ok(raw);
    }
    let value = encoded(content_type, body)?;
    value.codec().decode(value.body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_bodies_are_left_as_they_are() {
        let raw = Raw::new("image/png", &b"\x00\xff"[..]);
        let body = encode(&raw, Codec::Json).unwrap();
        assert_eq!(body.content_type.as_deref(), Some("image/png"));
        let back: Raw = decode(body.content_type.as_deref(), &body.bytes).unwrap();
        assert_eq!(back, raw);
    }

    #[test]
    fn values_are_written_by_the_codec_and_read_by_the_content_type() {
        let body = encode(&vec![1, 2], Codec::Json).unwrap();
        assert_eq!(&body.bytes[..], b"[1,2]");
        let back: Vec<u8> = decode(body.content_type.as_deref(), &body.bytes).unwrap();
        assert_eq!(back, [1, 2]);
        let text: String = decode(None, &Bytes::from_static(b"as it is")).unwrap();
        assert_eq!(text, "as it is");
        let refused = decode::<String>(Some("image/png"), &body.bytes).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
