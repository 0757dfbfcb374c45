//! What values look like on the wire, and which of them it does not have.

use std::collections::{BTreeMap, HashMap};

use super::{CODECS, Id, Mixed, Nothing, Shape, decode, order, refuses, round_trips};
use crate::codec::Codec;
use crate::error::{Code, Executed};

#[test]
fn both_codecs_have_one_shape() {
    assert_eq!(
        String::from_utf8(Codec::Json.encode(&order()).unwrap()).unwrap(),
        r#"{"id":7,"items":[{"name":"carrot","price":0.1}],"note":null,"photo":"AQID/w==","zone":-1}"#
    );
    let shapes = (Shape::Circle(2.0), Shape::Line(1, 2), (), Nothing);
    assert_eq!(
        Codec::Json.encode(&shapes).unwrap(),
        br#"[{"Circle":2.0},{"Line":[1,2]},null,[]]"#
    );
}

#[test]
fn bytes_are_binary_and_arrays_of_numbers_are_not() {
    assert_eq!(
        Codec::MsgPack.encode(&vec![1_u8, 2]).unwrap(),
        [0xc4, 2, 1, 2]
    );
    assert_eq!(
        Codec::MsgPack.encode(&[1_u8, 2][..]).unwrap(),
        [0xc4, 2, 1, 2]
    );
    let none = bytes::Bytes::new();
    assert_eq!(Codec::MsgPack.encode(&none).unwrap(), [0xc4, 0]);
    assert_eq!(Codec::MsgPack.encode(&Vec::<u8>::new()).unwrap(), [0x90]);
    assert_eq!(decode::<bytes::Bytes>(Codec::Json, "[]").unwrap(), none);
    assert_eq!(Codec::MsgPack.encode(&vec![Id(1)]).unwrap(), [0x91, 1]);
    assert_eq!(Codec::MsgPack.encode(&[1_u8, 2]).unwrap(), [0x92, 1, 2]);
    assert_eq!(Codec::MsgPack.encode(&Vec::<u16>::new()).unwrap(), [0x90]);

    assert_eq!(decode::<Vec<u8>>(Codec::Json, "[1,2]").unwrap(), [1, 2]);
    assert_eq!(decode::<Vec<u8>>(Codec::Text, "AQI=").unwrap(), [1, 2]);
    refuses::<Vec<u8>>(
        Codec::Json,
        br#""AQI""#,
        "invalid type: string \"AQI\", expected a sequence",
    );
    refuses::<bytes::Bytes>(
        Codec::Json,
        br#""AQI""#,
        "invalid value: string \"AQI\", expected base64",
    );
    refuses::<Vec<u64>>(
        Codec::MsgPack,
        &[0xc4, 1, 1],
        "[0]: invalid type: a byte of a byte string, expected u64",
    );
    refuses::<[u8; 2]>(
        Codec::MsgPack,
        &[0xc4, 3, 1, 2, 3],
        "invalid length 3, expected fewer bytes",
    );
}

#[test]
fn what_has_no_form_on_the_wire_is_refused_before_it_is_sent() {
    for codec in CODECS {
        for error in [
            codec.encode(&HashMap::from([(1, 2)])).unwrap_err(),
            codec.encode(&BTreeMap::from([(true, 2)])).unwrap_err(),
            codec.encode(&HashMap::from([((1, 2), 3)])).unwrap_err(),
            codec.encode(&HashMap::from([(vec![1_u8], 3)])).unwrap_err(),
            codec.encode(&vec![(); 1_000_001]).unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::InvalidArgument, "{codec:?}");
            assert_eq!(error.executed(), Executed::No, "{codec:?}");
        }
    }
    for codec in [Codec::Json, Codec::Text] {
        assert!(codec.encode(&f64::NAN).is_err());
        assert!(codec.encode(&vec![f32::INFINITY]).is_err());
    }
    let body = Codec::MsgPack.encode(&f64::INFINITY).unwrap();
    assert_eq!(decode::<f64>(Codec::MsgPack, body).unwrap(), f64::INFINITY);
}

#[test]
fn a_list_is_bytes_only_if_all_of_it_is() {
    round_trips(vec![Mixed::Small(1), Mixed::Small(2)]);
    round_trips(vec![Mixed::Small(1), Mixed::Word("x".into())]);
    round_trips(vec![Mixed::Word("x".into()), Mixed::Small(1)]);
    let mixed = ("before", vec![Mixed::Small(1), Mixed::Word("x".into())]);
    assert_eq!(
        Codec::MsgPack.encode(&mixed).unwrap(),
        b"\x92\xa6before\x92\x01\xa1x"
    );
}

#[test]
fn integers_of_128_bits_are_bytes_that_no_integer_is_read_from() {
    let body = Codec::MsgPack.encode(&[1_u128]).unwrap();
    assert_eq!(body[..3], [0x91, 0xc4, 16]);
    for codec in [Codec::MsgPack, Codec::Json] {
        refuses::<[u128; 1]>(
            codec,
            &codec.encode(&[1_u128]).unwrap(),
            "[0]: integers of 128 bits have no form on the wire; send 64 bits or a string",
        );
        let body = codec.encode(&[-1, i64::MAX]).unwrap();
        let read: [i128; 2] = decode(codec, body).unwrap();
        assert_eq!(read, [-1, i64::MAX.into()]);
    }
}

#[test]
fn a_variant_is_a_name_or_a_map_of_one() {
    for codec in [Codec::MsgPack, Codec::Json] {
        for body in [
            serde_json::json!(0),
            serde_json::json!(["Empty"]),
            serde_json::json!([["Circle"], 2.5]),
            serde_json::json!({}),
            serde_json::json!({"Empty": null, "Circle": 1}),
            serde_json::json!({"Empty": 1}),
            serde_json::json!("Circle"),
        ] {
            let body = codec.encode(&body).unwrap();
            assert!(decode::<Shape>(codec, body.clone()).is_err());
            assert!(decode::<(Shape, f64)>(codec, body).is_err());
        }
        let body = codec.encode(&serde_json::json!({"Empty": null})).unwrap();
        assert_eq!(decode::<Shape>(codec, body).unwrap(), Shape::Empty);
    }
}
