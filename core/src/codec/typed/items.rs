//! The inside of arrays and maps, where the rules go on.

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::Typed;
use crate::codec::decode::Rules;

/// The inside of an array or a map, with the rules for what is in it.
pub(super) struct Items<A> {
    inner: A,
    rules: Rules<'static>,
}

impl<A> Items<A> {
    pub(super) const fn new(inner: A, outer: Rules<'_>) -> Self {
        let rules = outer.inside();
        Self { inner, rules }
    }

    const fn item<S>(&self, seed: S) -> Item<S> {
        let rules = self.rules;
        Item { seed, rules }
    }
}

struct Item<S> {
    seed: S,
    rules: Rules<'static>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Item<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Typed::new(inner, self.rules))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let item = self.item(seed);
        self.inner.next_element_seed(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let item = self.item(seed);
        self.inner.next_key_seed(item)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let item = self.item(seed);
        self.inner.next_value_seed(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}
