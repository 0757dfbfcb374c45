//! Plain text, as programs without any library of ours send it: JSON if it happens to be that, else the bare
//! string, and always the bare string for a parameter or a result that is one.

use super::encode::EncodeError;
use super::format::{Head, NIL, Reader, write_str};
use super::json::{from_json, to_json};

/// Writes an encoded value as text.
pub(crate) fn to_text(value: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    let mut reader = Reader::new(&value);
    match reader.head()? {
        Head::Nil => Ok(Vec::new()),
        Head::Str(len) => Ok(reader.bytes(len)?.to_vec()),
        _ => to_json(&value),
    }
}

/// Reads a text as the value that it is for everything but a string.
pub(crate) fn from_text(raw: &str) -> Result<Vec<u8>, serde_json::Error> {
    if raw.is_empty() {
        return Ok(vec![NIL]);
    }
    match from_json(raw.as_bytes()) {
        // JSON beyond our limits is refused; what is no JSON at all is a string.
        Err(error) if error.is_data() => Err(error),
        Err(_) => {
            let mut value = Vec::with_capacity(raw.len() + 5);
            write_str(&mut value, raw);
            Ok(value)
        }
        Ok(value) => Ok(value),
    }
}
