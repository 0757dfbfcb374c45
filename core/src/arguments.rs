//! The arguments of a call: written by name, read by name, by position or bare (`docs/protocol.md`,
//! section "Arguments"). Each argument is decoded on its own, so that an error can name it.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::Codec;
use crate::error::Error;

/// Writes the arguments of one call.
#[derive(Debug)]
pub struct ArgumentsWriter {
    codec: Codec,
    body: Vec<u8>,
}

impl ArgumentsWriter {
    /// Starts a body that will hold exactly `count` arguments.
    #[must_use]
    pub fn new(codec: Codec, count: usize) -> Self {
        todo!()
    }

    /// Adds the next argument.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no, naming the argument, when the value has no form on the wire.
    pub fn push<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        todo!()
    }

    /// The finished body.
    #[must_use]
    pub fn finish(self) -> Bytes {
        todo!()
    }
}

/// The arguments of one request, checked as a whole and decoded one by one.
#[derive(Debug)]
pub struct Arguments<'a> {
    names: &'a [&'a str],
}

impl<'a> Arguments<'a> {
    /// Checks a body against the names of the method's parameters.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no: malformed body, unknown or repeated name, too many positions.
    pub fn parse(codec: Codec, body: &'a [u8], names: &'a [&'a str]) -> Result<Self, Error> {
        todo!()
    }

    /// Decodes the argument of the parameter with this index. An absent one is read as nil.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no, naming the argument.
    pub fn take<T: DeserializeOwned>(&mut self, index: usize) -> Result<T, Error> {
        todo!()
    }
}
