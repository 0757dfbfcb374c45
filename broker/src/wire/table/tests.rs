//! What amq-protocol writes passes; what would break its parser does not.

use amq_protocol::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, parsing};
use proptest::prelude::*;

use super::*;

/// A table with its length in front.
fn framed(fields: &[u8]) -> Vec<u8> {
    let mut raw = (fields.len() as u32).to_be_bytes().to_vec();
    raw.extend(fields);
    raw
}

fn nested(levels: usize, letter: u8) -> Vec<u8> {
    let mut inner = framed(&[]);
    for level in 0..levels {
        // The outermost is a table, and its entries have names.
        let named = letter == b'F' || level + 1 == levels;
        let mut fields = if named { vec![1, b'a'] } else { Vec::new() };
        fields.push(letter);
        fields.extend(inner);
        inner = framed(&fields);
    }
    inner
}

fn encode(table: &FieldTable) -> Vec<u8> {
    use amq_protocol::frame::WriteContext;
    use amq_protocol::types::generation::gen_field_table;
    let context = WriteContext::from(Vec::new());
    gen_field_table(table)(context)
        .expect("memory")
        .into_inner()
        .0
}

#[test]
fn depth_is_limited_and_needs_no_stack() {
    assert_eq!(scan(&nested(31, b'F')), Ok(()));
    assert_eq!(scan(&nested(31, b'A')), Ok(()));
    for deep in [32, 33, 2000, 20_000] {
        assert_eq!(scan(&nested(deep, b'F')), Err(Broken::TooDeep), "{deep}");
        assert_eq!(scan(&nested(deep, b'A')), Err(Broken::TooDeep), "{deep}");
    }
}

#[test]
fn what_is_cut_or_unknown_is_malformed() {
    assert_eq!(scan(&framed(&[])), Ok(()));
    for fields in [
        &b"\x01a"[..],
        b"\x05ab",
        b"\x01a?",
        b"\x01aU\0\0",
        b"\x01aI\0\0\0",
        b"\x01aS\0\0\0\x05ab",
        b"\x01aF\0\0\0\x05",
        b"\x01\xffV",
        b"\x01aA\0\0\0\x01",
        b"\x01aF\xff\xff\xff\xff",
        b"\x01aS\xff\xff\xff\xff",
    ] {
        assert_eq!(scan(&framed(fields)), Err(Broken::Malformed), "{fields:?}");
    }
    assert_eq!(scan(&[0, 0, 0]), Err(Broken::Malformed));
    assert_eq!(scan(&[0, 0, 0, 1]), Err(Broken::Malformed));
    assert_eq!(scan(&[0, 0, 0, 0, 0]), Err(Broken::Malformed));
}

#[test]
fn an_inner_table_ends_inside_the_outer() {
    // The array says two bytes, its only value has three.
    let fields = b"\x01aA\0\0\0\x02s\0\0";
    assert_eq!(scan(&framed(fields)), Err(Broken::Malformed));
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
        any::<u64>().prop_map(AMQPValue::Timestamp),
        (any::<u8>(), any::<u32>())
            .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
        any::<String>().prop_map(|text| AMQPValue::LongString(text.into())),
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        Just(AMQPValue::Void),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8)
                .prop_map(|values| AMQPValue::FieldArray(FieldArray::from(values))),
            table_of(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

fn table_of(value: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    prop::collection::btree_map("[a-z-]{0,12}", value, 0..8).prop_map(|fields| {
        let mut table = FieldTable::default();
        for (name, value) in fields {
            table.insert(name.into(), value);
        }
        table
    })
}

proptest! {
    #[test]
    fn every_table_passes(table in table_of(value())) {
        prop_assert_eq!(scan(&encode(&table)), Ok(()));
    }

    #[test]
    fn what_passes_can_be_parsed(table in table_of(value()), at in any::<usize>(), byte in any::<u8>()) {
        let mut raw = encode(&table);
        let at = at % raw.len();
        raw[at] = byte;
        if scan(&raw).is_ok() {
            let (rest, _) = parsing::parse_field_table(raw.as_slice()).expect("a table");
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn no_bytes_break_it(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&raw);
        let _ = scan(&framed(&raw));
    }
}
