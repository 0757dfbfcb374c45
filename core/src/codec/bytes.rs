//! Which values are bytes. Serde describes a `Vec<u8>` as a list of numbers, and JSON has no bytes at all:
//! how both are read from what the wire has instead is here.

use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Unexpected, Visitor};

pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Hands out bytes one by one to a visitor that asked for a sequence. Of all numbers only a `u8` may take them:
/// a string that happens to be base64 is not a way to write a list of larger ones.
pub(super) fn one_by_one<'de, V: Visitor<'de>, E: Error>(
    bytes: &[u8],
    visitor: V,
) -> Result<V::Value, E> {
    let mut left = Bytes(bytes, PhantomData);
    let value = visitor.visit_seq(&mut left)?;
    if !left.0.is_empty() {
        return Err(E::invalid_length(bytes.len(), &"fewer bytes"));
    }
    Ok(value)
}

struct Bytes<'a, E>(&'a [u8], PhantomData<E>);

impl<'de, E: Error> SeqAccess<'de> for Bytes<'_, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, E> {
        let Some((&byte, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        self.0 = rest;
        seed.deserialize(Byte(byte, PhantomData)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Byte<E>(u8, PhantomData<E>);

macro_rules! other_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            let found = Unexpected::Other("a byte of a byte string");
            Err(E::invalid_type(found, &visitor))
        })*
    };
}

impl<'de, E: Error> Deserializer<'de> for Byte<E> {
    type Error = E;

    /// An untagged enum asks like this, and may well be what was written: `rmp-serde` takes any list for bytes
    /// whose items serialize as such.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_u8(self.0)
    }

    other_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool u8 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        enum identifier ignored_any
    }
}
