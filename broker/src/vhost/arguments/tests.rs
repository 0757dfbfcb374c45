use amq_protocol::types::{FieldArray, LongString};

use super::*;

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn int(value: i32) -> AMQPValue {
    AMQPValue::LongInt(value)
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn classic<const N: usize>(entries: [(&str, AMQPValue); N]) -> Result<QueueArguments, Refusal> {
    parse(&table(entries), "/", "q", false, true, false)
}

fn quorum<const N: usize>(entries: [(&str, AMQPValue); N]) -> Result<QueueArguments, Refusal> {
    let mut table = table(entries);
    table.insert(checks::QUEUE_TYPE.into(), text("quorum"));
    parse(&table, "/", "q", true, false, false)
}

/// The text of a 406 without what all of them begin with.
fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code, 406);
    refusal.text.replace("PRECONDITION_FAILED - ", "")
}

#[test]
fn values_are_refused_with_rabbitmqs_texts() {
    let cases = [
        (
            "x-queue-type",
            text("foo"),
            r#""unsupported queue type 'foo'""#,
        ),
        ("x-queue-type", int(5), "{unacceptable_type,signedint}"),
        ("x-expires", int(0), "{value_zero,0}"),
        ("x-expires", int(-1), "{value_negative,-1}"),
        ("x-expires", text("5"), r#""expected integer, got longstr""#),
        (
            "x-expires",
            AMQPValue::LongLongInt(315_360_000_001),
            "{value_too_large,315360000001}",
        ),
        ("x-message-ttl", int(-1), "{value_negative,-1}"),
        (
            "x-message-ttl",
            AMQPValue::Boolean(true),
            r#""expected integer, got bool""#,
        ),
        (
            "x-dead-letter-routing-key",
            text("a"),
            "routing_key_but_no_dlx_defined",
        ),
        (
            "x-dead-letter-routing-key",
            int(5),
            "{unacceptable_type,signedint}",
        ),
        ("x-max-length", int(-5), "{value_negative,-5}"),
        (
            "x-max-length",
            AMQPValue::Void,
            r#""expected integer, got void""#,
        ),
        (
            "x-max-length",
            AMQPValue::Timestamp(5),
            r#""expected integer, got timestamp""#,
        ),
        (
            "x-max-length-bytes",
            text("a"),
            r#""expected integer, got longstr""#,
        ),
        ("x-max-priority", int(256), "{max_value_exceeded,256}"),
        ("x-max-priority", int(-1), "{value_negative,-1}"),
        ("x-overflow", text("foo"), "invalid_overflow"),
        ("x-overflow", int(5), "{unacceptable_type,signedint}"),
        (
            "x-queue-mode",
            text("foo"),
            r#""unsupported queue mode 'foo'""#,
        ),
        (
            "x-queue-mode",
            text("a\"b\n"),
            r#""unsupported queue mode 'a\"b\n'""#,
        ),
        (
            "x-queue-version",
            int(3),
            r#""unsupported queue version '3'""#,
        ),
        (
            "x-single-active-consumer",
            int(1),
            "{unacceptable_type,signedint}",
        ),
    ];
    for (name, value, why) in cases {
        let expected = format!("invalid arg '{name}' for queue 'q' in vhost '/': {why}");
        assert_eq!(refused(classic([(name, value)])), expected);
    }
    assert_eq!(
        refused(classic([
            ("x-dead-letter-exchange", int(5)),
            ("x-expires", int(0))
        ])),
        "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"
    );
    assert_eq!(
        refused(classic([
            ("x-overflow", text("?")),
            ("x-max-length", int(-1))
        ])),
        "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}"
    );
}

#[test]
fn each_type_of_queue_refuses_the_arguments_of_others() {
    for name in [
        "x-delivery-limit",
        "x-max-age",
        "x-dead-letter-strategy",
        "x-queue-leader-locator",
        "x-quorum-initial-group-size",
        "x-max-in-memory-length",
    ] {
        let expected = format!(
            "invalid arg '{name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
        );
        assert_eq!(refused(classic([(name, int(1))])), expected);
    }
    for name in [
        "x-max-priority",
        "x-queue-mode",
        "x-queue-version",
        "x-queue-master-locator",
    ] {
        let expected = format!(
            "invalid arg '{name}' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue"
        );
        assert_eq!(refused(quorum([(name, text("?"))])), expected);
    }
    assert!(classic([("x-queue-master-locator", text("?")), ("own", int(1))]).is_ok());
}

#[test]
fn quorum_queues_are_checked_as_such() {
    let invalid = |name, value| refused(quorum([(name, value)]));
    assert_eq!(
        invalid("x-queue-leader-locator", text("foo")),
        "invalid arg 'x-queue-leader-locator' for queue 'q' in vhost '/': invalid_queue_locator_arg"
    );
    assert_eq!(
        invalid("x-quorum-initial-group-size", int(0)),
        "invalid arg 'x-quorum-initial-group-size' for queue 'q' in vhost '/': {value_zero,0}"
    );
    assert_eq!(
        invalid("x-dead-letter-strategy", text("foo")),
        "invalid arg 'x-dead-letter-strategy' for queue 'q' in vhost '/': invalid_dlx_strategy"
    );
    assert_eq!(
        quorum([("x-delivery-limit", text("a"))])
            .unwrap()
            .delivery_limit,
        None
    );
    assert_eq!(
        quorum([("x-delivery-limit", int(-5))])
            .unwrap()
            .delivery_limit,
        None
    );
    assert_eq!(
        quorum([("x-delivery-limit", int(5))])
            .unwrap()
            .delivery_limit,
        Some(5)
    );
    let kind = table([(checks::QUEUE_TYPE, text("quorum"))]);
    for (durable, exclusive, auto_delete, property) in [
        (true, false, true, "auto-delete"),
        (false, true, true, "auto-delete"),
        (false, true, false, "exclusive-owner"),
        (false, false, false, "non-durable"),
    ] {
        let result = parse(&kind, "/", "q", durable, exclusive, auto_delete);
        let expected = format!("invalid property '{property}' for queue 'q' in vhost '/'");
        assert_eq!(refused(result), expected);
    }
    assert_eq!(
        refused(parse(&kind, "/", "", false, false, false)),
        "Cannot declare a server-named queue for type rabbit_quorum_queue"
    );
    assert!(parse(&FieldTable::default(), "/", "", false, true, false).is_ok());
    let stream = classic([(checks::QUEUE_TYPE, text("stream"))]).unwrap_err();
    assert_eq!(stream.code, 540);
}

#[test]
fn arguments_mean_what_they_say() {
    let meant = classic([
        ("x-expires", int(1)),
        ("x-message-ttl", AMQPValue::ShortShortUInt(0)),
        ("x-max-length", AMQPValue::LongUInt(3)),
        ("x-max-length-bytes", AMQPValue::LongLongInt(i64::MAX)),
        ("x-overflow", text("reject-publish-dlx")),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("k")),
        ("x-max-priority", int(255)),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
    ]);
    let expected = QueueArguments {
        expires: Some(Duration::from_millis(1)),
        message_ttl: Some(Duration::ZERO),
        max_length: Some(3),
        max_bytes: Some(i64::MAX as u64),
        overflow: Overflow::RejectPublishDlx,
        dead_letter_exchange: Some("".into()),
        dead_letter_routing_key: Some("k".into()),
        dead_letters_at_least_once: false,
        max_priority: Some(255),
        single_active_consumer: true,
        delivery_limit: None,
        quorum: false,
    };
    assert_eq!(meant.unwrap(), expected);
    assert_eq!(classic([]).unwrap(), QueueArguments::default());
    assert!(quorum([]).unwrap().quorum);
}

