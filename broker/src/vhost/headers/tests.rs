use amq_protocol::types::{DecimalValue, FieldArray};

use super::*;

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn int(value: i32) -> AMQPValue {
    AMQPValue::LongInt(value)
}

fn array(values: Vec<AMQPValue>) -> AMQPValue {
    AMQPValue::FieldArray(FieldArray::from(values))
}

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn matches(arguments: &[(&str, AMQPValue)], headers: &[(&str, AMQPValue)]) -> bool {
    Pattern::new(&table(arguments)).matches(Some(&table(headers)))
}

#[test]
fn all_or_any_headers_match() {
    let wanted = |mode| [("x-match", text(mode)), ("a", int(1)), ("b", int(2))];
    assert!(matches(
        &wanted("all"),
        &[("a", int(1)), ("b", int(2)), ("c", int(3))]
    ));
    assert!(!matches(&wanted("all"), &[("a", int(1))]));
    assert!(
        !matches(&wanted("all")[1..], &[("a", int(1))]),
        "all is the default"
    );
    assert!(matches(&wanted("any"), &[("b", int(2))]));
    assert!(!matches(&wanted("any"), &[("b", int(1))]));
    assert!(matches(&[], &[]) && matches(&[], &[("a", int(1))]));
    assert!(Pattern::new(&table(&[])).matches(None));
    assert!(!matches(&[("x-match", text("any"))], &[("a", int(1))]));
}

#[test]
fn headers_with_x_count_only_where_asked_for() {
    let wanted = |mode| [("x-match", text(mode)), ("x-a", int(1))];
    assert!(matches(&wanted("all"), &[("x-a", int(2))]));
    assert!(!matches(&wanted("any"), &[("x-a", int(1))]));
    for mode in ["all-with-x", "any-with-x"] {
        assert!(matches(&wanted(mode), &[("x-a", int(1))]));
        assert!(!matches(&wanted(mode), &[("x-a", int(2))]));
    }
    assert!(matches(
        &[("x-match", text("all-with-x"))],
        &[("x-match", text("?"))]
    ));
}

/// Each pair was tried on RabbitMQ 3.10.8.
#[test]
fn values_are_equal_as_in_rabbitmq() {
    let decimal = |value| AMQPValue::DecimalValue(DecimalValue { scale: 1, value });
    let bytes = |value: &[u8]| AMQPValue::ByteArray(value.to_vec().into());
    let empty = || AMQPValue::FieldTable(FieldTable::default());
    let of = |entries: &[_]| AMQPValue::FieldTable(table(entries));
    for (wanted, sent, equal) in [
        (int(1), AMQPValue::LongLongInt(1), true),
        (int(1), AMQPValue::LongLongInt(1 << 40), false),
        (int(5), AMQPValue::Timestamp(5), true),
        (int(5), AMQPValue::Double(5.0), true),
        (int(5), AMQPValue::Double(5.5), false),
        (AMQPValue::Float(5.0), int(5), true),
        (
            AMQPValue::LongLongInt((1 << 53) + 1),
            AMQPValue::Double(9_007_199_254_740_992.0),
            false,
        ),
        (decimal(15), AMQPValue::Double(1.5), false),
        (array(vec![text("x")]), text("x"), false),
        (empty(), array(vec![]), true),
        (
            of(&[("k", int(1))]),
            of(&[("k", AMQPValue::LongLongInt(1))]),
            false,
        ),
        (int(5), text("5"), false),
        (bytes(b"x"), text("x"), true),
        (text(""), bytes(b""), true),
        (AMQPValue::Void, text("x"), true),
        (text("x"), AMQPValue::Void, false),
        (AMQPValue::Boolean(true), int(1), false),
        (AMQPValue::Boolean(true), AMQPValue::Boolean(true), true),
        (decimal(15), decimal(15), true),
        (decimal(15), decimal(16), false),
        (array(vec![]), empty(), true),
        (array(vec![]), text(""), false),
        (array(vec![int(1)]), array(vec![int(1)]), true),
        (
            array(vec![int(1)]),
            array(vec![AMQPValue::LongLongInt(1)]),
            false,
        ),
        (array(vec![text("x")]), array(vec![bytes(b"x")]), false),
        (of(&[("k", int(1))]), of(&[("k", int(1))]), true),
        (
            of(&[("k", int(1))]),
            of(&[("k", int(1)), ("l", int(2))]),
            false,
        ),
    ] {
        let arguments = [("a", wanted)];
        let headers = [("a", sent)];
        assert_eq!(
            matches(&arguments, &headers),
            equal,
            "{arguments:?} {headers:?}"
        );
    }
    assert!(!matches(&[("a", AMQPValue::Void)], &[]));
}

#[test]
fn a_mode_is_checked_when_something_is_bound() {
    for mode in ["all", "any", "all-with-x", "any-with-x"] {
        assert!(check(&table(&[("x-match", text(mode))])).is_ok());
    }
    assert!(check(&table(&[])).is_ok());
    let refused = |value| check(&table(&[("x-match", value)])).unwrap_err().text;
    assert_eq!(
        refused(text("foo")),
        "PRECONDITION_FAILED - Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x"
    );
    assert_eq!(
        refused(array(vec![int(1), text("a")])),
        "PRECONDITION_FAILED - Invalid x-match field type array (value [{signedint,1},{longstr,<<\"a\">>}]); expected longstr"
    );
}
