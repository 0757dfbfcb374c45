//! What `#[derive(DomainError)]` leans on, so that a user's crate needs no serde derive for its errors.
//! The details of an error are one value: nothing for a unit variant, the payload of a one-field tuple
//! variant, an array of several fields, a map of named ones.

use std::fmt::{self, Display};

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Arguments, CallError, Code, Error};
use crate::codec::{Codec, take_field, write_map_len, write_str};

/// What an absent field is read as.
const NIL: &[u8] = &[0xc0];

/// A domain error says what went wrong through `Display`.
#[diagnostic::on_unimplemented(
    message = "the domain error `{Self}` has no message",
    label = "does not implement `Display`",
    note = "implement `std::fmt::Display`, for example with `#[derive(thiserror::Error)]`: it is the message that callers read"
)]
pub trait Message {
    /// The text of the error reply.
    fn message(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display> Message for T {
    fn message(&self) -> String {
        self.to_string()
    }
}

/// A type that can be a field of a domain error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a domain error",
    label = "this field cannot be sent and received",
    note = "derive `serde::Serialize` and `serde::Deserialize` on it; it must own its data and be `Send`"
)]
pub trait Detail: Sized {
    /// Writes the next field.
    fn write(&self, details: &mut DetailsWriter) -> Result<(), Error>;

    /// Reads the next field; `None` when the peer sent something else.
    fn read(details: &mut DetailsReader<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Detail for T {
    fn write(&self, details: &mut DetailsWriter) -> Result<(), Error> {
        details.push(self)
    }

    fn read(details: &mut DetailsReader<'_>) -> Option<Self> {
        details.take()
    }
}

/// What the fields of a variant look like on the wire.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// The only field, bare.
    Value,
    /// This many fields in order, at most 15.
    Array(u8),
    /// Fields by name.
    Map(&'static [&'static str]),
}

/// Makes the error reply of a variant without fields.
#[must_use]
pub fn unit(name: &'static str, message: String) -> Error {
    Error::new(Code::Application, message).with_name(name)
}

/// Makes the error reply of a variant with fields.
#[must_use]
pub fn with_fields(
    name: &'static str,
    message: String,
    shape: Shape,
    write: impl FnOnce(&mut DetailsWriter) -> Result<(), Error>,
) -> Error {
    let mut details = DetailsWriter::new(shape);
    match write(&mut details) {
        Ok(()) => unit(name, message).with_raw_details(Codec::MsgPack, details.body.into()),
        Err(error) => Error::new(
            Code::Internal,
            format!(
                "the details of domain error {name:?} cannot be encoded: {}",
                error.message()
            ),
        )
        .with_source(error),
    }
}

/// Turns an error reply back into the domain error, when it is one: `read` gets its name.
pub fn read<E>(
    error: Error,
    read: impl FnOnce(&str, DetailsSource<'_>) -> Option<E>,
) -> CallError<E> {
    let domain = match (error.code(), error.name()) {
        (Code::Application, Some(name)) => read(name, DetailsSource(&error)),
        _ => None,
    };
    match domain {
        Some(domain) => CallError::Domain(domain),
        None => CallError::Rpc(error),
    }
}

/// Writes the fields of one error.
#[derive(Debug)]
pub struct DetailsWriter {
    names: std::slice::Iter<'static, &'static str>,
    body: Vec<u8>,
}

impl DetailsWriter {
    fn new(shape: Shape) -> Self {
        let mut body = Vec::new();
        let names: &[&str] = match shape {
            Shape::Value => &[],
            Shape::Array(count) => {
                // A MessagePack fixarray: the derive refuses more fields than its four bits can count.
                body.push(0x90 | count);
                &[]
            }
            Shape::Map(names) => {
                write_map_len(&mut body, names.len());
                names
            }
        };
        Self {
            names: names.iter(),
            body,
        }
    }

    fn push<T: Serialize>(&mut self, value: &T) -> Result<(), Error> {
        if let Some(name) = self.names.next() {
            write_str(&mut self.body, name);
        }
        self.body.extend(Codec::MsgPack.encode(value)?);
        Ok(())
    }
}

/// The details of a received error, before anybody knows their shape.
#[derive(Debug)]
pub struct DetailsSource<'e>(&'e Error);

impl<'e> DetailsSource<'e> {
    /// Prepares to read fields of this shape; `None` when the details have another.
    #[must_use]
    pub fn shaped(self, shape: Shape) -> Option<DetailsReader<'e>> {
        let (codec, body) = self.0.raw_details()?;
        if matches!(shape, Shape::Map(_)) {
            codec.decode::<AnyMap>(body).ok()?;
        }
        Some(DetailsReader {
            codec,
            body,
            shape,
            next: 0,
        })
    }
}

/// A map, whatever is in it: a newer peer may have added fields.
struct AnyMap;

impl<'de> Deserialize<'de> for AnyMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMapVisitor;

        impl<'de> Visitor<'de> for AnyMapVisitor {
            type Value = AnyMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyMap, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(AnyMap)
            }
        }

        deserializer.deserialize_map(AnyMapVisitor)
    }
}

/// Reads the fields of one error, in order.
#[derive(Debug)]
pub struct DetailsReader<'e> {
    codec: Codec,
    body: &'e Bytes,
    shape: Shape,
    next: usize,
}

impl DetailsReader<'_> {
    fn take<T: DeserializeOwned>(&mut self) -> Option<T> {
        let index = self.next;
        self.next += 1;
        // Read again for each field: errors are small.
        match self.shape {
            Shape::Value => self.codec.decode(self.body).ok(),
            Shape::Array(count) => {
                let names: Vec<_> = (0..count).map(|index| index.to_string()).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let mut arguments = Arguments::parse(self.codec, self.body, &names).ok()?;
                arguments.take(index).ok()
            }
            Shape::Map(names) => match take_field(self.codec, self.body, names.get(index)?) {
                Some((codec, value)) => codec.decode(&value).ok(),
                None => Codec::MsgPack.decode(&Bytes::from_static(NIL)).ok(),
            },
        }
    }
}
