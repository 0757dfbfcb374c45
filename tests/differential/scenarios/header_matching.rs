//! Header matches: which message goes where.

use amq_protocol::types::{AMQPValue, FieldTable};

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    headers_all headers_any headers_default headers_bad_match headers_match_missing_value
    headers_x_fields headers_with_x headers_empty headers_void headers_types headers_nested
    headers_key_ignored headers_no_headers headers_unbind headers_two_bindings match_exchange
}

/// Binds a queue for each table and says which of them get a message with each table of headers.
fn headers<const B: usize, const M: usize>(
    s: &mut Stage,
    bindings: [FieldTable; B],
    messages: [FieldTable; M],
) {
    let e = s.name("e");
    let queues: Vec<_> = (0..B).map(|n| s.name(&format!("q{n}"))).collect();
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    for (queue, arguments) in queues.iter().zip(bindings) {
        c.call(1, &declare(queue, "", none()));
        c.call(1, &bind(queue, &e, "", arguments));
    }
    for table in messages {
        c.put(&message(&e, "", "m").headers(table));
        for queue in &queues {
            c.call(1, &purge(queue));
        }
    }
}

fn with(kind: &str, fields: &[(&str, i32)]) -> FieldTable {
    let mut table = args([("x-match", text(kind))]);
    for (name, value) in fields {
        table.insert((*name).into(), int(*value));
    }
    table
}

fn plain(fields: &[(&str, i32)]) -> FieldTable {
    let mut table = none();
    for (name, value) in fields {
        table.insert((*name).into(), int(*value));
    }
    table
}

fn some_messages() -> [FieldTable; 6] {
    [
        none(),
        plain(&[("a", 1)]),
        plain(&[("a", 1), ("b", 2)]),
        plain(&[("a", 1), ("b", 3)]),
        plain(&[("a", 1), ("b", 2), ("c", 3)]),
        plain(&[("c", 3)]),
    ]
}

fn headers_all(s: &mut Stage) {
    headers(
        s,
        [with("all", &[("a", 1), ("b", 2)]), with("all", &[("a", 1)])],
        some_messages(),
    );
}

fn headers_any(s: &mut Stage) {
    headers(
        s,
        [with("any", &[("a", 1), ("b", 2)]), with("any", &[("b", 3)])],
        some_messages(),
    );
}

fn headers_default(s: &mut Stage) {
    headers(s, [plain(&[("a", 1), ("b", 2)]), none()], some_messages());
}

fn headers_empty(s: &mut Stage) {
    headers(
        s,
        [
            with("all", &[]),
            with("any", &[]),
            with("all-with-x", &[]),
            with("any-with-x", &[]),
        ],
        some_messages(),
    );
}

fn headers_bad_match(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    s.each([
        exchange_declare(&e, "headers", ""),
        declare(&q, "", none()),
        bind(&q, &e, "", args([("x-match", text("some"))])),
        bind(&q, &e, "", args([("x-match", text(""))])),
        bind(&q, &e, "", args([("x-match", int(1))])),
        bind(&q, &e, "", args([("x-match", AMQPValue::Void)])),
        bind(&q, &e, "", args([("x-match", text("ALL"))])),
        bind(&q, &e, "", args([("x-match", boolean(true))])),
    ]);
}

fn headers_match_missing_value(s: &mut Stage) {
    headers(
        s,
        [
            args([("x-match", text("all")), ("a", text(""))]),
            args([("x-match", text("any")), ("a", text("1"))]),
        ],
        [
            args([("a", text(""))]),
            args([("a", text("1"))]),
            args([("a", int(1))]),
            none(),
        ],
    );
}

fn headers_x_fields(s: &mut Stage) {
    headers(
        s,
        [
            args([("x-match", text("all")), ("x-own", int(1)), ("a", int(1))]),
            args([("x-match", text("any")), ("x-own", int(1))]),
            args([("x-match", text("all")), ("x-own", int(1))]),
        ],
        [
            plain(&[("a", 1)]),
            plain(&[("x-own", 1)]),
            plain(&[("x-own", 2), ("a", 1)]),
        ],
    );
}

