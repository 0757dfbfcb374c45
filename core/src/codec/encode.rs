//! Values to MessagePack. The writing is left to `rmp-serde`; what the wire does not have is found in its
//! output by the same scan that a receiver applies, so that a caller learns it before it sends.

use rmp_serde::Serializer;
use rmp_serde::config::BytesMode;
use serde::Serialize;

use super::format::{Fault, Reader};
use super::{MAX_DEPTH, MAX_ELEMENTS, scan};

/// Why a value has no form on the wire.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error(transparent)]
    Value(#[from] rmp_serde::encode::Error),
    #[error("the value has no form on the wire: {0}")]
    Fault(#[from] Fault),
    #[error("JSON has neither NaN nor infinity")]
    NotFinite,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Write(#[from] std::io::Error),
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
    let start = out.len();
    match write(value, out, BytesMode::ForceIterables) {
        // A list whose first item alone looks like a byte. Lists of numbers are read as bytes too.
        Err(rmp_serde::encode::Error::InvalidDataModel(_)) => {
            out.truncate(start);
            write(value, out, BytesMode::Normal)?;
        }
        outcome => outcome?,
    }
    let mut reader = Reader::new(&out[start..]);
    scan::skip(&mut reader, limits.depth, &mut limits.elements)?;
    match reader.len() {
        0 => Ok(()),
        _ => Err(Fault::TrailingBytes.into()),
    }
}

fn write<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    bytes: BytesMode,
) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = Serializer::new(out)
        .with_struct_map()
        .with_human_readable()
        .with_bytes(bytes);
    value.serialize(&mut serializer)
}
