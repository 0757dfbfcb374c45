//! Errors on their way to Python: plain tuples, from which `errors.py` makes exceptions.

use leveret::{Code, Error, Executed};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// `Failure` of `_leveret.pyi`.
pub(crate) fn failure<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyTuple>> {
    let details = error
        .encoded_details()
        .and_then(|details| details.to_msgpack().ok());
    (
        error.code().as_str(),
        error.message(),
        error.name(),
        details.map(|details| PyBytes::new(py, &details)),
        error.executed().as_str(),
        error.retryable(),
        error.retry_after().map(|delay| delay.as_secs_f64()),
        error.wire_code(),
    )
        .into_pyobject(py)
}

/// For mistakes in calls of the native module itself.
pub(crate) fn value_error(error: &Error) -> PyErr {
    PyValueError::new_err(error.message().to_owned())
}

/// The parts of an error that a Python handler raised.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) name: Option<String>,
    pub(crate) details: Option<Vec<u8>>,
    pub(crate) executed: Option<String>,
    pub(crate) retryable: Option<bool>,
    pub(crate) retry_after: Option<f64>,
}

impl Raised {
    pub(crate) fn into_error(self) -> Error {
        let executed = self
            .executed
            .as_deref()
            .map_or(Executed::Yes, Executed::from_wire);
        let mut error = Error::from_wire_code(&self.code, self.message).with_executed(executed);
        if let Some(name) = self.name {
            error = error.with_name(name);
        }
        if let Some(delay) = self.retry_after.and_then(crate::settings::seconds) {
            error = error.with_retry_after(delay);
        }
        if let Some(retryable) = self.retryable {
            error = error.with_retryable(retryable);
        }
        match self.details {
            None => error,
            Some(details) => error
                .with_encoded_details(details)
                .unwrap_or_else(|refused| {
                    Error::new(
                        Code::Internal,
                        format!(
                            "the details of the error cannot be sent: {}",
                            refused.message()
                        ),
                    )
                    .with_executed(executed)
                }),
        }
    }
}
