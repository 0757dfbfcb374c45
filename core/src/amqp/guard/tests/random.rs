//! Headers chosen by chance, with lapin's own generator and parser for comparison.

use lapin::protocol::basic::AMQPProperties;
use lapin::protocol::parse_class;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, ShortString};
use proptest::prelude::*;

use super::super::content::check;
use super::{body, deliver, frame, header, header_of, lapin_accepts, read};

fn short() -> impl Strategy<Value = ShortString> {
    ".{0,30}".prop_map(ShortString::from)
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
        any::<f32>().prop_map(AMQPValue::Float),
        any::<f64>().prop_map(AMQPValue::Double),
        any::<(u8, u32)>()
            .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
        any::<Vec<u8>>().prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        any::<Vec<u8>>().prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        any::<u64>().prop_map(AMQPValue::Timestamp),
        Just(AMQPValue::Void),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| AMQPValue::FieldArray(FieldArray::from(items))),
            table(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

fn table(value: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    prop::collection::vec((short(), value), 0..6).prop_map(|entries| {
        let mut table = FieldTable::default();
        for (key, value) in entries {
            table.insert(key, value);
        }
        table
    })
}

prop_compose! {
    fn properties()(
        texts in prop::collection::vec(prop::option::of(short()), 9),
        headers in prop::option::of(table(value())),
        (mode, priority, timestamp) in any::<(Option<u8>, Option<u8>, Option<u64>)>(),
    ) -> AMQPProperties {
        let mut properties = AMQPProperties::default();
        let with: [fn(AMQPProperties, ShortString) -> AMQPProperties; 9] = [
            AMQPProperties::with_content_type,
            AMQPProperties::with_content_encoding,
            AMQPProperties::with_correlation_id,
            AMQPProperties::with_reply_to,
            AMQPProperties::with_expiration,
            AMQPProperties::with_message_id,
            AMQPProperties::with_type,
            AMQPProperties::with_user_id,
            AMQPProperties::with_app_id,
        ];
        for (text, with) in texts.into_iter().zip(with) {
            if let Some(text) = text {
                properties = with(properties, text);
            }
        }
        if let Some(headers) = headers {
            properties = properties.with_headers(headers);
        }
        if let Some(mode) = mode {
            properties = properties.with_delivery_mode(mode);
        }
        if let Some(priority) = priority {
            properties = properties.with_priority(priority);
        }
        if let Some(timestamp) = timestamp {
            properties = properties.with_timestamp(timestamp);
        }
        properties
    }
}

/// The stream in pieces of these lengths, over and over.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
        if stream.is_empty() {
            break;
        }
    }
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..200, 1..8)
}

proptest! {
    #[test]
    fn what_lapin_writes_passes_untouched(
        messages in prop::collection::vec((".{0,40}", properties()), 1..6),
        lengths in lengths(),
        room in 1_usize..3_000,
    ) {
        let stream: Vec<u8> = messages
            .iter()
            .flat_map(|(key, properties)| [deliver(key), header_of(properties), body()].concat())
            .collect();
        prop_assert_eq!(read(pieces(&stream, &lengths), room), stream);
    }

    #[test]
    fn the_guard_and_lapin_agree_on_damaged_headers(
        properties in properties(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let frame = header_of(&properties);
        let mut payload = frame[7..frame.len() - 1].to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len()));
        }
        prop_assert_eq!(check(&payload).is_ok(), lapin_accepts(&payload));
    }

    #[test]
    fn lapin_can_read_whatever_comes_out(
        flags: u16,
        noise in prop::collection::vec(
            prop_oneof![any::<u8>(), 0_u8..8, prop::sample::select(&b"FASVtx"[..])],
            0..300,
        ),
    ) {
        let out = read([&header(flags, &noise)[..]], 1_000);
        prop_assert!(lapin_accepts(&out[7..out.len() - 1]));
    }

    #[test]
    fn lapin_can_read_any_text_of_a_delivery(texts: [Vec<u8>; 3]) {
        let short = |text: &[u8]| {
            let text = &text[..text.len().min(255)];
            [&[u8::try_from(text.len()).unwrap()], text].concat()
        };
        let [tag, exchange, key] = [0, 1, 2].map(|n| short(&texts[n]));
        let (code, number) = (&[1, 56][..], &[200; 9][..]);
        for payload in [
            [&b"\0\x3C\0\x3C"[..], &tag, number, &exchange, &key].concat(),
            [&b"\0\x3C\0\x32"[..], code, &tag, &exchange, &key].concat(),
            [&b"\0\x3C\0\x47"[..], number, &exchange, &key, &[0; 4]].concat(),
            [&b"\0\x14\0\x28"[..], code, &tag, &[0; 4]].concat(),
            [&b"\0\x0A\0\x32"[..], code, &tag, &[0; 4]].concat(),
        ] {
            let stream = frame(1, &payload);
            let out = read([&stream[..]], 1_000);
            prop_assert_eq!(out.len(), stream.len());
            let parsed = parse_class(&out[7..out.len() - 1]);
            prop_assert!(parsed.is_ok_and(|(rest, _)| rest.is_empty()));
        }
    }
}