#[test]
fn consumers_have_a_priority() {
    let of = |name, value, quorum| consumer_priority(&table([(name, value)]), "/", "q", quorum);
    assert_eq!(
        of("x-priority", AMQPValue::LongLongInt(1 << 40), false).unwrap(),
        1 << 40
    );
    assert_eq!(of("x-priority", int(-3), true).unwrap(), -3);
    assert_eq!(of("other", int(1), false).unwrap(), 0);
    assert_eq!(
        refused(of("x-priority", text("a"), false)),
        "invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\""
    );
    assert_eq!(
        refused(of("x-cancel-on-ha-failover", int(5), false)),
        "invalid arg 'x-cancel-on-ha-failover' for queue 'q' in vhost '/': {unacceptable_type,signedint}"
    );
    assert_eq!(
        refused(of("x-cancel-on-ha-failover", int(5), true)),
        "invalid arg 'x-cancel-on-ha-failover' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue"
    );
    assert_eq!(
        refused(of("x-stream-offset", text("first"), false)),
        "invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
    );
}

fn compared<const N: usize, const M: usize>(
    current: [(&str, AMQPValue); N],
    wanted: [(&str, AMQPValue); M],
) -> Result<(), Refusal> {
    let declared = |arguments| Declared {
        arguments,
        ..Declared::default()
    };
    equivalent(
        "/",
        "q",
        &declared(table(current)),
        &declared(table(wanted)),
    )
}

