//! Plain text, as programs without any library of ours send it: JSON if it happens to be that, else the bare
//! string, and always the bare string for a parameter or a result that is one.

use std::cell::Cell;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};

use super::DecodeError;
use super::decode::{Decoder, Source};
use super::encode::EncodeError;
use super::format::{Head, NIL, Reader, write_str};
use super::json::{from_json, to_json};

/// Writes an encoded value as text.
pub(crate) fn to_text(value: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    let mut reader = Reader::new(&value);
    match reader.head()? {
        Head::Nil => Ok(Vec::new()),
        Head::Str(len) => Ok(reader.bytes(len)?.to_vec()),
        _ => to_json(&value),
    }
}

/// Reads a text as the value that it is for everything but a string.
pub(crate) fn from_text(raw: &str) -> Result<Vec<u8>, serde_json::Error> {
    if raw.is_empty() {
        return Ok(vec![NIL]);
    }
    match from_json(raw.as_bytes()) {
        // JSON beyond our limits is refused; what is no JSON at all is a string.
        Err(error) if error.is_data() => Err(error),
        Err(_) => {
            let mut value = Vec::with_capacity(raw.len() + 5);
            write_str(&mut value, raw);
            Ok(value)
        }
        Ok(value) => Ok(value),
    }
}

/// Decodes a text, or the one argument in it. `value` is what the text is for everything but a string; it may
/// have none, and an error says whether that mattered.
pub(crate) fn decode<T: DeserializeOwned>(
    raw: &str,
    value: Option<&[u8]>,
) -> Result<T, (DecodeError, bool)> {
    let wanted = Cell::new(false);
    let decoder = TextDecoder {
        raw,
        value,
        wanted: &wanted,
    };
    T::deserialize(decoder).map_err(|error| (error, wanted.get()))
}

struct TextDecoder<'de, 'a> {
    raw: &'de str,
    value: Option<&'de [u8]>,
    wanted: &'a Cell<bool>,
}

impl<'de> TextDecoder<'de, '_> {
    fn value(&self) -> Result<Decoder<'de>, DecodeError> {
        self.wanted.set(true);
        match self.value {
            Some(value) => Ok(Decoder::new(value, Source::Json)),
            None => Err(de::Error::custom("the text holds no such value")),
        }
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, DecodeError> {
            self.value()?.$method($($name,)* visitor)
        })*
    };
}

macro_rules! raw {
    ($($method:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.visit_borrowed_str(self.raw)
        })*
    };
}

impl<'de> Deserializer<'de> for TextDecoder<'de, '_> {
    type Error = DecodeError;

    raw! {
        deserialize_char;
        deserialize_str;
        deserialize_string;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.raw.is_empty() || self.value == Some(&[NIL]) {
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

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
