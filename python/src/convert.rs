//! Between encodings, for the Python half and its tests.

use bytes::Bytes;
use leveret::{Codec, Encoded, Error};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::failure::value_error;
use crate::queue::{JSON, MSGPACK, TEXT};
use crate::settings::{Descriptor, from_python};

/// A codec by its name in options.
pub(crate) fn codec(name: &str) -> PyResult<Codec> {
    match name {
        "msgpack" => Ok(Codec::MsgPack),
        "json" => Ok(Codec::Json),
        "text" => Ok(Codec::Text),
        _ => Err(PyValueError::new_err(format!(
            "the codec is one of 'msgpack', 'json' and 'text', not {name:?}"
        ))),
    }
}

/// A value as Python takes it, and how it came: checked MessagePack, or the text as it is.
pub(crate) fn readable(value: &Encoded) -> Result<(Bytes, u8), Error> {
    let how = match value.codec() {
        Codec::MsgPack => MSGPACK,
        Codec::Text => return Ok((value.body().clone(), TEXT)),
        _ => JSON,
    };
    value.to_msgpack().map(|body| (body, how))
}

/// Checks a body and gives its one value as MessagePack.
#[pyfunction]
pub(crate) fn to_msgpack<'py>(
    py: Python<'py>,
    codec: &str,
    body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let encoded = Encoded::new(self::codec(codec)?, body.to_vec());
    let value = encoded.to_msgpack().map_err(|error| value_error(&error))?;
    Ok(PyBytes::new(py, &value))
}

/// Checks a MessagePack value and writes it in another codec.
#[pyfunction]
pub(crate) fn from_msgpack<'py>(
    py: Python<'py>,
    codec: &str,
    body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let encoded = Encoded::from_msgpack(body.to_vec(), self::codec(codec)?)
        .map_err(|error| value_error(&error))?;
    Ok(PyBytes::new(py, encoded.body()))
}

/// The JSON text of a descriptor, as the Rust macro's.
#[pyfunction]
pub(crate) fn describe(descriptor: &Bound<'_, PyDict>) -> PyResult<String> {
    let descriptor = from_python::<Descriptor>(descriptor)?.into_core();
    serde_json::to_string(&descriptor).map_err(|error| PyValueError::new_err(error.to_string()))
}
