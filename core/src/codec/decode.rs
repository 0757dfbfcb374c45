//! The serde decoder, over a body that the scan has passed: recursion is bounded by then, so what is left is
//! to fit values into types and, when they do not fit, to say where.

mod access;
mod error;

use serde::de::{self, DeserializeOwned, Unexpected, Visitor};

use super::bytes::{ByteSeq, from_base64};
use super::format::{Fault, Head, NIL, Reader};
use super::keys::KeyDecoder;
use super::{MAX_DEPTH, MAX_ELEMENTS, scan};
use access::{Items, VariantWithContent};

pub(crate) use error::DecodeError;

/// Where a body came from. JSON and text have no bytes, so there a string may be base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    MsgPack,
    Json,
}

/// Decodes a checked value.
pub(crate) fn from_slice<T: DeserializeOwned>(
    value: &[u8],
    source: Source,
) -> Result<T, DecodeError> {
    T::deserialize(&mut Decoder::new(value, source))
}

/// Decodes the value at the front of a checked body.
pub(super) struct Decoder<'de> {
    reader: Reader<'de>,
    source: Source,
}

impl<'de> Decoder<'de> {
    pub(super) fn new(body: &'de [u8], source: Source) -> Self {
        Self {
            reader: Reader::new(body),
            source,
        }
    }

    fn array<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let mut items = Items::new(self, len);
        let value = visitor.visit_seq(&mut items)?;
        items.finish(value)
    }

    fn map<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let mut items = Items::new(self, len);
        let value = visitor.visit_map(&mut items)?;
        items.finish(value)
    }

    fn any<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value, DecodeError> {
        match head {
            Head::Nil => visitor.visit_unit(),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Uint(value) => visitor.visit_u64(value),
            Head::Int(value) => visitor.visit_i64(value),
            Head::F32(value) => visitor.visit_f32(value),
            Head::F64(value) => visitor.visit_f64(value),
            Head::Str(len) => visitor.visit_borrowed_str(self.reader.text(len)?),
            Head::Bin(len) => visitor.visit_borrowed_bytes(self.reader.bytes(len)?),
            Head::Array(len) => self.array(len, visitor),
            Head::Map(len) => self.map(len, visitor),
        }
    }

    /// A sequence, which may have been written as bytes.
    fn sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.head()? {
            Head::Bin(len) => one_by_one(self.reader.bytes(len)?, visitor),
            Head::Str(len) if self.source == Source::Json => {
                let text = self.reader.text(len)?;
                match from_base64(text) {
                    Some(bytes) => one_by_one(&bytes, visitor),
                    None => Err(de::Error::invalid_type(Unexpected::Str(text), &visitor)),
                }
            }
            head => self.any(head, visitor),
        }
    }
}

fn one_by_one<'de, V: Visitor<'de>>(bytes: &[u8], visitor: V) -> Result<V::Value, DecodeError> {
    let mut bytes_left = ByteSeq(bytes);
    let value = visitor.visit_seq(&mut bytes_left)?;
    if !bytes_left.0.is_empty() {
        return Err(de::Error::invalid_length(bytes.len(), &"fewer bytes"));
    }
    Ok(value)
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        true
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let head = self.reader.head()?;
        self.any(head, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.reader.peek() == Some(NIL) {
            self.reader.bytes(1)?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Some encoders write a unit struct as an empty array.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.reader.head()? {
            Head::Array(0) => visitor.visit_unit(),
            head => self.any(head, visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.head()? {
            Head::Str(len) if self.source == Source::Json => {
                let text = self.reader.text(len)?;
                match from_base64(text) {
                    Some(bytes) => visitor.visit_byte_buf(bytes),
                    None => Err(de::Error::invalid_value(Unexpected::Str(text), &"base64")),
                }
            }
            head => self.any(head, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.sequence(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.sequence(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.reader.head()? {
            Head::Str(len) => {
                let variant = self.reader.text(len)?;
                visitor.visit_enum(KeyDecoder(variant))
            }
            Head::Map(1) => {
                let variant = self.key()?;
                visitor
                    .visit_enum(VariantWithContent::new(self, variant))
                    .map_err(|error| error.inside_key(variant))
            }
            Head::Map(len) => Err(de::Error::invalid_length(
                len,
                &"a map whose only key is the name of a variant",
            )),
            head => Err(de::Error::invalid_type(
                unexpected(head),
                &"the name of a variant, or a map whose only key is one",
            )),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        scan::skip(&mut self.reader, MAX_DEPTH, &mut { MAX_ELEMENTS })?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit map struct identifier
    }
}

impl<'de> Decoder<'de> {
    fn key(&mut self) -> Result<&'de str, DecodeError> {
        match self.reader.head()? {
            Head::Str(len) => Ok(self.reader.text(len)?),
            _ => Err(Fault::KeyNotString.into()),
        }
    }
}

/// How serde names a value in an error.
fn unexpected(head: Head) -> Unexpected<'static> {
    match head {
        Head::Nil => Unexpected::Unit,
        Head::Bool(value) => Unexpected::Bool(value),
        Head::Uint(value) => Unexpected::Unsigned(value),
        Head::Int(value) => Unexpected::Signed(value),
        Head::F32(value) => Unexpected::Float(value.into()),
        Head::F64(value) => Unexpected::Float(value),
        Head::Str(_) => Unexpected::Other("string"),
        Head::Bin(_) => Unexpected::Other("byte string"),
        Head::Array(_) => Unexpected::Seq,
        Head::Map(_) => Unexpected::Map,
    }
}
