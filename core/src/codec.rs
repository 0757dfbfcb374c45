//! How values become bytes: MessagePack by default, JSON and plain text for foreign peers.
//!
//! Values meet serde in MessagePack only, by `rmp-serde`. JSON and text are transcoded from and to it, so that
//! a value has the same shape in every codec, and a limit holds in every codec.

mod bytes;
mod decode;
mod encode;
mod field;
mod format;
mod json;
mod scan;
mod text;
mod typed;

#[cfg(test)]
mod tests;

use ::bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Code, Error, Executed};

pub(crate) use decode::{Rules, from_slice};
pub(crate) use encode::{EncodeError, Limits, append, to_vec};
pub(crate) use field::{add_field, take_field};
pub(crate) use format::{Fault, Head, RESERVED, Reader, write_map_len, write_str};
pub(crate) use json::{append_json, from_json, to_json};
pub(crate) use scan::{check, skip};
pub(crate) use text::{from_text, to_text};

/// How deep arrays and maps may nest, on the way in and on the way out.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many array items, map keys and map values a body may hold together, on the way in and on the way out.
pub(crate) const MAX_ELEMENTS: usize = 1_000_000;

/// The encoding of a request and its reply.
///
/// A value has one shape in all of them: structs are maps, enums are externally tagged, `None` and `()` are
/// nil, and types that serde calls human-readable (UUIDs, times, addresses) are strings. Only bytes differ:
/// binary in MessagePack, base64 in JSON and text. Everything that serializes as serde bytes, such as
/// `bytes::Bytes`, is bytes, and so are lists of `u8`; fixed-size arrays of `u8` are arrays. Where bytes are
/// expected, an array of numbers is read as well.
///
/// Three things follow from the way in which serde shows values: a `Vec<u8>` without items is written as an empty
/// array, and so is a unit struct; integers of 128 bits are written as 16 bytes, which no integer is read from.
///
/// ```
/// use leveret::Codec;
///
/// # fn main() -> Result<(), leveret::Error> {
/// let point = std::collections::BTreeMap::from([("x", 1), ("y", 2)]);
/// assert_eq!(Codec::Json.encode(&point)?, br#"{"x":1,"y":2}"#);
/// let body = Codec::MsgPack.encode(&point)?.into();
/// let back: std::collections::BTreeMap<String, u8> = Codec::MsgPack.decode(&body)?;
/// assert_eq!(back["y"], 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// `application/msgpack`: compact, the default.
    #[default]
    MsgPack,
    /// `application/json`: for people with a debugger and peers without MessagePack.
    Json,
    /// `text/plain` or no content type: what the RabbitMQ tutorials speak.
    Text,
}

impl Codec {
    /// The content type that is written on the wire.
    ///
    /// ```
    /// assert_eq!(leveret::Codec::MsgPack.content_type(), "application/msgpack");
    /// ```
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::MsgPack => "application/msgpack",
            Self::Json => "application/json",
            Self::Text => "text/plain",
        }
    }

    /// Finds the codec of a content type; `None` when there is none for it.
    ///
    /// ```
    /// use leveret::Codec;
    ///
    /// assert_eq!(Codec::from_content_type(Some("application/json; charset=utf-8")), Some(Codec::Json));
    /// assert_eq!(Codec::from_content_type(None), Some(Codec::Text));
    /// assert_eq!(Codec::from_content_type(Some("image/png")), None);
    /// ```
    #[must_use]
    pub fn from_content_type(content_type: Option<&str>) -> Option<Self> {
        let full = content_type.unwrap_or_default();
        let kind = full.split(';').next().unwrap_or_default().trim();
        let is = |codec: Self| kind.eq_ignore_ascii_case(codec.content_type());
        if is(Self::MsgPack) {
            Some(Self::MsgPack)
        } else if is(Self::Json) {
            Some(Self::Json)
        } else if kind.is_empty()
            || kind
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case("text/"))
        {
            Some(Self::Text)
        } else {
            None
        }
    }

    /// Encodes one value.
    ///
    /// ```
    /// use leveret::Codec;
    ///
    /// # fn main() -> Result<(), leveret::Error> {
    /// assert_eq!(Codec::MsgPack.encode(&[1, 2])?, [0x92, 1, 2]);
    /// assert_eq!(Codec::Text.encode("as it is")?, b"as it is");
    /// assert!(Codec::Json.encode(&f64::NAN).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] when the value has no form on the wire: a map with keys that are not strings,
    /// NaN in JSON, more than 64 levels of nesting or a million elements.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, Error> {
        let encode = || {
            let body = to_vec(value, &mut Limits::default())?;
            match self {
                Self::MsgPack => Ok(body),
                Self::Json => to_json(&body),
                Self::Text => to_text(body),
            }
        };
        encode().map_err(|error| refused(error.to_string(), error))
    }

    /// Checks a body and decodes the one value in it.
    ///
    /// ```
    /// use leveret::Codec;
    ///
    /// let error = Codec::Json.decode::<Vec<u8>>(&"[1, 2, true]".into()).unwrap_err();
    /// assert_eq!(error.message(), "[2]: invalid type: boolean `true`, expected u8");
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] when the body is not one well-formed value of this type;
    /// the message names the place.
    pub fn decode<T: DeserializeOwned>(self, body: &Bytes) -> Result<T, Error> {
        let value = match self {
            Self::MsgPack => {
                check(body).map_err(|fault| malformed(self, fault))?;
                from_slice(body, Rules::MSGPACK)
            }
            Self::Json => {
                let body = from_json(body).map_err(|error| malformed(self, error))?;
                from_slice(&body, Rules::JSON)
            }
            Self::Text => {
                let raw = std::str::from_utf8(body).map_err(|error| malformed(self, error))?;
                match from_text(raw) {
                    Ok(value) => from_slice(&value, Rules::text(raw)),
                    // Too much for JSON, and still a string for whoever wants one.
                    Err(error) => {
                        let value = from_slice(&[RESERVED], Rules::text(raw));
                        return value.map_err(|_| malformed(self, error));
                    }
                }
            }
        };
        value.map_err(|error| refused(error.to_string(), error))
    }
}

/// The error for a value that does not fit.
pub(crate) fn refused(
    message: String,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(Code::InvalidArgument, message)
        .with_executed(Executed::No)
        .with_source(source)
}

/// The error for a body that is not what its content type says.
pub(crate) fn malformed(
    codec: Codec,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let kind = match codec {
        Codec::MsgPack => "MessagePack",
        Codec::Json => "JSON",
        Codec::Text => "text",
    };
    refused(
        format!("the body cannot be read as {kind}: {source}"),
        source,
    )
}
