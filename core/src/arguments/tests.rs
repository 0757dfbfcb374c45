//! How arguments find their parameters, in every codec.

use serde::{Serialize, de::DeserializeOwned};

use super::{Arguments, ArgumentsWriter};
use crate::codec::Codec;
use crate::error::{Code, Error, Executed};

const CODECS: [Codec; 3] = [Codec::MsgPack, Codec::Json, Codec::Text];

fn written(codec: Codec, arguments: &[(&str, serde_json::Value)]) -> Vec<u8> {
    let mut writer = ArgumentsWriter::new(codec, arguments.len());
    for (name, value) in arguments {
        writer.push(name, value).unwrap();
    }
    writer.finish().to_vec()
}

fn encoded(codec: Codec, value: impl Serialize) -> Vec<u8> {
    codec.encode(&value).unwrap()
}

fn taken<T: DeserializeOwned>(codec: Codec, body: &[u8], names: &[&str]) -> Result<T, Error> {
    Arguments::parse(codec, body, names)?.take(0)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, message: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.message(), message);
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.executed(), Executed::No);
}

#[test]
fn what_is_written_is_read() {
    let names = ["a", "b", "c"];
    let values = [
        ("a", serde_json::json!([1, 2])),
        ("b", serde_json::json!("30")),
        ("c", serde_json::json!(null)),
    ];
    for codec in CODECS {
        for count in 0..=3 {
            let body = written(codec, &values[..count]);
            let mut arguments = Arguments::parse(codec, &body, &names[..count]).unwrap();
            for (index, (_, value)) in values[..count].iter().enumerate() {
                assert_eq!(&arguments.take::<serde_json::Value>(index).unwrap(), value);
            }
        }
    }
}

#[test]
fn every_form_of_one_argument_is_read() {
    for codec in CODECS {
        for body in [
            encoded(codec, 30),
            encoded(codec, [30]),
            encoded(codec, serde_json::json!({"n": 30})),
        ] {
            assert_eq!(taken::<u64>(codec, &body, &["n"]).unwrap(), 30, "{codec:?}");
        }
        for list in [vec![], vec![1], vec![1, 2]] {
            for body in [
                encoded(codec, [&list]),
                encoded(codec, serde_json::json!({"n": list})),
                written(codec, &[("n", list.clone().into())]),
            ] {
                assert_eq!(taken::<Vec<u64>>(codec, &body, &["n"]).unwrap(), list);
            }
        }
    }
}

