//! What went wrong while decoding, and where. The path is built on the way out of the failed value, so a
//! value that fits pays nothing for it.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::codec::format::Fault;

/// A path longer than this tells nobody anything; a peer chooses the keys in it.
const MAX_PATH: usize = 160;

/// A value that does not fit its type.
#[derive(Debug)]
pub(crate) struct DecodeError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// As in `items[3].price`.
    path: String,
    message: String,
    fault: Option<Fault>,
}

impl DecodeError {
    fn new(message: String) -> Self {
        Self(Box::new(Inner {
            path: String::new(),
            message,
            fault: None,
        }))
    }

    #[cold]
    pub(super) fn inside_index(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    #[cold]
    pub(super) fn inside_key(self, key: &str) -> Self {
        self.inside(key)
    }

    fn inside(mut self, outer: &str) -> Self {
        let path = &mut self.0.path;
        if path.len() + outer.len() <= MAX_PATH {
            if !path.is_empty() && !path.starts_with('[') {
                path.insert(0, '.');
            }
            path.insert_str(0, outer);
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .fault
            .as_ref()
            .map(|fault| fault as &(dyn std::error::Error + 'static))
    }
}

impl From<Fault> for DecodeError {
    #[cold]
    fn from(fault: Fault) -> Self {
        let mut error = Self::new(format!("the body is malformed: {fault}"));
        error.0.fault = Some(fault);
        error
    }
}

impl Error for DecodeError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    /// Serde calls it a unit value; nobody outside Rust does.
    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => {
                Self::custom(format_args!("invalid type: null, expected {expected}"))
            }
            _ => Self::custom(format_args!("invalid type: {found}, expected {expected}")),
        }
    }
}
