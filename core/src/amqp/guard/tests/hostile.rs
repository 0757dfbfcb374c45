//! Header payloads made to hurt, one by one.

use super::super::content::check;
use super::{bare, frame, header, lapin_accepts, read};

/// The flags of the properties that are short strings.
const TEXTS: [u16; 10] = [15, 14, 10, 9, 8, 7, 5, 4, 3, 2];
const HEADERS: u16 = 1 << 13;

/// The payload of a header frame with a table of headers that holds these entries.
fn with_headers(entries: &[u8]) -> Vec<u8> {
    let length = u32::try_from(entries.len()).unwrap().to_be_bytes();
    let frame = header(HEADERS, &[&length[..], entries].concat());
    frame[7..frame.len() - 1].to_vec()
}

/// Entries of a table with `depth` more containers of one kind inside each other.
fn nested(kind: u8, depth: usize) -> Vec<u8> {
    // A table's entry has an empty name in front.
    let name: &[u8] = if kind == b'F' { &[0] } else { &[] };
    let mut bytes = Vec::new();
    for left in (0..depth).rev() {
        let inside = u32::try_from(left * (5 + name.len())).unwrap();
        bytes.extend_from_slice(if bytes.is_empty() { &[0] } else { name });
        bytes.push(kind);
        bytes.extend_from_slice(&inside.to_be_bytes());
    }
    bytes
}

#[test]
fn nesting_has_a_limit() {
    for kind in [b'F', b'A'] {
        assert_eq!(check(&with_headers(&nested(kind, 0))), Ok(()));
        assert_eq!(check(&with_headers(&nested(kind, 15))), Ok(()));
        for depth in [16, 100, 10_000, 21_000] {
            let payload = with_headers(&nested(kind, depth));
            assert_eq!(check(&payload), Err("tables nested too deep"), "{depth}");
            assert_eq!(read([&frame(2, &payload)[..]], 1 << 18), bare());
        }
    }
}

#[test]
fn every_short_string_has_to_be_utf8() {
    for flag in TEXTS {
        for text in [&b"\xFF"[..], b"a\xC3", b"\xED\xA0\x80", b"\xC0\x80"] {
            let length = u8::try_from(text.len()).unwrap();
            let frame = header(1 << flag, &[&[length], text].concat());
            assert_eq!(
                check(&frame[7..frame.len() - 1]),
                Err("a short string that is not UTF-8"),
                "{flag} {text:?}"
            );
        }
    }
    assert!(check(&with_headers(b"\x01\xFFV")).is_err());
    assert!(check(&with_headers(b"\x01aF\0\0\0\x03\x01\xFFV")).is_err());
    // lapin takes a long string for what it is, bytes.
    assert_eq!(check(&with_headers(b"\x01aS\0\0\0\x01\xFF")), Ok(()));
}

#[test]
fn lengths_have_to_add_up() {
    for entries in [
        &b"\x01"[..],
        b"\x01a",
        b"\x01aS\0\0\0\x02.",
        b"\x01aS\xFF\xFF\xFF\xFF.",
        b"\x01aF\0\0\0\x01V",
        b"\x01aA\0\0\0\x01I",
        b"\x01aI\0\0\0",
        b"\x01aVV",
    ] {
        assert!(check(&with_headers(entries)).is_err(), "{entries:?}");
    }
    let mut trailing = with_headers(b"\x01aV");
    trailing.push(0);
    assert!(check(&trailing).is_err());
}

#[test]
fn the_types_are_those_that_lapin_knows() {
    for tag in 0..=u8::MAX {
        for length in 0..=9 {
            let value = [b"\x01a", &[tag][..], &[0; 9][..length]].concat();
            let payload = with_headers(&value);
            assert_eq!(
                check(&payload).is_ok(),
                lapin_accepts(&payload),
                "{tag} with {length} bytes"
            );
        }
    }
}
