//! Arrays and maps on their way out: their head comes first, sometimes before anybody knows their length.

use serde::ser::{self, Serialize};

use super::{EncodeError, Encoder};
use crate::codec::format::{write_array_len, write_map_len, write_str};
use crate::codec::keys::KeyEncoder;

/// An array or a map that is being written.
pub(super) struct Compound<'a, 'e> {
    encoder: &'e mut Encoder<'a>,
    map: bool,
    /// Where the head belongs when the length is not known before the end.
    start: usize,
    declared: Option<usize>,
    written: usize,
    /// 2 for a variant with a payload of its own container, else 1.
    levels: usize,
}

impl<'a, 'e> Compound<'a, 'e> {
    pub(super) fn open(
        encoder: &'e mut Encoder<'a>,
        map: bool,
        declared: Option<usize>,
    ) -> Result<Self, EncodeError> {
        encoder.descend()?;
        let start = encoder.out.len();
        match declared {
            Some(len) if map => write_map_len(encoder.out, len),
            Some(len) => write_array_len(encoder.out, len),
            None => {}
        }
        Ok(Self {
            encoder,
            map,
            start,
            declared,
            written: 0,
            levels: 1,
        })
    }

    pub(super) fn open_variant(
        encoder: &'e mut Encoder<'a>,
        variant: &str,
        map: bool,
        len: usize,
    ) -> Result<Self, EncodeError> {
        encoder.descend()?;
        encoder.count(2)?;
        write_map_len(encoder.out, 1);
        write_str(encoder.out, variant);
        let mut compound = Self::open(encoder, map, Some(len))?;
        compound.levels = 2;
        Ok(compound)
    }

    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.encoder.count(1)?;
        self.written += 1;
        value.serialize(&mut *self.encoder)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.encoder.count(1)?;
        key.serialize(KeyEncoder {
            out: self.encoder.out,
        })
    }

    pub(super) fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.encoder.count(1)?;
        write_str(self.encoder.out, key);
        self.value(value)
    }

    pub(super) fn close(self) -> Result<(), EncodeError> {
        self.encoder.limits.depth += self.levels;
        match self.declared {
            Some(declared) if declared == self.written => Ok(()),
            // A head that lies would shift everything behind it.
            Some(declared) => Err(EncodeError::new(format!(
                "a collection announced {declared} elements and wrote {}",
                self.written
            ))),
            None => {
                let mut head = Vec::with_capacity(5);
                if self.map {
                    write_map_len(&mut head, self.written);
                } else {
                    write_array_len(&mut head, self.written);
                }
                self.encoder.out.splice(self.start..self.start, head);
                Ok(())
            }
        }
    }
}

/// The seven compound traits of serde are two things on the wire.
macro_rules! compounds {
    ($($trait:ident { $($body:tt)* })*) => {
        $(impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            $($body)*

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        })*
    };
}

compounds! {
    SerializeSeq {
        fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
            self.value(value)
        }
    }
    SerializeTuple {
        fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
            self.value(value)
        }
    }
    SerializeTupleStruct {
        fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
            self.value(value)
        }
    }
    SerializeTupleVariant {
        fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
            self.value(value)
        }
    }
    SerializeMap {
        fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
            self.key(key)
        }

        fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
            self.value(value)
        }
    }
    SerializeStruct {
        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), EncodeError> {
            self.field(key, value)
        }
    }
    SerializeStructVariant {
        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), EncodeError> {
            self.field(key, value)
        }
    }
}
