//! Domain errors there and back: what a foreign caller sees, and what the typed caller gets.

use leveret::{CallError, Code, DomainError, Error, MethodError};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, thiserror::Error, DomainError)]
enum ShopError {
    #[error("out of stock")]
    OutOfStock,
    #[error("no item {0:?}")]
    #[rpc(name = "not-found")]
    NotFound(String),
    #[error("{1} of {0} is too much")]
    TooMuch(String, u64),
    #[error("{field} is missing")]
    Missing {
        field: String,
        r#type: Option<String>,
        name: Vec<u16>,
    },
    #[error("nothing")]
    Nothing {},
    #[error("no one")]
    NoOne(),
    #[error("by code {0:?}")]
    Wrapped((u8, u8)),
    #[error("no bytes")]
    Bytes(Vec<u8>),
}

#[derive(Debug, PartialEq, thiserror::Error, DomainError)]
#[error("the shop is closed until {until}")]
#[rpc(name = "closed")]
struct Closed {
    until: String,
}

fn round_trip(error: ShopError) {
    let wire = error.clone().into_error();
    assert_eq!(wire.code(), Code::Application);
    assert_eq!(wire.message(), error.to_string());
    match ShopError::from_error(wire) {
        CallError::Domain(back) => assert_eq!(back, error),
        CallError::Rpc(wire) => panic!("{error:?} came back as {wire:?}"),
    }
}

#[test]
fn every_shape_comes_back() {
    round_trip(ShopError::OutOfStock);
    round_trip(ShopError::NotFound("carrot".into()));
    round_trip(ShopError::TooMuch("carrot".into(), u64::MAX));
    round_trip(ShopError::Missing {
        field: "x".into(),
        r#type: None,
        name: vec![0, 999],
    });
    round_trip(ShopError::Nothing {});
    round_trip(ShopError::NoOne());
    round_trip(ShopError::Wrapped((1, 2)));
    round_trip(ShopError::Bytes(vec![0, 255]));
}

#[test]
fn foreign_callers_see_names_and_plain_details() {
    let seen = |error: ShopError| {
        let error = error.into_error();
        (error.name().unwrap().to_owned(), error.details::<Value>())
    };
    assert_eq!(seen(ShopError::OutOfStock), ("OutOfStock".into(), None));
    let (name, details) = seen(ShopError::NotFound("carrot".into()));
    assert_eq!(
        (name.as_str(), details),
        ("not-found", Some(json!("carrot")))
    );
    let (_, details) = seen(ShopError::TooMuch("carrot".into(), 7));
    assert_eq!(details, Some(json!(["carrot", 7])));
    let (_, details) = seen(ShopError::Missing {
        field: "x".into(),
        r#type: Some("y".into()),
        name: vec![],
    });
    assert_eq!(details.unwrap()["type"], json!("y"));
}

#[test]
fn a_struct_is_one_error() {
    let error = Closed {
        until: "9:00".into(),
    }
    .into_error();
    assert_eq!(error.name(), Some("closed"));
    assert_eq!(error.message(), "the shop is closed until 9:00");
    let CallError::Domain(back) = Closed::from_error(error) else {
        panic!("not recognized");
    };
    assert_eq!(back.until, "9:00");
}

/// An error as another program may have made it.
fn foreign(name: &'static str, details: &Value) -> CallError<ShopError> {
    let error = Error::new(Code::Application, "whatever").with_name(name);
    ShopError::from_error(error.with_details(details).unwrap())
}

#[test]
fn details_of_a_newer_peer_are_understood() {
    let newer = json!({"field": "x", "name": [7], "since": 2, "more": {"deep": []}});
    match foreign("Missing", &newer) {
        CallError::Domain(ShopError::Missing { field, r#type, .. }) => {
            assert_eq!((field.as_str(), r#type), ("x", None));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        foreign("OutOfStock", &json!({"left": 0})),
        CallError::Domain(ShopError::OutOfStock)
    ));
}

/// Looked for one by one among each other they would take minutes.
#[test]
fn details_with_very_many_fields_are_read_all_the_same() {
    // They come before the known ones.
    let more = (0..450_000).map(|n| (format!("a{n:06}"), json!(0)));
    let known = [("field", json!("x")), ("name", json!([7]))];
    let many: serde_json::Map<_, _> = known
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(more)
        .collect();
    assert!(matches!(
        foreign("Missing", &Value::Object(many)),
        CallError::Domain(ShopError::Missing { .. })
    ));
}

#[test]
fn what_does_not_fit_stays_an_rpc_error() {
    for (name, details) in [
        ("Unheard", json!(null)),
        ("not-found", json!(7)),
        ("NotFound", json!("carrot")),
        ("TooMuch", json!(["carrot"])),
        ("TooMuch", json!(["carrot", 7, 8])),
        ("Missing", json!({"type": "y"})),
        ("Missing", json!(["x"])),
    ] {
        match foreign(name, &details) {
            CallError::Rpc(error) => {
                assert_eq!(error.name(), Some(name));
                assert_eq!(error.message(), "whatever");
            }
            CallError::Domain(domain) => panic!("{name} {details} was read as {domain:?}"),
        }
    }
    let named = Error::new(Code::Internal, "broken").with_name("OutOfStock");
    assert!(matches!(ShopError::from_error(named), CallError::Rpc(_)));
}
