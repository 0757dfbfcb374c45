//! Values and bytes chosen by chance.

use proptest::prelude::*;
use serde::{Serialize, Serializer};

use super::decode;
use crate::codec::Codec;
use crate::codec::scan::check;

/// Any value that both codecs can carry, so without binary and NaN.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<i8>().prop_map(Into::into),
        any::<f64>()
            .prop_filter("JSON has no other", |value| value.is_finite())
            .prop_map(Into::into),
        ".{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            prop::collection::btree_map(".{0,10}", inner, 0..20)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Serializes with lengths unknown, as `serde(flatten)` does.
struct Unsized<'a>(&'a serde_json::Value);

impl Serialize for Unsized<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeSeq};
        match self.0 {
            serde_json::Value::Array(items) => {
                let mut array = serializer.serialize_seq(None)?;
                for item in items {
                    array.serialize_element(&Unsized(item))?;
                }
                array.end()
            }
            serde_json::Value::Object(entries) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Unsized(value))?;
                }
                map.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

proptest! {
    #[test]
    fn values_survive_both_codecs(value in value()) {
        for codec in [Codec::MsgPack, Codec::Json] {
            let body = codec.encode(&value).unwrap();
            prop_assert_eq!(&decode::<serde_json::Value>(codec, body).unwrap(), &value);
        }
    }

    #[test]
    fn what_we_write_passes_the_scan(value in value()) {
        let body = Codec::MsgPack.encode(&value).unwrap();
        prop_assert_eq!(check(&body), Ok(()));
        prop_assert_eq!(&Codec::MsgPack.encode(&Unsized(&value)).unwrap(), &body);
    }

    #[test]
    fn bytes_survive_every_codec(bytes: Vec<u8>) {
        for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
            let body = codec.encode(&bytes).unwrap();
            prop_assert_eq!(&decode::<Vec<u8>>(codec, body.clone()).unwrap(), &bytes);
            prop_assert_eq!(&decode::<bytes::Bytes>(codec, body).unwrap(), &bytes);
        }
    }

    #[test]
    fn our_json_is_what_serde_json_reads(value in value()) {
        let body = Codec::Json.encode(&value).unwrap();
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), value);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let passed = check(&bytes).is_ok();
        for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
            let _ = decode::<serde_json::Value>(codec, bytes.clone());
            let _ = decode::<std::collections::HashMap<String, Option<Vec<u8>>>>(codec, bytes.clone());
        }
        // What the scan lets through, the decoder reads to its end.
        let read = decode::<serde::de::IgnoredAny>(Codec::MsgPack, bytes);
        prop_assert_eq!(read.is_ok(), passed);
    }

    #[test]
    fn a_flipped_byte_never_panics(value in value(), at: prop::sample::Index, byte: u8) {
        let mut body = Codec::MsgPack.encode(&value).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = decode::<serde_json::Value>(Codec::MsgPack, body);
    }

    #[test]
    fn text_gives_every_string_back(text: String) {
        let body = Codec::Text.encode(&text).unwrap();
        prop_assert_eq!(&body, text.as_bytes());
        prop_assert_eq!(decode::<String>(Codec::Text, body).unwrap(), text);
    }
}
