//! The inside of arrays, maps and enums, as serde walks it.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{DecodeError, Decoder};
use crate::codec::keys::KeyDecoder;

/// The values of an array or the entries of a map.
pub(super) struct Items<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    len: usize,
    left: usize,
    key: &'de str,
}

impl<'a, 'de> Items<'a, 'de> {
    pub(super) fn new(decoder: &'a mut Decoder<'de>, len: usize) -> Self {
        Self {
            decoder,
            len,
            left: len,
            key: "",
        }
    }

    /// A visitor that stops early leaves the decoder in the middle of a value.
    pub(super) fn finish<T>(self, value: T) -> Result<T, DecodeError> {
        match self.left {
            0 => Ok(value),
            left => Err(de::Error::invalid_length(
                self.len,
                &format!("{} elements", self.len - left).as_str(),
            )),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.inside_index(self.len - self.left - 1)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.key = self.decoder.key()?;
        seed.deserialize(KeyDecoder(self.key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(&mut *self.decoder)
            .map_err(|error| error.inside_key(self.key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// A variant that was written as a map of its name to its content.
pub(super) struct VariantWithContent<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    variant: &'de str,
}

impl<'a, 'de> VariantWithContent<'a, 'de> {
    pub(super) fn new(decoder: &'a mut Decoder<'de>, variant: &'de str) -> Self {
        Self { decoder, variant }
    }
}

impl<'de> de::EnumAccess<'de> for VariantWithContent<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeError> {
        let variant = seed.deserialize(KeyDecoder(self.variant))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for VariantWithContent<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        de::Deserialize::deserialize(self.decoder)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        de::Deserializer::deserialize_tuple(self.decoder, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        de::Deserializer::deserialize_struct(self.decoder, "", fields, visitor)
    }
}
