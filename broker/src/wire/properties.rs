//! What comes with a message besides its body: kept as the bytes that were published, so that a consumer gets exactly
//! those, and read only where the broker has to.

use std::fmt;
use std::ops::Range;

use amq_protocol::types::generation::gen_field_table;
use amq_protocol::types::parsing::parse_field_table;
use amq_protocol::types::{AMQPValue, FieldTable};
use bytes::{BufMut, Bytes, BytesMut};

use super::table;
use crate::error::Refusal;

/// Flags and values of a content header, checked.
#[derive(Clone)]
pub(crate) struct Properties {
    raw: Bytes,
    /// Where a value starts; 0, where the flags are, for one that is not there.
    headers: u32,
    reply_to: u32,
    expiration: u32,
    user_id: u32,
    delivery_mode: Option<u8>,
    priority: Option<u8>,
}

#[derive(Clone, Copy)]
enum Form {
    Short,
    Table,
    Octet,
    Timestamp,
}

/// The properties of class basic, in the order of their flags, from the highest bit on.
const FORMS: [Form; 14] = {
    use Form::{Octet, Short, Table, Timestamp};
    [
        Short, Short, Table, Octet, Octet, Short, Short, Short, Short, Timestamp, Short, Short,
        Short, Short,
    ]
};
const HEADERS: usize = 2;
const DELIVERY_MODE: usize = 3;
const PRIORITY: usize = 4;
const REPLY_TO: usize = 6;
const EXPIRATION: usize = 7;
const USER_ID: usize = 11;
const FLAGS: usize = 2;

const fn flag(property: usize) -> u16 {
    1 << (15 - property)
}

impl Properties {
    /// Checks what a content header holds after the size of the body.
    ///
    /// # Errors
    ///
    /// 502 when it is cut off, followed by something, or holds a malformed table.
    pub(crate) fn parse(raw: Bytes) -> Result<Self, Refusal> {
        let mut found = Self {
            raw: Bytes::new(),
            headers: 0,
            reply_to: 0,
            expiration: 0,
            user_id: 0,
            delivery_mode: None,
            priority: None,
        };
        let whole = walk(&raw, |property, value| {
            // A frame is far smaller than 4 GiB.
            let start = u32::try_from(value.start).unwrap_or(0);
            match property {
                HEADERS => found.headers = start,
                DELIVERY_MODE => found.delivery_mode = Some(raw[value.start]),
                PRIORITY => found.priority = Some(raw[value.start]),
                REPLY_TO => found.reply_to = start,
                EXPIRATION => found.expiration = start,
                USER_ID => found.user_id = start,
                _ => {}
            }
        });
        if whole != Some(raw.len()) {
            return Err(Refusal::syntax_error("malformed content properties"));
        }
        found.raw = raw;
        if let Some(table) = found.headers_with_length()
            && !table::is_whole(table)
        {
            return Err(Refusal::syntax_error("malformed header table"));
        }
        Ok(found)
    }

    pub(crate) fn raw(&self) -> &Bytes {
        &self.raw
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.headers != 0
    }

    /// The headers, without those that this broker only passes on: deeper than anybody reads, or no text for a name.
    pub(crate) fn headers(&self) -> Option<FieldTable> {
        let table = self.headers_with_length()?;
        if let Some(headers) = parsed(table) {
            return Some(headers);
        }
        let mut headers = FieldTable::default();
        for one in self.entries().filter_map(|(_, entry)| parsed_alone(entry)) {
            for (name, value) in &one {
                headers.insert(name.clone(), value.clone());
            }
        }
        Some(headers)
    }

