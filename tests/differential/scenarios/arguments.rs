//! Each `x-` argument of a queue or consumer, with values that it may not have.

use amq_protocol::types::AMQPValue;

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    message_ttl expires max_length max_length_bytes overflow dead_letter_exchange dead_letter_routing_key
    max_priority queue_mode queue_type queue_version single_active_consumer delivery_limit leader_locator
    unknown_arguments passive_does_not_look consumer_priority consumer_arguments stream_offset nested_values
    all_types_in_unknown_arguments quorum_queue_refuses max_in_memory order_of_checks
}

/// Declares the queue with each value in turn, and deletes it where that worked.
fn values<const N: usize>(s: &mut Stage, name: &str, values: [AMQPValue; N]) {
    let q = s.name("q");
    for value in values {
        s.each([declare(&q, "", args([(name, value)])), delete(&q, "")]);
    }
}

fn odd_values() -> [AMQPValue; 9] {
    [
        int(-1),
        int(0),
        long(1_000_000_000_000),
        text("5"),
        text(""),
        boolean(true),
        AMQPValue::Void,
        AMQPValue::Double(5.5),
        table(none()),
    ]
}

fn message_ttl(s: &mut Stage) {
    values(s, "x-message-ttl", odd_values());
    values(
        s,
        "x-message-ttl",
        [
            long(4_294_967_295),
            long(4_294_967_296),
            long(i64::MAX),
            long(i64::MIN),
            AMQPValue::ShortShortInt(5),
            AMQPValue::ShortInt(5),
            AMQPValue::ShortShortUInt(5),
            AMQPValue::ShortUInt(5),
            AMQPValue::LongUInt(5),
            AMQPValue::Timestamp(5),
            AMQPValue::Float(5.0),
            list([int(5)]),
        ],
    );
}

fn expires(s: &mut Stage) {
    values(s, "x-expires", odd_values());
    values(
        s,
        "x-expires",
        [int(60_000), long(4_294_967_295), long(4_294_967_296)],
    );
}

fn max_length(s: &mut Stage) {
    values(s, "x-max-length", odd_values());
    values(s, "x-max-length", [long(i64::MAX), int(i32::MIN)]);
}

fn max_length_bytes(s: &mut Stage) {
    values(s, "x-max-length-bytes", odd_values());
}

fn overflow(s: &mut Stage) {
    values(
        s,
        "x-overflow",
        [
            text("drop-head"),
            text("reject-publish"),
            text("reject-publish-dlx"),
            text("drop-tail"),
            text(""),
            int(1),
            boolean(true),
            AMQPValue::Void,
        ],
    );
}

fn dead_letter_exchange(s: &mut Stage) {
    values(
        s,
        "x-dead-letter-exchange",
        [
            text(""),
            text("no.such.exchange"),
            int(1),
            boolean(true),
            AMQPValue::Void,
        ],
    );
}

fn dead_letter_routing_key(s: &mut Stage) {
    values(s, "x-dead-letter-routing-key", [text("k"), int(1)]);
    let q = s.name("both");
    for key in [text("k"), text(""), int(1), AMQPValue::Void] {
        let arguments = args([
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", key),
        ]);
        s.each([declare(&q, "", arguments), delete(&q, "")]);
    }
}

fn max_priority(s: &mut Stage) {
    values(s, "x-max-priority", odd_values());
    values(s, "x-max-priority", [int(1), int(255), int(256)]);
}

fn queue_mode(s: &mut Stage) {
    values(
        s,
        "x-queue-mode",
        [
            text("default"),
            text("lazy"),
            text("other"),
            text(""),
            int(1),
        ],
    );
}

fn queue_type(s: &mut Stage) {
    values(
        s,
        "x-queue-type",
        [
            text("classic"),
            text("other"),
            text(""),
            text("Classic"),
            int(1),
            AMQPValue::Void,
        ],
    );
}

fn queue_version(s: &mut Stage) {
    values(
        s,
        "x-queue-version",
        [int(1), int(2), int(3), int(0), int(-1), text("1")],
    );
}

fn single_active_consumer(s: &mut Stage) {
    values(
        s,
        "x-single-active-consumer",
        [
            boolean(true),
            boolean(false),
            text("true"),
            int(1),
            AMQPValue::Void,
        ],
    );
}

fn delivery_limit(s: &mut Stage) {
    values(s, "x-delivery-limit", [int(5), int(-1), text("5")]);
}

fn leader_locator(s: &mut Stage) {
    values(
        s,
        "x-queue-leader-locator",
        [text("client-local"), text("other"), int(1)],
    );
    values(s, "x-queue-master-locator", [text("min-masters")]);
    values(
        s,
        "x-quorum-initial-group-size",
        [int(1), int(0), text("1")],
    );
    values(
        s,
        "x-dead-letter-strategy",
        [text("at-most-once"), text("at-least-once"), text("other")],
    );
    values(s, "x-max-age", [text("1h"), text("other"), int(1)]);
    values(
        s,
        "x-stream-max-segment-size-bytes",
        [int(1), int(-1), text("1")],
    );
    values(s, "x-initial-cluster-size", [int(1), int(0), text("1")]);
    values(s, "x-ha-policy", [text("all"), text("other")]);
}

