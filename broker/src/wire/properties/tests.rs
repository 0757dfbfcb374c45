use amq_protocol::protocol::basic::{AMQPProperties, gen_properties, parse_properties};
use amq_protocol::types::{AMQPValue, DecimalValue, FieldArray};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn encoded(properties: &AMQPProperties) -> Bytes {
    gen_properties(properties)(Vec::new().into())
        .unwrap()
        .write
        .into()
}

fn decoded(properties: &Properties) -> AMQPProperties {
    let (rest, decoded) = parse_properties(&properties.raw()[..]).unwrap();
    assert!(rest.is_empty());
    decoded
}

fn value() -> impl Strategy<Value = AMQPValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(AMQPValue::Boolean),
        any::<i8>().prop_map(AMQPValue::ShortShortInt),
        any::<u8>().prop_map(AMQPValue::ShortShortUInt),
        any::<i16>().prop_map(AMQPValue::ShortInt),
        any::<u16>().prop_map(AMQPValue::ShortUInt),
        any::<i32>().prop_map(AMQPValue::LongInt),
        any::<u32>().prop_map(AMQPValue::LongUInt),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        any::<u64>().prop_map(AMQPValue::Timestamp),
        (-1e9f64..1e9).prop_map(AMQPValue::Double),
        (any::<u8>(), any::<u32>())
            .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
        vec(any::<u8>(), 0..20).prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        vec(any::<u8>(), 0..20).prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        Just(AMQPValue::Void),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4)
                .prop_map(|values| AMQPValue::FieldArray(FieldArray::from(values))),
            table_of(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

fn table_of(values: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    vec(("[a-zA-Z-]{0,8}", values), 0..5).prop_map(|entries| {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert(name.as_str().into(), value);
        }
        table
    })
}

prop_compose! {
    fn properties()(
        texts in vec(option::of("[ -~]{0,12}"), 10),
        headers in option::of(table_of(value())),
        octets in (option::of(any::<u8>()), option::of(any::<u8>())),
        timestamp in option::of(any::<u64>()),
    ) -> AMQPProperties {
        let mut properties = AMQPProperties::default();
        let mut texts = texts.into_iter().map(|text| text.map(Into::into));
        macro_rules! set {
            ($value:expr, $with:ident) => {
                if let Some(value) = $value {
                    properties = properties.$with(value);
                }
            };
        }
        set!(texts.next().flatten(), with_content_type);
        set!(texts.next().flatten(), with_content_encoding);
        set!(headers, with_headers);
        set!(octets.0, with_delivery_mode);
        set!(octets.1, with_priority);
        set!(texts.next().flatten(), with_correlation_id);
        set!(texts.next().flatten(), with_reply_to);
        set!(texts.next().flatten(), with_expiration);
        set!(texts.next().flatten(), with_message_id);
        set!(timestamp, with_timestamp);
        set!(texts.next().flatten(), with_type);
        set!(texts.next().flatten(), with_user_id);
        set!(texts.next().flatten(), with_app_id);
        set!(texts.next().flatten(), with_cluster_id);
        properties
    }
}

