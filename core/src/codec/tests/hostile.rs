//! Bodies that no honest peer sends.

use serde::Deserialize;

use super::{CODECS, decode};
use crate::codec::format::Fault;
use crate::codec::scan::check;
use crate::codec::{Codec, MAX_ELEMENTS};

/// Nested in every way in which serde recurses without an array or a map of its own.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
enum Tree {
    Leaf,
    Node(Box<Tree>),
    Maybe(Option<Box<Tree>>),
    Many(Vec<Tree>),
}

#[test]
fn a_million_levels_are_refused_without_recursion() {
    for opening in [
        &b"\x91"[..],
        b"\x81\xa1a",
        b"\xdc\x00\x01",
        b"\xdf\x00\x00\x00\x01\xa1a",
    ] {
        let body = opening.repeat(1_000_000);
        assert_eq!(check(&body), Err(Fault::TooDeep));
        assert!(decode::<serde_json::Value>(Codec::MsgPack, body).is_err());
    }
    for opening in [r#"[{"a":"#, r#"{"Node":"#, r#"{"Maybe":"#, "["] {
        let body = opening.repeat(1_000_000);
        for codec in [Codec::Json, Codec::Text] {
            assert!(decode::<serde_json::Value>(codec, body.clone()).is_err());
            assert!(decode::<Tree>(codec, body.clone()).is_err());
        }
    }
    for opening in [&b"\x81\xa4Node"[..], b"\x81\xa5Maybe", b"\x81\xa4Many\x91"] {
        let body = [&opening.repeat(100_000)[..], b"\xa4Leaf"].concat();
        assert!(decode::<Tree>(Codec::MsgPack, body).is_err());
    }
    // Flat, so the scan lets it pass: nobody may take each item for the payload of the one before.
    for item in [&b"\x91\xa4Node"[..], b"\x91\xa5Maybe"] {
        let body = [&b"\xdd\x00\x03\x0d\x40"[..], &item.repeat(200_000)].concat();
        assert_eq!(check(&body), Ok(()));
        assert!(decode::<Vec<Tree>>(Codec::MsgPack, body).is_err());
    }
}

#[test]
fn nesting_is_allowed_to_the_limit_and_no_further() {
    let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    assert_eq!(check(&nested(64)), Ok(()));
    assert_eq!(check(&nested(65)), Err(Fault::TooDeep));
    assert_eq!(check(&[vec![0x91; 63], vec![0x90]].concat()), Ok(()));
    assert_eq!(
        check(&[vec![0x91; 64], vec![0x90]].concat()),
        Err(Fault::TooDeep)
    );
}

#[test]
fn a_length_that_lies_costs_nothing() {
    for body in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff\xa0\xc0",
        b"\xdf\x80\x00\x00\x00",
        b"\xdb\xff\xff\xff\xffabc",
        b"\xc6\xff\xff\xff\xff",
        b"\xdc\xff\xff\xc0",
        b"\x92\xc0",
        b"\x81\xa0",
    ] {
        assert_eq!(check(body), Err(Fault::Truncated), "{body:x?}");
        assert!(decode::<Vec<u64>>(Codec::MsgPack, body).is_err());
    }
}

#[test]
fn elements_are_counted_over_the_whole_body() {
    let array = |len: usize| {
        let mut body = vec![0xdd];
        body.extend_from_slice(&(len as u32).to_be_bytes());
        body.resize(5 + len, 0xc0);
        body
    };
    assert_eq!(check(&array(MAX_ELEMENTS)), Ok(()));
    assert_eq!(check(&array(MAX_ELEMENTS + 1)), Err(Fault::TooManyElements));
    let two = [&b"\x92"[..], &array(600_000), &array(400_000)].concat();
    assert_eq!(check(&two), Err(Fault::TooManyElements));
    let json = format!("[{}1]", "1,".repeat(MAX_ELEMENTS));
    assert!(decode::<serde::de::IgnoredAny>(Codec::Json, json).is_err());
}

#[test]
fn what_the_wire_does_not_have_is_refused() {
    assert_eq!(check(b""), Err(Fault::Truncated));
    assert_eq!(check(b"\xc0\xc0"), Err(Fault::TrailingBytes));
    assert_eq!(check(b"\xc1"), Err(Fault::Reserved));
    for ext in [0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8] {
        assert_eq!(
            check(&[&[ext][..], &[0; 32]].concat()),
            Err(Fault::Extension)
        );
    }
    for key in [
        &b"\x81\x01\x01"[..],
        b"\x81\xc0\x01",
        b"\x81\xc4\x00\x01",
        b"\x81\x90\x01",
    ] {
        assert_eq!(check(key), Err(Fault::KeyNotString));
    }
    // A value may be what a key may not.
    assert_eq!(check(b"\x82\xa1a\x01\xa1b\x90"), Ok(()));
    assert_eq!(check(b"\x82\xa1a\x90\x01\x01"), Err(Fault::KeyNotString));
}

#[test]
fn a_body_cut_anywhere_is_refused() {
    let value = serde_json::json!({
        "n": 30, "list": [1, -1, 70_000, 1.5, "text", null, true], "map": {"a": {"b": []}},
        "long": "x".repeat(300),
    });
    for codec in [Codec::MsgPack, Codec::Json] {
        let body = codec.encode(&value).unwrap();
        for len in 0..body.len() {
            assert!(decode::<serde_json::Value>(codec, body[..len].to_vec()).is_err());
        }
    }
}

#[test]
fn strings_must_be_utf8() {
    for codec in CODECS {
        let body = match codec {
            Codec::MsgPack => b"\xa2\xc3\x28".to_vec(),
            _ => b"\"\xc3\x28\"".to_vec(),
        };
        assert!(decode::<String>(codec, body.clone()).is_err());
        assert!(decode::<bytes::Bytes>(codec, body).is_err());
    }
}

#[test]
fn an_error_does_not_grow_with_the_path() {
    let key = "k".repeat(1000);
    let body = format!(
        "{}true{}",
        format!(r#"{{"{key}":"#).repeat(10),
        "}".repeat(10)
    );
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    #[allow(dead_code)]
    struct Map(std::collections::BTreeMap<String, Map>);
    let error = decode::<Map>(Codec::Json, body).unwrap_err();
    assert!(error.message().len() < 300, "{}", error.message());
}