fn max_in_memory(s: &mut Stage) {
    values(s, "x-max-in-memory-length", [int(1), int(-1), text("1")]);
    values(s, "x-max-in-memory-bytes", [int(1), int(-1), text("1")]);
}

fn unknown_arguments(s: &mut Stage) {
    values(s, "x-nonsense", [int(1), text("text")]);
    values(s, "nonsense", [int(1), text("text")]);
    values(s, "", [int(1)]);
}

fn all_types_in_unknown_arguments(s: &mut Stage) {
    values(
        s,
        "x-nonsense",
        [
            boolean(false),
            AMQPValue::ShortShortInt(-5),
            AMQPValue::ShortShortUInt(200),
            AMQPValue::ShortInt(-5),
            AMQPValue::ShortUInt(60_000),
            AMQPValue::LongUInt(4_000_000_000),
            long(i64::MIN),
            AMQPValue::Float(1.5),
            AMQPValue::Double(1.5),
            AMQPValue::Timestamp(5),
            AMQPValue::ByteArray(vec![0, 255].into()),
            AMQPValue::Void,
            list([int(1), text("two"), list([])]),
            table(args([("a", table(none()))])),
        ],
    );
}

fn nested_values(s: &mut Stage) {
    let q = s.name("q");
    let nested = || list([table(args([("a", list([int(1)]))]))]);
    s.each([
        declare(
            &q,
            "",
            args([("x-nonsense", nested()), ("x-max-length", int(1))]),
        ),
        declare(
            &q,
            "",
            args([("x-nonsense", nested()), ("x-max-length", nested())]),
        ),
        declare(
            &q,
            "",
            args([("x-nonsense", int(1)), ("x-max-length", int(1))]),
        ),
    ]);
}

fn passive_does_not_look(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "passive", args([("x-message-ttl", text("bad"))])),
        declare(&q, "", none()),
        declare(&q, "passive", args([("x-message-ttl", text("bad"))])),
        declare(&q, "", args([("x-message-ttl", text("bad"))])),
        declare(&q, "durable", args([("x-message-ttl", text("bad"))])),
    ]);
}

fn order_of_checks(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(
            &q,
            "",
            args([
                ("x-message-ttl", int(-1)),
                ("x-expires", int(0)),
                ("x-max-length", int(-1)),
            ]),
        ),
        declare(
            &q,
            "",
            args([
                ("x-expires", int(0)),
                ("x-max-length", int(-1)),
                ("x-queue-type", text("bad")),
            ]),
        ),
        declare("amq.reserved", "", args([("x-expires", int(0))])),
        declare(
            &q,
            "",
            args([
                ("x-dead-letter-routing-key", text("k")),
                ("x-overflow", text("bad")),
            ]),
        ),
    ]);
}

fn consumer_priority(s: &mut Stage) {
    let q = s.name("q");
    s.each([declare(&q, "", none())]);
    for value in [
        int(5),
        int(-5),
        long(i64::MAX),
        text("5"),
        boolean(true),
        AMQPValue::Void,
        AMQPValue::Double(5.5),
        AMQPValue::ShortShortInt(1),
    ] {
        s.each([consume_with(&q, "t", "", args([("x-priority", value)]))]);
    }
}

fn consumer_arguments(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        consume_with(
            &q,
            "t",
            "",
            args([
                ("x-nonsense", int(5)),
                ("x-cancel-on-ha-failover", boolean(true)),
            ]),
        ),
        consume_with(&q, "u", "", args([("x-cancel-on-ha-failover", int(5))])),
    ]);
}

fn stream_offset(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        consume_with(&q, "t", "", args([("x-stream-offset", text("first"))])),
        consume_with(&q, "u", "", args([("x-stream-offset", table(none()))])),
    ]);
}

fn quorum_queue_refuses(s: &mut Stage) {
    let q = s.name("q");
    let quorum = || text("quorum");
    for (options, name, value) in [
        ("", "x-own", int(1)),
        ("durable exclusive", "x-own", int(1)),
        ("durable auto_delete", "x-own", int(1)),
        ("durable", "x-max-priority", int(5)),
        ("durable", "x-queue-mode", text("lazy")),
        ("durable", "x-overflow", text("reject-publish-dlx")),
    ] {
        s.each([declare(
            &q,
            options,
            args([("x-queue-type", quorum()), (name, value)]),
        )]);
    }
    for options in ["", "durable exclusive"] {
        s.each([declare(
            &q,
            options,
            args([("x-queue-type", text("stream"))]),
        )]);
    }
    for (name, value) in [
        ("x-message-ttl", int(1)),
        ("x-max-length", int(1)),
        ("x-max-priority", int(1)),
        ("x-dead-letter-exchange", text("")),
    ] {
        s.each([declare(
            &q,
            "durable",
            args([("x-queue-type", text("stream")), (name, value)]),
        )]);
    }
}