fn text(value: &Option<amq_protocol::types::ShortString>) -> Option<&str> {
    value.as_ref().map(|value| value.as_str())
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_sent(sent in properties()) {
        let raw = encoded(&sent);
        let read = Properties::parse(raw.clone()).unwrap();
        prop_assert_eq!(read.raw(), &raw);
        prop_assert_eq!(&read.headers(), sent.headers());
        prop_assert_eq!(read.has_headers(), sent.headers().is_some());
        prop_assert_eq!(read.reply_to(), text(sent.reply_to()));
        prop_assert_eq!(read.expiration(), text(sent.expiration()));
        prop_assert_eq!(read.user_id(), text(sent.user_id()));
        prop_assert_eq!(read.priority(), *sent.priority());
        prop_assert_eq!(read.delivery_mode(), *sent.delivery_mode());
        let names = sent.headers().iter().flat_map(|table| table.inner().keys());
        for name in names {
            prop_assert!(read.has_header(name.as_str()));
        }
        prop_assert!(!read.has_header("another"));
    }

    #[test]
    fn only_what_is_replaced_changes(sent in properties(), name in "[ -~]{0,300}", headers in table_of(value())) {
        let read = Properties::parse(encoded(&sent)).unwrap();
        let cut = &name[..name.len().min(255)];
        let wanted = sent.clone().with_reply_to(cut.into());
        prop_assert_eq!(decoded(&read.with_reply_to(&name)), wanted);
        let mut merged = sent.headers().clone().unwrap_or_default();
        for (name, value) in &headers {
            merged.insert(name.clone(), value.clone());
        }
        let replaced = read.with_headers(&headers);
        prop_assert_eq!(replaced.headers(), Some(merged.clone()));
        prop_assert_eq!(decoded(&replaced), sent.clone().with_headers(merged));
        for (name, value) in &headers {
            prop_assert_eq!(replaced.header(name.as_str()), Some(value.clone()));
            prop_assert_eq!(replaced.without_header(name.as_str()).header(name.as_str()), None);
        }
        let without = read.without_expiration();
        prop_assert_eq!(without.expiration(), None);
        if let Some(expiration) = sent.expiration() {
            let mut again = decoded(&without);
            prop_assert_eq!(again.expiration(), &None);
            again = again.with_expiration(expiration.clone());
            prop_assert_eq!(again, sent);
        } else {
            prop_assert_eq!(decoded(&without), sent);
        }
    }

    #[test]
    fn cut_off_or_followed_by_more_is_refused(sent in properties(), at in any::<prop::sample::Index>(), more in any::<u8>()) {
        let raw = encoded(&sent);
        let cut = raw.slice(..at.index(raw.len()));
        prop_assert!(Properties::parse(cut).is_err());
        let mut longer = raw.to_vec();
        longer.push(more);
        prop_assert!(Properties::parse(longer.into()).is_err());
    }

    #[test]
    fn anything_that_is_accepted_can_be_worked_with(flags in any::<u16>(), mut rest in vec(prop_oneof![0u8..8, any::<u8>(), Just(b'F'), Just(b'A')], 0..60)) {
        let mut raw = flags.to_be_bytes().to_vec();
        raw.append(&mut rest);
        if let Ok(properties) = Properties::parse(raw.into()) {
            prop_assert_eq!(properties.headers().is_some(), properties.has_headers());
            let changed = properties.with_reply_to("me").without_expiration();
            prop_assert_eq!(changed.reply_to(), Some("me"));
            prop_assert_eq!(changed.expiration(), None);
            prop_assert_eq!(changed.headers(), properties.headers());
        }
    }
}

/// The raw properties with nothing but headers, a table with these entries.
fn with_table(entries: &[u8]) -> Bytes {
    let mut raw = flag(HEADERS).to_be_bytes().to_vec();
    raw.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
    raw.extend(entries);
    raw.into()
}

#[test]
fn broken_tables_are_refused() {
    for entries in [
        &b"\x01aZ"[..],
        b"\x01a",
        b"\x09a",
        b"\x01aI\0",
        b"\x01aS\xff\xff\xff\xff",
        b"\x01aF\0\0\0\x09\x01b",
        b"\xff",
    ] {
        assert_eq!(
            Properties::parse(with_table(entries)).unwrap_err().code,
            502
        );
    }
    assert!(Properties::parse(with_table(b"\x01at\x01\0V")).is_ok());
}

#[test]
fn headers_that_cannot_be_read_are_passed_on() {
    let mut nested = Vec::new();
    for _ in 0..5_000 {
        let length = u32::try_from(nested.len()).unwrap();
        nested.splice(0..0, [&b"A"[..], &length.to_be_bytes()].concat());
    }
    let odd = [&b"\x04deep"[..], &nested, b"\x01\xffV"].concat();
    let entries = [&b"\x01zI\0\0\0\x07"[..], &odd].concat();
    let properties = Properties::parse(with_table(&entries)).unwrap();
    let mut readable = FieldTable::default();
    readable.insert("z".into(), AMQPValue::LongInt(7));
    assert_eq!(properties.headers(), Some(readable.clone()));
    assert_eq!(properties.header("z"), Some(AMQPValue::LongInt(7)));
    assert!(properties.has_header("deep"));
    assert_eq!(properties.header("deep"), None);
    readable.insert("a".into(), AMQPValue::Void);
    let changed = properties.without_header("z").with_headers(&readable);
    let sorted = [
        b"\x01aV",
        &odd[..odd.len() - 3],
        b"\x01zI\0\0\0\x07",
        b"\x01\xffV",
    ]
    .concat();
    assert_eq!(changed.raw(), &with_table(&sorted));
}

#[test]
fn flags_without_a_property_are_passed_on() {
    let properties = Properties::parse(Bytes::from_static(&[0, 3])).unwrap();
    assert_eq!(&properties.raw()[..], [0, 3]);
    assert_eq!(&properties.with_reply_to("x").raw()[..], [2, 3, 1, b'x']);
}

#[test]
fn what_is_no_text_is_nothing_known() {
    let properties = Properties::parse(Bytes::from_static(b"\x01\x00\x01\xff")).unwrap();
    assert_eq!(properties.expiration(), Some("\u{fffd}"));
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let name = "\u{e9}".repeat(200);
    let properties = Properties::default().with_reply_to(&name);
    assert_eq!(properties.reply_to().map(str::len), Some(254));
}