    /// Whether there is a header of this name, without parsing them.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.entries().any(|(other, _)| other == name.as_bytes())
    }

    /// One header, without parsing the others.
    pub(crate) fn header(&self, name: &str) -> Option<AMQPValue> {
        let mut entries = self.entries();
        let (_, entry) = entries.find(|(other, _)| *other == name.as_bytes())?;
        parsed_alone(entry)?.inner().get(name).cloned()
    }

    pub(crate) fn reply_to(&self) -> Option<&str> {
        self.text(self.reply_to)
    }

    pub(crate) fn expiration(&self) -> Option<&str> {
        self.text(self.expiration)
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        self.text(self.user_id)
    }

    pub(crate) fn priority(&self) -> Option<u8> {
        self.priority
    }

    pub(crate) fn delivery_mode(&self) -> Option<u8> {
        self.delivery_mode
    }

    /// A name too long for a property is cut off.
    pub(crate) fn with_reply_to(&self, name: &str) -> Self {
        let fits = (0..=name.len().min(255))
            .rev()
            .find(|end| name.is_char_boundary(*end));
        let name = &name.as_bytes()[..fits.unwrap_or(0)];
        let mut value = Vec::with_capacity(1 + name.len());
        value.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        value.extend_from_slice(name);
        self.replaced(REPLY_TO, Some(&value))
    }

    /// With these headers, in place of those of the same names. All are put in the order of their names, as RabbitMQ
    /// does it when it writes into them.
    pub(crate) fn with_headers(&self, headers: &FieldTable) -> Self {
        let added: Vec<(&[u8], Vec<u8>)> = headers
            .into_iter()
            .filter_map(|(name, value)| {
                let mut one = FieldTable::default();
                one.insert(name.clone(), value.clone());
                // Writing to a vector fails only when a table is longer than 4 GiB.
                let table = gen_field_table(&one)(Vec::new().into()).ok()?.write;
                Some((name.as_str().as_bytes(), table[4..].to_vec()))
            })
            .collect();
        let kept = self.entries().filter(|(name, _)| {
            let replaced = std::str::from_utf8(name).is_ok_and(|name| headers.contains_key(name));
            !replaced
        });
        let added = added.iter().map(|(name, entry)| (*name, &entry[..]));
        let mut entries: Vec<(&[u8], &[u8])> = kept.chain(added).collect();
        entries.sort_by_key(|(name, _)| *name);
        self.with_entries(entries.into_iter())
    }

    pub(crate) fn without_header(&self, name: &str) -> Self {
        if !self.has_header(name) {
            return self.clone();
        }
        let others = self
            .entries()
            .filter(|(other, _)| *other != name.as_bytes());
        self.with_entries(others)
    }

    fn with_entries<'a>(&self, entries: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut table = vec![0; 4];
        entries.for_each(|(_, entry)| table.extend_from_slice(entry));
        match u32::try_from(table.len() - 4) {
            Ok(length) => {
                table[..4].copy_from_slice(&length.to_be_bytes());
                self.replaced(HEADERS, Some(&table))
            }
            Err(_) => self.clone(),
        }
    }

    pub(crate) fn without_expiration(&self) -> Self {
        if self.expiration == 0 {
            return self.clone();
        }
        self.replaced(EXPIRATION, None)
    }

    /// The headers as they are written: name, and all of it.
    fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self
            .headers_with_length()
            .map_or(&[][..], |table| &table[4..]);
        std::iter::from_fn(move || {
            let length = 1 + usize::from(*rest.first()?);
            let name = rest.get(1..length)?;
            let value = rest.get(length + 1..)?;
            let size = match *rest.get(length)? {
                b'V' => 0,
                b't' | b'b' | b'B' => 1,
                b's' | b'u' | b'U' => 2,
                b'I' | b'i' | b'f' => 4,
                b'D' => 5,
                b'l' | b'L' | b'd' | b'T' => 8,
                _ => 4 + long(value)?,
            };
            let (entry, after) = rest.split_at_checked(length + 1 + size)?;
            rest = after;
            Some((name, entry))
        })
    }

    /// The table of headers.
    fn headers_with_length(&self) -> Option<&[u8]> {
        let table = self.raw.get(self.headers as usize..)?;
        let table = Some(table).filter(|_| self.has_headers())?;
        table.get(..4 + long(table)?)
    }

    fn text(&self, start: u32) -> Option<&str> {
        if start == 0 {
            return None;
        }
        let value = self.raw.get(start as usize..)?;
        let value = value.get(1..1 + usize::from(*value.first()?))?;
        // What is no text is equal to nothing that the broker compares it with, and no number.
        Some(std::str::from_utf8(value).unwrap_or("\u{fffd}"))
    }

    fn replaced(&self, wanted: usize, by: Option<&[u8]>) -> Self {
        let flags = u16::from_be_bytes([self.raw[0], self.raw[1]]);
        let flags = match by {
            Some(_) => flags | flag(wanted),
            None => flags & !flag(wanted),
        };
        let mut raw = BytesMut::with_capacity(self.raw.len() + by.map_or(0, <[u8]>::len));
        raw.put_u16(flags);
        let mut pending = by;
        walk(&self.raw, |property, value| {
            if property >= wanted
                && let Some(new) = pending.take()
            {
                raw.put_slice(new);
            }
            if property != wanted {
                raw.put_slice(&self.raw[value]);
            }
        });
        if let Some(new) = pending {
            raw.put_slice(new);
        }
        // Made of checked parts.
        Self::parse(raw.freeze()).unwrap_or_else(|_| self.clone())
    }
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            raw: Bytes::from_static(&[0; FLAGS]),
            headers: 0,
            reply_to: 0,
            expiration: 0,
            user_id: 0,
            delivery_mode: None,
            priority: None,
        }
    }
}

impl fmt::Debug for Properties {
    /// Only the size: headers may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Properties")
            .field("size", &self.raw.len())
            .finish_non_exhaustive()
    }
}

/// Shows each property and where it is, lengths included; returns where the last one ends.
fn walk(raw: &[u8], mut visit: impl FnMut(usize, Range<usize>)) -> Option<usize> {
    let flags = u16::from_be_bytes([*raw.first()?, *raw.get(1)?]);
    let mut at = FLAGS;
    for (property, form) in FORMS.iter().enumerate() {
        if flags & flag(property) == 0 {
            continue;
        }
        let rest = &raw[at..];
        let length = match form {
            Form::Short => 1 + usize::from(*rest.first()?),
            Form::Table => 4 + long(rest)?,
            Form::Octet => 1,
            Form::Timestamp => 8,
        };
        if rest.len() < length {
            return None;
        }
        visit(property, at..at + length);
        at += length;
    }
    Some(at)
}

/// A table with its length in front, if it can be parsed without harm.
fn parsed(table: &[u8]) -> Option<FieldTable> {
    table::guard(table).ok()?;
    parse_field_table(table).ok().map(|(_, table)| table)
}

/// A table with nothing but one entry.
fn parsed_alone(entry: &[u8]) -> Option<FieldTable> {
    let length = u32::try_from(entry.len()).ok()?;
    parsed(&[&length.to_be_bytes(), entry].concat())
}

fn long(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk().copied()?;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

#[cfg(test)]
mod tests;