fn headers_with_x(s: &mut Stage) {
    headers(
        s,
        [
            with("all-with-x", &[("x-own", 1), ("a", 1)]),
            with("any-with-x", &[("x-own", 1), ("a", 1)]),
        ],
        [
            plain(&[("a", 1)]),
            plain(&[("x-own", 1)]),
            plain(&[("x-own", 1), ("a", 1)]),
            none(),
        ],
    );
}

fn headers_void(s: &mut Stage) {
    headers(
        s,
        [
            args([("x-match", text("all")), ("a", AMQPValue::Void)]),
            args([
                ("x-match", text("any")),
                ("a", AMQPValue::Void),
                ("b", int(2)),
            ]),
            args([("x-match", text("all")), ("a", int(1))]),
        ],
        [
            args([("a", AMQPValue::Void)]),
            args([("a", int(1))]),
            args([("a", text("anything"))]),
            args([("b", int(2))]),
            none(),
        ],
    );
}

fn headers_types(s: &mut Stage) {
    headers(
        s,
        [
            args([("a", int(1))]),
            args([("a", long(1))]),
            args([("a", AMQPValue::ShortShortInt(1))]),
            args([("a", text("1"))]),
            args([("a", AMQPValue::Double(1.0))]),
            args([("a", AMQPValue::Float(1.0))]),
            args([("a", boolean(true))]),
            args([("a", AMQPValue::Timestamp(1))]),
        ],
        [
            args([("a", int(1))]),
            args([("a", long(1))]),
            args([("a", AMQPValue::ShortInt(1))]),
            args([("a", text("1"))]),
            args([("a", AMQPValue::Double(1.0))]),
            args([("a", boolean(true))]),
            args([("a", AMQPValue::Timestamp(1))]),
            args([("a", AMQPValue::ByteArray(b"1"[..].into()))]),
        ],
    );
}

fn headers_nested(s: &mut Stage) {
    headers(
        s,
        [
            args([("a", list([int(1), int(2)]))]),
            args([("a", table(args([("b", int(1))])))]),
        ],
        [
            args([("a", list([int(1), int(2)]))]),
            args([("a", list([int(2), int(1)]))]),
            args([("a", table(args([("b", int(1))])))]),
            args([("a", int(1))]),
        ],
    );
}

fn headers_key_ignored(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "key", args([("a", int(1))])));
    c.put(&message(&e, "key", "no headers"));
    c.call(1, &purge(&q));
    c.put(&message(&e, "other key", "headers").headers(args([("a", int(1))])));
    c.call(1, &purge(&q));
}

fn headers_no_headers(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "", args([("x-match", text("all"))])));
    c.put(&message(&e, "", "no property at all"));
    c.call(1, &purge(&q));
    c.put(&message(&e, "", "an empty table").headers(none()));
    c.call(1, &purge(&q));
}

fn headers_unbind(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "", with("all", &[("a", 1)])));
    c.call(1, &unbind(&q, &e, "", plain(&[("a", 1)])));
    c.put(&message(&e, "", "m").headers(plain(&[("a", 1)])));
    c.call(1, &purge(&q));
    c.call(1, &unbind(&q, &e, "", with("all", &[("a", 1)])));
    c.put(&message(&e, "", "m").headers(plain(&[("a", 1)])));
    c.call(1, &purge(&q));
}

fn headers_two_bindings(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "", with("all", &[("a", 1)])));
    c.call(1, &bind(&q, &e, "", with("all", &[("b", 2)])));
    for table in some_messages() {
        c.put(&message(&e, "", "m").headers(table));
        c.call(1, &purge(&q));
    }
}

fn match_exchange(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for exchange in ["amq.match", "amq.headers"] {
        c.call(1, &bind(&q, exchange, "", args([("unique", text(&q))])));
        c.put(&message(exchange, "", "m").headers(args([("unique", text(&q))])));
        c.call(1, &purge(&q));
    }
}
