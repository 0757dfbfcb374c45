use amq_protocol::types::{DecimalValue, FieldTable};

use super::*;

fn string(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

#[test]
fn terms_are_printed_as_erlang_does() {
    let mut table = FieldTable::default();
    table.insert("a".into(), AMQPValue::Boolean(true));
    let cases = [
        (AMQPValue::LongInt(-5), "-5"),
        (AMQPValue::Timestamp(u64::MAX), "18446744073709551615"),
        (AMQPValue::Double(1.0), "1.0"),
        (AMQPValue::Double(1e20), "1.0e20"),
        (AMQPValue::Float(0.5), "0.5"),
        (AMQPValue::Void, "undefined"),
        (
            AMQPValue::DecimalValue(DecimalValue {
                scale: 1,
                value: 15,
            }),
            "{1,15}",
        ),
        (string(""), "<<>>"),
        (string("a\"\\\n"), r#"<<"a\"\\\n">>"#),
        (string("\u{e9}"), "<<\"\u{e9}\">>"),
        (AMQPValue::ByteArray(vec![0, 255].into()), "<<0,255>>"),
        (AMQPValue::FieldArray(Vec::new().into()), "[]"),
        (
            AMQPValue::FieldArray(vec![AMQPValue::LongInt(1), string("a")].into()),
            "[{signedint,1},{longstr,<<\"a\">>}]",
        ),
        (AMQPValue::FieldTable(table), "[{<<\"a\">>,bool,true}]"),
    ];
    for (value, printed) in cases {
        assert_eq!(term(&value), printed);
    }
}

#[test]
fn lists_of_characters_are_quoted_where_they_can_be_read() {
    assert_eq!(text(""), "[]");
    assert_eq!(text("a\"b"), r#""a\"b""#);
    assert_eq!(text("a\u{1}"), "[97,1]");
}

#[test]
fn a_pair_breaks_before_the_eightieth_column() {
    assert_eq!(pair(&"x".repeat(73), "a", "12"), "{a,12}");
    let broken = format!("{{a,\n{}12}}", " ".repeat(75));
    assert_eq!(pair(&"x".repeat(74), "a", "12"), broken);
}

#[test]
fn floats_are_as_short_as_erlang_makes_them() {
    let cases: &[(f64, &str)] = &[
        (1.0, "1.0"),
        (5.0, "5.0"),
        (10.0, "10.0"),
        (100.0, "100.0"),
        (1000.0, "1.0e3"),
        (10000.0, "1.0e4"),
        (123000.0, "1.23e5"),
        (1234567.0, "1234567.0"),
        (0.1, "0.1"),
        (0.5, "0.5"),
        (0.05, "0.05"),
        (0.01, "0.01"),
        (0.001, "0.001"),
        (0.0001, "0.0001"),
        (0.00001, "1.0e-5"),
        (0.000123, "1.23e-4"),
        (1.0e15, "1.0e15"),
        (1.0e16, "1.0e16"),
        (1.0e20, "1.0e20"),
        (1.5e300, "1.5e300"),
        (-2.5, "-2.5"),
        (-1000.0, "-1.0e3"),
        (123456789.0, "123456789.0"),
        (1.2345678901234567e19, "1.2345678901234567e19"),
        (0.10000000149011612, "0.10000000149011612"),
        (1.0e-7, "1.0e-7"),
        (12.5, "12.5"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (5e-324, "5.0e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (120.0, "120.0"),
        (1200.0, "1.2e3"),
        (12000.0, "1.2e4"),
        (120000.0, "1.2e5"),
    ];
    for (value, printed) in cases {
        assert_eq!(term(&AMQPValue::Double(*value)), *printed);
    }
}

#[test]
fn binaries_are_strings_where_they_can_be() {
    assert_eq!(numbers(b"ab"), "<<97,98>>");
    for (bytes, printed) in [
        (&b""[..], "<<>>"),
        (b"ab\"\\\n", r#"<<"ab\"\\\n">>"#),
        (&[0, 1, 200], "<<0,1,200>>"),
        (&[200], "<<\"\u{c8}\">>"),
        ("\u{e9}".as_bytes(), "<<\"\u{e9}\">>"),
    ] {
        assert_eq!(binary(bytes), printed);
    }
}

#[test]
fn a_tuple_breaks_at_eighty_columns() {
    let column = |n| "x".repeat(n);
    let atom = "invalid_frame_end_marker";
    assert_eq!(pair(&column(51), atom, "0"), "{invalid_frame_end_marker,0}");
    let broken = format!("{{invalid_frame_end_marker,\n{}0}}", " ".repeat(53));
    assert_eq!(pair(&column(52), atom, "0"), broken);
}
