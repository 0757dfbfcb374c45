//! Properties by the byte: good ones, and those that lapin does not survive.

use crate::peer::{long, short};

pub(crate) const CONTENT_TYPE: u16 = 15;
pub(crate) const HEADERS: u16 = 13;
pub(crate) const TYPE: u16 = 5;

/// The properties with these bits, each with its bytes, in the order of the bits from the highest.
pub(crate) fn properties(list: &[(u16, &[u8])]) -> Vec<u8> {
    let flags: u16 = list.iter().map(|(bit, _)| 1 << bit).sum();
    let mut bytes = flags.to_be_bytes().to_vec();
    for (_, value) in list {
        bytes.extend_from_slice(value);
    }
    bytes
}

/// A header with so many tables (`F`) or arrays (`A`) inside each other.
pub(crate) fn nested(kind: u8, depth: usize) -> Vec<u8> {
    // A table's entry has its name in front, here an empty one.
    let name: &[u8] = if kind == b'F' { &[0] } else { &[] };
    let mut bytes = vec![0];
    for left in (0..depth).rev() {
        if left + 1 < depth {
            bytes.extend_from_slice(name);
        }
        let inside = u32::try_from(left * (name.len() + 5)).expect("a length");
        bytes.push(kind);
        bytes.extend_from_slice(&inside.to_be_bytes());
    }
    bytes
}

/// Headers that hold these bytes as entries.
pub(crate) fn headers(entries: &[u8]) -> Vec<u8> {
    properties(&[(HEADERS, &long(entries))])
}

/// Header frames that lapin would not survive, and names for them.
pub(crate) fn hostile() -> Vec<(String, Vec<u8>)> {
    let not_utf8 = short(b"caf\xE9");
    let mut cases = Vec::new();
    let texts = [
        ("content-type", CONTENT_TYPE),
        ("content-encoding", 14),
        ("correlation-id", 10),
        ("reply-to", 9),
        ("expiration", 8),
        ("message-id", 7),
        ("type", TYPE),
        ("user-id", 4),
        ("app-id", 3),
        ("cluster-id", 2),
    ];
    for (name, bit) in texts {
        cases.push((name.to_owned(), properties(&[(bit, &not_utf8)])));
    }
    let key = [&not_utf8[..], b"V"].concat();
    cases.push(("header key".into(), headers(&key)));
    let inner_key = [b"\x01tF", &long(&key)[..]].concat();
    cases.push(("header key inside".into(), headers(&inner_key)));
    for (kind, name) in [(b'F', "tables"), (b'A', "arrays")] {
        for depth in [100, 10_000, 18_000] {
            cases.push((format!("{depth} {name}"), headers(&nested(kind, depth))));
        }
    }
    cases.push(("unknown type".into(), headers(b"\x01tZ")));
    cases.push(("cut off".into(), headers(b"\x01tS\0\0\0\x09.")));
    cases.push(("too much".into(), [&properties(&[])[..], b"more"].concat()));
    cases
}

/// What RabbitMQ itself checks.
pub(crate) fn may_be_refused(name: &str) -> bool {
    [
        "expiration",
        "user-id",
        "unknown type",
        "cut off",
        "too much",
    ]
    .contains(&name)
}
