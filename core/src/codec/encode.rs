//! The serde encoder. Ours rather than a crate's because the wire has no 128-bit integers, no keys but
//! strings and no nesting that a peer would refuse, and because a caller should learn that before it sends.

mod compound;

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use super::bytes::{is_byte_slice, write_bytes};
use super::format::{
    FALSE, NIL, TRUE, write_bin_len, write_f32, write_f64, write_int, write_str, write_uint,
};
use super::{MAX_DEPTH, MAX_ELEMENTS};
use compound::Compound;

/// Why a value has no form on the wire.
#[derive(Debug)]
pub(crate) struct EncodeError(Box<str>);

impl EncodeError {
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// What may still be written: a body that its receiver would refuse is not worth sending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) depth: usize,
    pub(crate) elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: MAX_DEPTH,
            elements: MAX_ELEMENTS,
        }
    }
}

/// Encodes a value alone.
pub(crate) fn to_vec<T: Serialize + ?Sized>(
    value: &T,
    limits: &mut Limits,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(128);
    append(value, &mut out, limits)?;
    Ok(out)
}

/// Encodes a value behind what is there already.
pub(crate) fn append<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    limits: &mut Limits,
) -> Result<(), EncodeError> {
    value.serialize(&mut Encoder { out, limits })
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    limits: &'a mut Limits,
}

impl Encoder<'_> {
    fn count(&mut self, values: usize) -> Result<(), EncodeError> {
        let left = self.limits.elements.checked_sub(values);
        self.limits.elements = left.ok_or_else(|| {
            EncodeError::new(format!("a body holds at most {MAX_ELEMENTS} elements"))
        })?;
        Ok(())
    }

    fn descend(&mut self) -> Result<(), EncodeError> {
        let left = self.limits.depth.checked_sub(1);
        self.limits.depth = left.ok_or_else(|| {
            EncodeError::new(format!("a body nests at most {MAX_DEPTH} levels deep"))
        })?;
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) => $write:ident;)*) => {
        $(fn $method(self, value: $type) -> Result<(), EncodeError> {
            $write(self.out, value.into());
            Ok(())
        })*
    };
}

impl<'a, 'e> Serializer for &'e mut Encoder<'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a, 'e>;
    type SerializeTuple = Compound<'a, 'e>;
    type SerializeTupleStruct = Compound<'a, 'e>;
    type SerializeTupleVariant = Compound<'a, 'e>;
    type SerializeMap = Compound<'a, 'e>;
    type SerializeStruct = Compound<'a, 'e>;
    type SerializeStructVariant = Compound<'a, 'e>;

    fn is_human_readable(&self) -> bool {
        true
    }

    numbers! {
        serialize_u8(u8) => write_uint;
        serialize_u16(u16) => write_uint;
        serialize_u32(u32) => write_uint;
        serialize_u64(u64) => write_uint;
        serialize_i8(i8) => write_int;
        serialize_i16(i16) => write_int;
        serialize_i32(i32) => write_int;
        serialize_i64(i64) => write_int;
        serialize_f32(f32) => write_f32;
        serialize_f64(f64) => write_f64;
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        if let Ok(value) = i64::try_from(value) {
            self.serialize_i64(value)
        } else if let Ok(value) = u64::try_from(value) {
            self.serialize_u64(value)
        } else {
            Err(EncodeError::new(format!(
                "the integer {value} does not fit 64 bits; send it as a string"
            )))
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => Err(EncodeError::new(format!(
                "the integer {value} does not fit 64 bits; send it as a string"
            ))),
        }
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.out.push(if value { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        write_str(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        write_bin_len(self.out, value.len());
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.out.push(NIL);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let mut map = Compound::open(self, true, Some(1))?;
        map.field(variant, value)?;
        map.close()
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open(self, false, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open(self, false, Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open(self, false, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open_variant(self, variant, false, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open(self, true, len)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open(self, true, Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'e>, EncodeError> {
        Compound::open_variant(self, variant, true, len)
    }

    fn collect_seq<I>(self, items: I) -> Result<(), EncodeError>
    where
        I: IntoIterator<Item: Serialize>,
    {
        if is_byte_slice::<I>() {
            return write_bytes(self.out, items);
        }
        let items = items.into_iter();
        let len = match items.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        let mut array = Compound::open(self, false, len)?;
        for item in items {
            array.value(&item)?;
        }
        array.close()
    }
}
