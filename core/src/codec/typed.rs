//! What the wire allows beyond, and forbids within, what `rmp-serde` reads. It stands between the type and the
//! reader at every level, for bodies of every codec: a string may be base64, a number is not the index of a
//! variant, bytes are not a list of larger numbers, and what does not fit is told in the words of serde.

mod items;

use std::fmt;

use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::bytes::{from_base64, one_by_one};
use super::decode::Rules;
use items::Items;

/// Reads what `inner` reads, by the rules.
pub(super) struct Typed<'r, D> {
    inner: D,
    rules: Rules<'r>,
}

impl<'de, 'r, D: Deserializer<'de>> Typed<'r, D> {
    pub(super) const fn new(inner: D, rules: Rules<'r>) -> Self {
        Self { inner, rules }
    }

    /// Everything goes by way of `any`: the reader then hands over what it finds, and does not complain about
    /// a marker of MessagePack of which nobody with a JSON body has ever heard.
    fn wants<V: Visitor<'de>>(self, wanted: Wanted, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Filter {
            visitor,
            wanted,
            rules: self.rules,
        })
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        match self.rules.raw {
            Some(raw) => visitor.visit_str(raw),
            None => self.wants(Wanted::Any, visitor),
        }
    }
}

/// What a type asks for, where that decides how a value is read.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Any,
    Bytes,
    Sequence,
    UnitStruct,
    Enum,
    WideInteger,
}

macro_rules! methods {
    ($($method:ident($($argument:ty),*) => $how:ident$(($wanted:ident))?;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value, D::Error> {
            self.$how($(Wanted::$wanted,)? visitor)
        })*
    };
}

type Name = &'static str;

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Typed<'_, D> {
    type Error = D::Error;

    methods! {
        deserialize_any() => wants(Any);
        deserialize_char() => text;
        deserialize_str() => text;
        deserialize_string() => text;
        deserialize_bytes() => wants(Bytes);
        deserialize_byte_buf() => wants(Bytes);
        deserialize_seq() => wants(Sequence);
        deserialize_tuple(usize) => wants(Sequence);
        deserialize_tuple_struct(Name, usize) => wants(Sequence);
        deserialize_unit_struct(Name) => wants(UnitStruct);
        deserialize_enum(Name, &'static [Name]) => wants(Enum);
        deserialize_i128() => wants(WideInteger);
        deserialize_u128() => wants(WideInteger);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Filter {
            visitor,
            wanted: Wanted::Any,
            rules: self.rules,
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: Name,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 unit map struct identifier ignored_any
    }
}

/// Hands on to the visitor what the reader finds.
struct Filter<'r, V> {
    visitor: V,
    wanted: Wanted,
    rules: Rules<'r>,
}

macro_rules! hand_on {
    ($($method:ident($($value:ident: $type:ty)?);)*) => {
        $(#[inline]
        fn $method<E: Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.visitor.$method($($value)?)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Filter<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    hand_on! {
        visit_bool(value: bool);
        visit_i64(value: i64);
        visit_u64(value: u64);
        visit_f32(value: f32);
        visit_f64(value: f64);
        visit_unit();
        visit_none();
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Typed::new(inner, self.rules))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        match self.wanted {
            Wanted::Enum => self.visitor.visit_enum(text.into_deserializer()),
            Wanted::Bytes if self.rules.base64 => match from_base64(text) {
                Some(bytes) => self.visitor.visit_byte_buf(bytes),
                None => Err(E::invalid_value(Unexpected::Str(text), &"base64")),
            },
            Wanted::Sequence if self.rules.base64 => match from_base64(text) {
                Some(bytes) => one_by_one(&bytes, self.visitor),
                None => Err(E::invalid_type(Unexpected::Str(text), &self.visitor)),
            },
            Wanted::WideInteger if self.rules.base64 => Err(too_wide()),
            _ => self.visitor.visit_str(text),
        }
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        match self.wanted {
            Wanted::Sequence => one_by_one(bytes, self.visitor),
            Wanted::WideInteger => Err(too_wide()),
            _ => self.visitor.visit_bytes(bytes),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let len = items.size_hint();
        if self.wanted == Wanted::UnitStruct && len == Some(0) {
            return self.visitor.visit_unit();
        }
        let mut items = Items::new(items, self.rules);
        let value = self.visitor.visit_seq(&mut items)?;
        all_read(len, items.size_hint())?;
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let len = entries.size_hint();
        let mut entries = Items::new(entries, self.rules);
        let value = match self.wanted {
            Wanted::Enum => self
                .visitor
                .visit_enum(MapAccessDeserializer::new(&mut entries)),
            _ => self.visitor.visit_map(&mut entries),
        }?;
        all_read(len, entries.size_hint())?;
        Ok(value)
    }
}

/// `rmp-serde` writes them as bytes and cannot be told not to, so here is the first place to say it.
fn too_wide<E: Error>() -> E {
    E::custom("integers of 128 bits have no form on the wire; send 64 bits or a string")
}

/// A visitor that stops early leaves the reader in the middle of a value.
fn all_read<E: Error>(len: Option<usize>, left: Option<usize>) -> Result<(), E> {
    match (len, left) {
        (Some(len), Some(left @ 1..)) => {
            let read = len.saturating_sub(left);
            Err(E::invalid_length(len, &format!("{read} elements").as_str()))
        }
        _ => Ok(()),
    }
}