#[test]
fn no_parameters_have_four_forms() {
    for codec in CODECS {
        Arguments::parse(codec, b"", &[]).unwrap();
        for value in [
            serde_json::json!(null),
            serde_json::json!({}),
            serde_json::json!([]),
        ] {
            Arguments::parse(codec, &encoded(codec, value), &[]).unwrap();
        }
        refused(
            Arguments::parse(codec, &encoded(codec, 1), &[]),
            "the body is a bare value, but the method takes none; send a map of arguments by name",
        );
    }
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    for codec in [Codec::MsgPack, Codec::Json] {
        let body = encoded(codec, serde_json::json!({"count": 1, "dry_run": true}));
        refused(
            Arguments::parse(codec, &body, &["item", "count"]),
            "unknown argument `dry_run`; known: `item`, `count`",
        );
        refused(
            Arguments::parse(codec, &body, &[]),
            "unknown argument `count`; the method takes none",
        );
        refused(
            taken::<u64>(codec, &encoded(codec, serde_json::json!({"x": 1})), &["n"]),
            "unknown argument `x`; known: `n`",
        );
        refused(
            Arguments::parse(codec, &encoded(codec, [1, 2]), &["samples"]),
            "2 arguments by position, but the method takes only `samples`; an array that is one argument \
             travels in a map or in another array",
        );
        refused(
            Arguments::parse(codec, &encoded(codec, 1), &["a", "b"]),
            "the body is a bare value, but the method takes 2: `a`, `b`; send a map of arguments by name",
        );
        refused(
            taken::<u64>(codec, &encoded(codec, [(); 0]), &["n"]),
            "missing argument `n`",
        );
        let body = encoded(codec, serde_json::json!({"n": [1, "x"]}));
        refused(
            taken::<Vec<u64>>(codec, &body, &["n"]),
            "argument `n`: [1]: invalid type: string \"x\", expected u64",
        );
        refused(
            taken::<u64>(codec, &encoded(codec, ()), &["n"]),
            "argument `n`: invalid type: null, expected u64",
        );
    }
    refused(
        Arguments::parse(Codec::MsgPack, b"\x82\xa1n\x01\xa1n\x01", &["n"]),
        "argument `n` is there twice",
    );
    refused(
        Arguments::parse(Codec::Json, br#"{"n":1,"n":1}"#, &["n"]),
        "argument `n` is there twice",
    );
}

#[test]
fn absent_arguments_are_nil() {
    for codec in CODECS {
        let body = encoded(codec, serde_json::json!({"b": 1}));
        let mut arguments = Arguments::parse(codec, &body, &["a", "b"]).unwrap();
        assert_eq!(arguments.take::<Option<u8>>(0).unwrap(), None);
        assert_eq!(arguments.take::<Option<u8>>(1).unwrap(), Some(1));
        refused(arguments.take::<u8>(0), "missing argument `a`");
        refused(arguments.take::<u8>(2), "missing argument ``");
    }
    refused(
        taken::<u8>(Codec::Text, b"{}", &["n"]),
        "missing argument `n`",
    );
    assert_eq!(
        taken::<Option<u8>>(Codec::Text, b"{}", &["n"]).unwrap(),
        None
    );
    refused(
        taken::<u8>(Codec::Text, b"", &["n"]),
        "argument `n`: invalid type: null, expected u8",
    );
}

#[test]
fn a_string_takes_a_text_as_it_is() {
    for text in [
        "30",
        "",
        "[1,2]",
        r#"{"x":1}"#,
        "hello",
        "\"q\"",
        &"[".repeat(200),
    ] {
        assert_eq!(
            taken::<String>(Codec::Text, text.as_bytes(), &["s"]).unwrap(),
            text
        );
    }
    refused(
        taken::<u64>(Codec::Text, br#"{"x":1}"#, &["n"]),
        "unknown argument `x`; known: `n`",
    );
    refused(
        taken::<u64>(Codec::Text, b"thirty", &["n"]),
        "argument `n`: invalid type: string \"thirty\", expected u64",
    );
    refused(
        taken::<char>(Codec::Text, b"ab", &["c"]),
        "argument `c`: invalid value: string \"ab\", expected a character",
    );
    let mut arguments = Arguments::parse(Codec::Text, br#"{"x":1}"#, &["n"]).unwrap();
    for _ in 0..2 {
        refused(
            arguments.take::<Option<u64>>(0),
            "unknown argument `x`; known: `n`",
        );
    }
    assert!(taken::<serde_json::Value>(Codec::Text, "[".repeat(200).as_bytes(), &["s"]).is_err());
    assert!(Arguments::parse(Codec::Text, b"\xff", &["s"]).is_err());
    assert!(Arguments::parse(Codec::Text, b"\xff", &["a", "b"]).is_err());
}

#[test]
fn text_is_written_bare_where_it_can_be_read_back() {
    let text = |arguments: &[_]| String::from_utf8(written(Codec::Text, arguments)).unwrap();
    assert_eq!(text(&[]), "");
    assert_eq!(text(&[("n", 30.into())]), "30");
    assert_eq!(text(&[("n", "30".into())]), "30");
    assert_eq!(text(&[("n", serde_json::json!(null))]), "");
    assert_eq!(text(&[("n", serde_json::json!([1]))]), r#"{"n":[1]}"#);
    assert_eq!(
        text(&[("a", 1.into()), ("b", "x".into())]),
        r#"{"a":1,"b":"x"}"#
    );
}

#[test]
fn an_argument_that_cannot_be_written_is_named() {
    refused(
        ArgumentsWriter::new(Codec::Json, 1).push("n", &f64::NAN),
        "argument `n`: JSON has neither NaN nor infinity",
    );
    let deep = (0..64).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    refused(
        ArgumentsWriter::new(Codec::MsgPack, 1).push("n", &deep),
        "argument `n`: the value has no form on the wire: it is nested deeper than 64 levels",
    );
}

#[test]
fn hostile_bodies_are_refused_before_anything_is_taken() {
    for body in [
        &b"\xdf\xff\xff\xff\xff"[..],
        b"\xdd\xff\xff\xff\xff",
        b"\x81\xa1n",
        b"\x81\x01\x01",
        b"\x81\xa1n\x81\x01\x01",
        b"\x81\xa1n\x01\x01",
        b"\x81\xa1n\xd4\x00\x00",
        b"\x01\x01",
        b"\xc1",
        b"",
        &b"\x91".repeat(1_000_000),
        &b"\x81\xa1n".repeat(1_000_000),
    ] {
        assert!(
            Arguments::parse(Codec::MsgPack, body, &["n"]).is_err(),
            "{:x?}",
            &body[..body.len().min(9)]
        );
    }
}

proptest::proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        for codec in CODECS {
            for names in [&[][..], &["a"], &["a", "b"]] {
                if let Ok(mut arguments) = Arguments::parse(codec, &bytes, names) {
                    let _ = arguments.take::<serde_json::Value>(0);
                    let _ = arguments.take::<Option<String>>(1);
                }
            }
        }
    }
}

#[test]
fn named_arguments_are_one_map_in_every_codec() {
    let names = ["a", "b"];
    let wanted = encoded(Codec::MsgPack, serde_json::json!({"a": 1, "b": "x"}));
    for codec in CODECS {
        for body in [
            serde_json::json!({"a": 1, "b": "x"}),
            serde_json::json!([1, "x"]),
        ] {
            let body = encoded(codec, body).into();
            let named = Arguments::named(codec, &body, &names).unwrap();
            assert_eq!(
                Codec::MsgPack.decode::<serde_json::Value>(&named).unwrap(),
                Codec::MsgPack
                    .decode::<serde_json::Value>(&wanted.clone().into())
                    .unwrap(),
            );
        }
        let bare = encoded(codec, 30).into();
        let named = Arguments::named(codec, &bare, &["n"]).unwrap();
        let named = Codec::MsgPack.decode::<serde_json::Value>(&named).unwrap();
        assert_eq!(named, serde_json::json!({"n": 30}));
    }
    let body = encoded(Codec::MsgPack, serde_json::json!({"dry_run": true})).into();
    let outcome = Arguments::named(Codec::MsgPack, &body, &["n"]);
    refused(outcome, "unknown argument `dry_run`; known: `n`");
}
