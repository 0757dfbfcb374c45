//! Which values are bytes. Serde describes a `Vec<u8>` as a list of numbers; on the wire it is binary, and
//! both directions of that exception are here.

use std::any::type_name;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::ser::{Impossible, Serialize, Serializer};

use super::decode::DecodeError;
use super::encode::EncodeError;
use super::format::write_bin_len;

/// Whether an iterator handed to `collect_seq` is a `Vec<u8>` or a slice of `u8`.
///
/// Its items cannot tell: an empty vector has none, and an enum with numbers for names writes a `u8` for each.
/// Should a compiler ever spell these names in another way, byte vectors travel as arrays, which every reader
/// accepts too; a test would notice.
pub(super) fn is_byte_slice<I>() -> bool {
    matches!(type_name::<I>(), "&[u8]" | "&alloc::vec::Vec<u8>")
}

/// Writes the items of an iterator for which [`is_byte_slice`] holds.
pub(super) fn write_bytes<I>(out: &mut Vec<u8>, items: I) -> Result<(), EncodeError>
where
    I: IntoIterator<Item: Serialize>,
{
    let items = items.into_iter();
    let len = items.size_hint().0;
    write_bin_len(out, len);
    let start = out.len();
    let mut foreign = false;
    out.extend(items.map(|item| {
        item.serialize(ByteOnly).unwrap_or_else(|_| {
            foreign = true;
            0
        })
    }));
    if foreign || out.len() - start != len {
        return Err(EncodeError::new(
            "a byte vector holds something else than bytes",
        ));
    }
    Ok(())
}

pub(super) fn to_base64(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Hands out bytes one by one to a visitor that asked for a sequence. Only a `u8` may take them: bytes are
/// not a way to write a list of larger numbers.
pub(super) struct ByteSeq<'a>(pub(super) &'a [u8]);

impl<'de> SeqAccess<'de> for ByteSeq<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((&byte, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        self.0 = rest;
        seed.deserialize(Byte(byte)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Byte(u8);

impl<'de> de::Deserializer<'de> for Byte {
    type Error = DecodeError;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        Err(de::Error::invalid_type(
            de::Unexpected::Other("a byte of a byte string"),
            &visitor,
        ))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Accepts a `u8` and nothing else.
struct ByteOnly;

#[derive(Debug)]
struct NotAByte;

impl fmt::Display for NotAByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a byte")
    }
}

impl std::error::Error for NotAByte {}

impl serde::ser::Error for NotAByte {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! not_a_byte {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<u8, NotAByte> {
            Err(NotAByte)
        })*
    };
}

macro_rules! no_compound {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<Impossible<u8, NotAByte>, NotAByte> {
            Err(NotAByte)
        })*
    };
}

type Name = &'static str;

impl Serializer for ByteOnly {
    type Ok = u8;
    type Error = NotAByte;
    type SerializeSeq = Impossible<u8, NotAByte>;
    type SerializeTuple = Impossible<u8, NotAByte>;
    type SerializeTupleStruct = Impossible<u8, NotAByte>;
    type SerializeTupleVariant = Impossible<u8, NotAByte>;
    type SerializeMap = Impossible<u8, NotAByte>;
    type SerializeStruct = Impossible<u8, NotAByte>;
    type SerializeStructVariant = Impossible<u8, NotAByte>;

    fn serialize_u8(self, byte: u8) -> Result<u8, NotAByte> {
        Ok(byte)
    }

    not_a_byte! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(Name);
        serialize_unit_variant(Name, u32, Name);
    }

    no_compound! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(Name, usize);
        serialize_tuple_variant(Name, u32, Name, usize);
        serialize_map(Option<usize>);
        serialize_struct(Name, usize);
        serialize_struct_variant(Name, u32, Name, usize);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: Name,
        _: &T,
    ) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: Name,
        _: u32,
        _: Name,
        _: &T,
    ) -> Result<u8, NotAByte> {
        Err(NotAByte)
    }
}
