//! Reads and writes one field of an encoded map without touching the others: an error's details pass
//! through programs that know nothing of their type.

use bytes::Bytes;

use super::format::{Head, Reader, write_str};
use super::{Codec, MAX_DEPTH, MAX_ELEMENTS, append_json, from_json, scan};

/// Adds a field to a map that was just encoded, by MessagePack with less than 15 fields or by JSON with at
/// least one. A value that cannot be written in the map's codec is left out.
pub(crate) fn add_field(codec: Codec, map: &mut Vec<u8>, name: &str, from: Codec, value: &Bytes) {
    let packed = match from {
        Codec::MsgPack => Some(value.to_vec()),
        Codec::Json | Codec::Text => from_json(value).ok(),
    };
    let Some(packed) = packed else { return };
    if codec == Codec::MsgPack {
        map[0] += 1;
        write_str(map, name);
        map.extend(packed);
        return;
    }
    let before = map.len();
    map.truncate(before - 1);
    map.extend(format!(",\"{name}\":").bytes());
    if append_json(&packed, map).is_err() {
        map.truncate(before - 1);
    }
    map.push(b'}');
}

/// The encoded value of one field of a map, and its codec.
pub(crate) fn take_field(codec: Codec, map: &Bytes, name: &str) -> Option<(Codec, Bytes)> {
    if codec == Codec::MsgPack {
        return Some((Codec::MsgPack, find(map, name)?.to_vec().into()));
    }
    let packed = from_json(map).ok()?;
    let mut json = Vec::new();
    append_json(find(&packed, name)?, &mut json).ok()?;
    Some((Codec::Json, json.into()))
}

fn find<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut reader = Reader::new(map);
    let Head::Map(len) = reader.head().ok()? else {
        return None;
    };
    for _ in 0..len {
        let Head::Str(key_len) = reader.head().ok()? else {
            return None;
        };
        let found = reader.text(key_len).ok()? == name;
        let start = map.len() - reader.len();
        scan::skip(&mut reader, MAX_DEPTH, &mut { MAX_ELEMENTS }).ok()?;
        if found {
            return map.get(start..map.len() - reader.len());
        }
    }
    None
}
