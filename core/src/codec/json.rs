//! JSON to MessagePack and back. Values are encoded and decoded in one place only; here they merely change
//! their clothes, which also applies the limits of one codec to the other.

use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::ser::{CompactFormatter, Formatter};

use super::bytes::to_base64;
use super::encode::EncodeError;
use super::format::{ARRAY32, Fault, Head, MAP32, Reader, write_str};
use super::{MAX_DEPTH, MAX_ELEMENTS};

/// The key under which `serde_json` shows a number when some crate of the program has turned on its
/// `arbitrary_precision`. Features are shared, so we may meet it without having asked.
const NUMBER: &str = "$serde_json::private::Number";

/// Writes an encoded value as JSON.
pub(crate) fn to_json(value: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(value.len() * 2);
    append_json(value, &mut out)?;
    Ok(out)
}

/// Writes an encoded value as JSON behind what is there already.
pub(crate) fn append_json(value: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    transcode(&mut Reader::new(value), out)
}

/// The recursion is as deep as the scan let the value be, so at most `MAX_DEPTH`.
fn transcode(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut json = CompactFormatter;
    match reader.head()? {
        Head::Nil => json.write_null(out)?,
        Head::Bool(value) => json.write_bool(out, value)?,
        Head::Uint(value) => json.write_u64(out, value)?,
        Head::Int(value) => json.write_i64(out, value)?,
        Head::F32(value) if value.is_finite() => json.write_f32(out, value)?,
        Head::F64(value) if value.is_finite() => json.write_f64(out, value)?,
        Head::F32(_) | Head::F64(_) => return Err(EncodeError::NotFinite),
        Head::Str(len) => serde_json::to_writer(out, reader.text(len)?)?,
        Head::Bin(len) => serde_json::to_writer(out, &to_base64(reader.bytes(len)?))?,
        Head::Array(len) => {
            out.push(b'[');
            for index in 0..len {
                if index > 0 {
                    out.push(b',');
                }
                transcode(reader, out)?;
            }
            out.push(b']');
        }
        Head::Map(len) => {
            out.push(b'{');
            for index in 0..len {
                if index > 0 {
                    out.push(b',');
                }
                transcode(reader, out)?;
                out.push(b':');
                transcode(reader, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Reads one JSON text, within the limits of every body.
pub(crate) fn from_json(text: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut elements = MAX_ELEMENTS;
    let mut json = serde_json::Deserializer::from_slice(text);
    Sink {
        out: &mut out,
        depth: MAX_DEPTH,
        elements: &mut elements,
    }
    .deserialize(&mut json)?;
    json.end()?;
    Ok(out)
}

/// Takes what the JSON parser finds and writes it down.
struct Sink<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    elements: &'a mut usize,
}

impl Sink<'_> {
    fn count<E: de::Error>(&mut self, values: usize) -> Result<(), E> {
        let left = self.elements.checked_sub(values);
        *self.elements = left.ok_or_else(|| E::custom(Fault::TooManyElements))?;
        Ok(())
    }

    fn inner<E: de::Error>(&mut self) -> Result<Sink<'_>, E> {
        let depth = self.depth.checked_sub(1);
        Ok(Sink {
            out: self.out,
            depth: depth.ok_or_else(|| E::custom(Fault::TooDeep))?,
            elements: self.elements,
        })
    }

    /// The length is known only at the end, so its place is kept free.
    fn open(&mut self, head: u8) -> usize {
        self.out.extend_from_slice(&[head, 0, 0, 0, 0]);
        self.out.len() - 4
    }

    fn close(&mut self, place: usize, len: u32) {
        self.out[place..place + 4].copy_from_slice(&len.to_be_bytes());
    }
}

impl<'de> DeserializeSeed<'de> for Sink<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sink<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        write(self.out, ())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        write(self.out, value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        write(self.out, value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        write(self.out, value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        write(self.out, value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        write(self.out, value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let place = self.open(ARRAY32);
        let mut inner = self.inner()?;
        let mut len = 0;
        while items.next_element_seed(inner.again())?.is_some() {
            inner.count(1)?;
            len += 1;
        }
        self.close(place, len);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let start = self.out.len();
        let place = self.open(MAP32);
        let mut inner = self.inner()?;
        let mut len = 0;
        while let Some(is_number) = entries.next_key_seed(Key(inner.out))? {
            if is_number && len == 0 {
                let digits = entries.next_value::<String>()?;
                self.out.truncate(start);
                return number(&digits, self.out);
            }
            inner.count(2)?;
            entries.next_value_seed(inner.again())?;
            len += 1;
        }
        self.close(place, len);
        Ok(())
    }
}

impl Sink<'_> {
    fn again(&mut self) -> Sink<'_> {
        Sink {
            out: self.out,
            depth: self.depth,
            elements: self.elements,
        }
    }
}

fn write<E: de::Error>(out: &mut Vec<u8>, scalar: impl Serialize) -> Result<(), E> {
    scalar
        .serialize(&mut rmp_serde::Serializer::new(out))
        .map_err(E::custom)
}

fn number<E: de::Error>(digits: &str, out: &mut Vec<u8>) -> Result<(), E> {
    if let Ok(value) = digits.parse::<u64>() {
        write(out, value)
    } else if let Ok(value) = digits.parse::<i64>() {
        write(out, value)
    } else {
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => write(out, value),
            _ => Err(E::custom("number out of range")),
        }
    }
}

/// Writes a key and tells whether it is the one that stands for a number.
struct Key<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        write_str(self.0, key);
        Ok(key == NUMBER)
    }
}
