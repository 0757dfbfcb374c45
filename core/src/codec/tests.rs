//! What the codecs promise, over values chosen by hand; `shapes` has what they look like on the wire, `random`
//! those chosen by chance, `hostile` those chosen by an attacker.

mod hostile;
mod random;
mod shapes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Codec;
use crate::error::{Code, Error, Executed};

const CODECS: [Codec; 3] = [Codec::MsgPack, Codec::Json, Codec::Text];

fn decode<T: DeserializeOwned>(codec: Codec, body: impl Into<bytes::Bytes>) -> Result<T, Error> {
    codec.decode(&body.into())
}

#[track_caller]
fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    for codec in CODECS {
        let body = codec.encode(&value).unwrap();
        assert_eq!(decode::<T>(codec, body).unwrap(), value, "{codec:?}");
    }
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(codec: Codec, body: &[u8], message: &str) {
    let error = decode::<T>(codec, body.to_vec()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.executed(), Executed::No);
    assert_eq!(error.message(), message);
    assert!(std::error::Error::source(&error).is_some());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line(i32, i32),
    Box { width: u8, height: Option<u8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: Id,
    items: Vec<Item>,
    note: Option<String>,
    photo: Vec<u8>,
    #[serde(flatten)]
    extra: BTreeMap<String, i64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Id(u64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    name: String,
    price: f32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Level {
    Low,
    High,
}

/// What of it is a byte and what is not shows only in its values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Mixed {
    Small(u8),
    Word(String),
}

fn order() -> Order {
    Order {
        id: Id(7),
        items: vec![Item {
            name: "carrot".into(),
            price: 0.1,
        }],
        note: None,
        photo: vec![1, 2, 3, 255],
        extra: BTreeMap::from([("zone".into(), -1)]),
    }
}

#[test]
fn content_types_ignore_case_and_parameters() {
    let found = Codec::from_content_type;
    for codec in CODECS {
        assert_eq!(found(Some(codec.content_type())), Some(codec));
    }
    assert_eq!(
        found(Some("Application/JSON ; charset=x")),
        Some(Codec::Json)
    );
    assert_eq!(found(None), Some(Codec::Text));
    assert_eq!(found(Some("")), Some(Codec::Text));
    assert_eq!(found(Some("TEXT/html")), Some(Codec::Text));
    for unknown in [
        "text",
        "texte/x",
        "application/jsonx",
        "grüße",
        "téxt/plain",
    ] {
        assert_eq!(found(Some(unknown)), None, "{unknown}");
    }
}

#[test]
fn every_kind_of_value_survives_every_codec() {
    round_trips(());
    round_trips(Nothing);
    round_trips(true);
    round_trips([i64::MIN, -33, -32, -1, 0, 127, 128, i64::MAX]);
    round_trips([0, u64::from(u32::MAX) + 1, u64::MAX]);
    round_trips((0.1_f32, 0.1_f64, f64::MAX, -0.0_f64));
    round_trips('é');
    round_trips(String::new());
    round_trips("\u{1F955} \"30\"\n".to_owned());
    round_trips("30".to_owned());
    round_trips(Some(5));
    round_trips(None::<u8>);
    round_trips(Vec::<u8>::new());
    round_trips(vec![0_u8, 255]);
    round_trips([1_u8, 2]);
    round_trips(bytes::Bytes::from_static(b"carrot"));
    round_trips(BTreeSet::from([1_u8, 2]));
    round_trips((1, "two".to_owned(), [3.5]));
    round_trips([
        Shape::Empty,
        Shape::Circle(1.5),
        Shape::Line(1, -2),
        Shape::Box {
            width: 1,
            height: None,
        },
    ]);
    round_trips(Shape::Empty);
    round_trips(BTreeMap::from([('a', 1), ('b', 2)]));
    round_trips(BTreeMap::from([(Level::Low, 1), (Level::High, 2)]));
    round_trips(order());
    round_trips(std::net::IpAddr::from([127, 0, 0, 1]));
    round_trips(serde_json::json!({"a": [1, -1, 1.5, null, "x"], "b": {}}));
}

/// A limitation: the sender is not told, since `rmp-serde` writes them as any other 16 bytes.
#[test]
fn a_value_nests_as_deep_on_the_way_out_as_on_the_way_in() {
    fn nested(depth: usize) -> serde_json::Value {
        (0..depth).fold(serde_json::Value::Null, |inner, level| match level % 2 {
            0 => serde_json::json!([inner]),
            _ => serde_json::json!({ "a": inner }),
        })
    }
    round_trips(nested(64));
    for codec in CODECS {
        assert!(codec.encode(&nested(65)).is_err());
    }
}

#[test]
fn an_error_names_the_place_and_both_types() {
    for codec in [Codec::MsgPack, Codec::Json] {
        let body = |value| codec.encode::<serde_json::Value>(&value).unwrap();
        let item =
            serde_json::json!({"id": 1, "photo": [], "items": [{"name": "x", "price": "y"}]});
        refuses::<Order>(
            codec,
            &body(item),
            "items[0].price: invalid type: string \"y\", expected f32",
        );
        refuses::<Vec<Item>>(
            codec,
            &body(serde_json::json!([{"name": "x"}])),
            "[0]: missing field `price`",
        );
        refuses::<u64>(
            codec,
            &body(serde_json::json!("x")),
            "invalid type: string \"x\", expected u64",
        );
        refuses::<u64>(
            codec,
            &body(serde_json::json!(null)),
            "invalid type: null, expected u64",
        );
        refuses::<u8>(
            codec,
            &body(serde_json::json!(256)),
            "invalid value: integer `256`, expected u8",
        );
        refuses::<u8>(
            codec,
            &body(serde_json::json!(1.0)),
            "invalid type: floating point `1.0`, expected u8",
        );
        refuses::<Shape>(
            codec,
            &body(serde_json::json!({"Line": [1, true]})),
            "Line[1]: invalid type: boolean `true`, expected i32",
        );
        refuses::<Shape>(
            codec,
            &body(serde_json::json!("Dot")),
            "unknown variant `Dot`, expected one of `Empty`, `Circle`, `Line`, `Box`",
        );
        refuses::<(u8, u8)>(
            codec,
            &body(serde_json::json!([1, 2, 3])),
            "invalid length 3, expected 2 elements",
        );
        refuses::<HashMap<u8, u8>>(
            codec,
            &body(serde_json::json!({"300": 1})),
            "300: invalid type: string \"300\", expected u8",
        );
    }
}

#[test]
fn unknown_fields_are_passed_over_whatever_they_hold() {
    for codec in [Codec::MsgPack, Codec::Json] {
        let value = serde_json::json!({"name": "x", "more": [{"a": [1, {}]}, "y"], "price": 1});
        let item: Item = decode(codec, codec.encode(&value).unwrap()).unwrap();
        assert_eq!(item.price, 1.0);
    }
}

#[test]
fn json_must_be_one_text_and_nothing_else() {
    refuses::<u8>(
        Codec::Json,
        b"1 2",
        "the body cannot be read as JSON: trailing characters at line 1 column 3",
    );
    refuses::<u8>(
        Codec::Json,
        b"",
        "the body cannot be read as JSON: EOF while parsing a value at line 1 column 0",
    );
    assert!(decode::<String>(Codec::Json, vec![b'"', 0xff, b'"']).is_err());
    assert!(decode::<f64>(Codec::Json, "NaN").is_err());
    assert!(decode::<f64>(Codec::Json, "1e999").is_err());
    assert_eq!(
        decode::<f64>(Codec::Json, "18446744073709551616").unwrap(),
        18446744073709551616.0
    );
}

/// With serde_json's `arbitrary_precision` on anywhere in a program, numbers look like this to us.
#[test]
fn numbers_of_arbitrary_precision_are_numbers() {
    let shown = |digits| format!(r#"[{{"$serde_json::private::Number":"{digits}"}}]"#);
    assert_eq!(
        decode::<[u64; 1]>(Codec::Json, shown("18446744073709551615")).unwrap(),
        [u64::MAX]
    );
    assert_eq!(decode::<[i8; 1]>(Codec::Json, shown("-5")).unwrap(), [-5]);
    assert_eq!(
        decode::<[f64; 1]>(Codec::Json, shown("1e3")).unwrap(),
        [1000.0]
    );
    assert!(decode::<[f64; 1]>(Codec::Json, shown("1e999")).is_err());
}

#[test]
fn text_is_json_unless_it_is_not_or_a_string_is_wanted() {
    assert_eq!(decode::<u64>(Codec::Text, "30").unwrap(), 30);
    assert_eq!(decode::<String>(Codec::Text, "30").unwrap(), "30");
    assert_eq!(
        decode::<Option<String>>(Codec::Text, "30").unwrap(),
        Some("30".into())
    );
    assert_eq!(decode::<Option<u8>>(Codec::Text, "30").unwrap(), Some(30));
    assert_eq!(decode::<Option<String>>(Codec::Text, "").unwrap(), None);
    assert_eq!(decode::<String>(Codec::Text, "").unwrap(), "");
    decode::<()>(Codec::Text, "").unwrap();
    assert_eq!(decode::<Shape>(Codec::Text, "Empty").unwrap(), Shape::Empty);
    assert_eq!(
        decode::<serde_json::Value>(Codec::Text, "a b").unwrap(),
        "a b"
    );
    let deep = "[".repeat(100_000);
    assert_eq!(decode::<String>(Codec::Text, deep.clone()).unwrap(), deep);
    assert!(decode::<serde_json::Value>(Codec::Text, deep).is_err());
    assert!(decode::<String>(Codec::Text, vec![0xff]).is_err());
    assert_eq!(Codec::Text.encode(&vec![1_u8]).unwrap(), br#""AQ==""#);
    refuses::<u8>(Codec::Text, b"x", "invalid type: string \"x\", expected u8");
}

#[test]
fn what_is_said_of_a_long_value_is_short() {
    let long = Codec::Json.encode(&"\u{1}".repeat(100_000)).unwrap();
    let error = Codec::Json.decode::<u64>(&long.into()).unwrap_err();
    assert!(error.message().len() < 2_000, "{}", error.message().len());
    assert!(error.message().contains("invalid type: string"));
}
