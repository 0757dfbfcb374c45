//! A value that is encoded already: what programs with a codec of their own hand in and get out, such as the
//! Python module, whose values never meet serde.

use bytes::Bytes;

use crate::codec::{self, Codec, malformed, refused};
use crate::error::Error;

/// One value in the encoding of a message.
///
/// ```
/// use leveret::{Codec, Encoded};
///
/// # fn main() -> Result<(), leveret::Error> {
/// let json = Encoded::from_msgpack(&b"\x81\xa1n\x1e"[..], Codec::Json)?;
/// assert_eq!(json.body(), r#"{"n":30}"#);
/// assert_eq!(Encoded::new(Codec::Json, "[30]").to_msgpack()?.last(), Some(&30));
/// assert!(Encoded::from_msgpack(&b"\xc1"[..], Codec::MsgPack).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    codec: Codec,
    body: Bytes,
}

impl Encoded {
    /// A body as it came; nothing is checked yet.
    #[must_use]
    pub fn new(codec: Codec, body: impl Into<Bytes>) -> Self {
        Self {
            codec,
            body: body.into(),
        }
    }

    /// Checks a MessagePack value and writes it in the given codec.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) when it is malformed, beyond the limits of
    /// `docs/protocol.md`, section "Values", or has no form in the codec.
    pub fn from_msgpack(body: impl Into<Bytes>, codec: Codec) -> Result<Self, Error> {
        let body = body.into();
        codec::check(&body).map_err(|fault| {
            refused(format!("the value has no form on the wire: {fault}"), fault)
        })?;
        let body = match codec {
            Codec::MsgPack => body,
            Codec::Json => codec::to_json(&body)
                .map_err(|error| refused(error.to_string(), error))?
                .into(),
            Codec::Text => codec::to_text(body.into())
                .map_err(|error| refused(error.to_string(), error))?
                .into(),
        };
        Ok(Self { codec, body })
    }

    /// Checks the body and gives its one value as MessagePack. Bytes that came in JSON or text stay base64
    /// strings: only the reader's type could tell.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) when it is malformed or beyond the limits.
    pub fn to_msgpack(&self) -> Result<Bytes, Error> {
        match self.codec {
            Codec::MsgPack => {
                codec::check(&self.body).map_err(|fault| malformed(self.codec, fault))?;
                Ok(self.body.clone())
            }
            Codec::Json => codec::from_json(&self.body)
                .map(Bytes::from)
                .map_err(|error| malformed(self.codec, error)),
            Codec::Text => {
                let text = std::str::from_utf8(&self.body)
                    .map_err(|error| malformed(self.codec, error))?;
                codec::from_text(text)
                    .map(Bytes::from)
                    .map_err(|error| malformed(self.codec, error))
            }
        }
    }

    pub(crate) fn into_parts(self) -> (Codec, Bytes) {
        (self.codec, self.body)
    }

    /// How the body is encoded.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The body as it travels.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}