#[test]
fn a_queue_declared_again_is_compared() {
    let long = AMQPValue::LongLongInt;
    assert!(compared([("x-expires", int(5))], [("x-expires", long(5))]).is_ok());
    assert!(compared([("own", int(1))], [("own", int(2))]).is_ok());
    assert!(compared([(checks::QUEUE_TYPE, text("classic"))], []).is_ok());
    assert!(compared([], [(checks::QUEUE_TYPE, text("classic"))]).is_ok());
    let one = || AMQPValue::FieldArray(FieldArray::from(vec![int(1), text("a")]));
    let name = "x-max-length";
    let cases = [
        (
            compared([(name, int(5))], []),
            "none but current is the value '5' of type 'signedint'",
        ),
        (
            compared([], [(name, int(5))]),
            "the value '5' of type 'signedint' but current is none",
        ),
        (
            compared([(name, int(5))], [(name, long(6))]),
            "'6' but current is '5'",
        ),
        (
            compared([(name, int(5))], [(name, text("5"))]),
            "'5' but current is '5'",
        ),
        (
            compared([(name, int(5))], [(name, AMQPValue::Double(5.0))]),
            "'5.0' but current is '5'",
        ),
        (
            compared([(name, int(5))], [(name, one())]),
            "'[{signedint,1},{longstr,<<\"a\">>}]' but current is '5'",
        ),
        (
            compared([], [(name, AMQPValue::Void)]),
            "the value 'undefined' of type 'void' but current is none",
        ),
        (
            compared([], [(name, text("\u{e9}\n"))]),
            "the value '\u{e9}\n' of type 'longstr' but current is none",
        ),
    ];
    for (result, what) in cases {
        let expected =
            format!("inequivalent arg '{name}' for queue 'q' in vhost '/': received {what}");
        assert_eq!(refused(result), expected);
    }
    assert_eq!(
        refused(compared([], [(checks::QUEUE_TYPE, text("quorum"))])),
        "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none"
    );
}

#[test]
fn differences_are_found_in_rabbitmqs_order() {
    let current = Declared::default();
    let mut wanted = Declared {
        durable: true,
        auto_delete: true,
        arguments: table([("x-max-length", int(5)), ("x-expires", int(5))]),
    };
    let difference = |wanted: &Declared| {
        let text = refused(equivalent("/", "q", &current, wanted));
        let named = text
            .strip_prefix("inequivalent arg '")
            .and_then(|rest| rest.split_once('\''));
        named.map(|(name, _)| name.to_owned()).unwrap()
    };
    assert_eq!(difference(&wanted), "durable");
    wanted.durable = false;
    assert_eq!(difference(&wanted), "auto_delete");
    wanted.auto_delete = false;
    assert_eq!(difference(&wanted), "x-expires");
}
