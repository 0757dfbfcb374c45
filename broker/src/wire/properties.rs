//! STAND-IN until the real one is merged: raw properties, unchecked.

use bytes::Bytes;

use crate::error::Refusal;

#[derive(Clone)]
pub(crate) struct Properties(Bytes);

impl Properties {
    pub(crate) fn parse(raw: Bytes) -> Result<Self, Refusal> {
        Ok(Self(raw))
    }

    pub(crate) fn raw(&self) -> &Bytes {
        &self.0
    }
}
