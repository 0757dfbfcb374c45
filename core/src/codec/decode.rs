//! MessagePack to values, over a body that the scan has passed. The reading is left to `rmp-serde`, behind the
//! rules of `typed`; what is added here is to say where a value does not fit.

use std::fmt::{self, Write};

use rmp_serde::decode::{Error, ReadRefReader};
use serde::de::DeserializeOwned;

use super::MAX_DEPTH;
use super::typed::Typed;

/// A path longer than this tells nobody anything; a peer chooses the keys in it.
const MAX_PATH: usize = 160;

/// Bytes of a message about a value that does not fit.
const MAX_MESSAGE: usize = 1024;

/// How a body is read beyond what its MessagePack says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules<'a> {
    /// It was JSON or text, which have no bytes: where bytes are wanted, a string is base64.
    pub(crate) base64: bool,
    /// It was this text, which is what a string gets, whatever else it might be.
    pub(crate) raw: Option<&'a str>,
}

impl Rules<'static> {
    pub(crate) const MSGPACK: Self = Self {
        base64: false,
        raw: None,
    };
    pub(crate) const JSON: Self = Self {
        base64: true,
        raw: None,
    };
}

impl<'a> Rules<'a> {
    pub(crate) const fn text(raw: &'a str) -> Self {
        Self {
            base64: true,
            raw: Some(raw),
        }
    }

    /// For what an array or a map holds: the text is not that of anything in it.
    pub(super) const fn inside(self) -> Rules<'static> {
        Rules {
            base64: self.base64,
            raw: None,
        }
    }
}

/// Decodes a checked value.
pub(crate) fn from_slice<T: DeserializeOwned>(
    value: &[u8],
    rules: Rules<'_>,
) -> Result<T, DecodeError> {
    T::deserialize(Typed::new(&mut reader(value), rules))
        .map_err(|error| locate::<T>(value, rules, error))
}

fn reader(value: &[u8]) -> rmp_serde::Deserializer<ReadRefReader<'_, [u8]>> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(value);
    // It counts a level when it enters it, and stops at the last one.
    reader.set_max_depth(MAX_DEPTH + 1);
    reader
}

/// Decodes again what has failed, with an eye on the place: a value that fits pays nothing for that.
#[cold]
fn locate<T: DeserializeOwned>(value: &[u8], rules: Rules<'_>, error: Error) -> DecodeError {
    let mut reader = reader(value);
    let typed = Typed::new(&mut reader, rules);
    let Err(located) = serde_path_to_error::deserialize::<_, T>(typed) else {
        let path = String::new();
        return DecodeError { path, error };
    };
    let mut path = match located.path().iter().len() {
        0 => String::new(),
        _ => located.path().to_string(),
    };
    if path.len() > MAX_PATH {
        path = path.chars().take(MAX_PATH).chain(['…']).collect();
    }
    DecodeError {
        path,
        error: located.into_inner(),
    }
}

/// A value that does not fit its type.
#[derive(Debug)]
pub(crate) struct DecodeError {
    /// As in `items[3].price`.
    path: String,
    error: Error,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        let mut message = Bounded(String::new());
        let whole = write!(message, "{}", self.error).is_ok();
        let message = message.0;
        // Serde calls it a unit value; nobody outside Rust does.
        match message.strip_prefix("invalid type: unit value, ") {
            Some(rest) => write!(f, "invalid type: null, {rest}"),
            None => f.write_str(&message),
        }?;
        f.write_str(if whole { "" } else { "…" })
    }
}

/// As much of a text as is of use: serde quotes the peer's strings, however long they are.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_MESSAGE - self.0.len();
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        self.0.push_str(&text[..end.unwrap_or_default()]);
        if text.len() > room {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
