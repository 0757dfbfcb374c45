//! Exchanges: declaring, deleting, what each kind does with a key.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    declare_again different_kind different_options different_arguments passive_missing
    passive_kind_differs reserved_names default_exchange_refuses unknown_kind missing_kind
    predeclared longest_name delete_missing delete_if_unused delete_predeclared nowait
    internal_exchange auto_delete auto_delete_never_bound delete_takes_bindings_along direct_keys
    fanout_ignores_keys publish_to_deleted delete_by_queue_deletion
}

fn declare_again(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "topic", "durable"),
        exchange_declare(&e, "topic", "durable"),
        exchange_declare(&e, "topic", "passive"),
        exchange_with(&e, "topic", "durable", args([("x-own", int(1))])),
    ]);
}

fn different_kind(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_declare(&e, "fanout", ""),
        exchange_declare(&e, "topic", "durable"),
        exchange_declare(&e, "headers", ""),
    ]);
}

fn different_options(s: &mut Stage) {
    let (e, d, i) = (s.name("e"), s.name("d"), s.name("i"));
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_declare(&e, "direct", "durable"),
        exchange_declare(&e, "direct", "auto_delete"),
        exchange_declare(&e, "direct", "internal"),
        exchange_declare(&d, "direct", "durable auto_delete"),
        exchange_declare(&d, "direct", "auto_delete"),
        exchange_declare(&d, "direct", "durable"),
        exchange_declare(&i, "direct", "internal"),
        exchange_declare(&i, "direct", ""),
    ]);
}

fn different_arguments(s: &mut Stage) {
    let (e, f) = (s.name("e"), s.name("f"));
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_with(&e, "direct", "", args([("alternate-exchange", text("ae"))])),
        exchange_with(&f, "direct", "", args([("alternate-exchange", text("ae"))])),
        exchange_with(
            &f,
            "direct",
            "",
            args([("alternate-exchange", text("other"))]),
        ),
        exchange_declare(&f, "direct", ""),
        exchange_with(
            &f,
            "direct",
            "",
            args([("alternate-exchange", text("ae")), ("x", int(1))]),
        ),
    ]);
}

fn passive_missing(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "direct", "passive"),
        exchange_declare("amq.nothing", "direct", "passive"),
    ]);
}

fn passive_kind_differs(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_declare(&e, "fanout", "passive durable"),
        exchange_declare(&e, "", "passive"),
        exchange_declare(&e, "x-nonsense", "passive"),
    ]);
}

fn reserved_names(s: &mut Stage) {
    s.each([
        exchange_declare("amq.mine", "direct", ""),
        exchange_declare("amq.", "direct", ""),
        exchange_declare("amq.direct", "direct", "durable"),
        exchange_declare("amq.direct", "direct", ""),
        exchange_declare("amq.direct", "fanout", "durable"),
        exchange_declare("amq.rabbitmq.log", "topic", "durable internal"),
        exchange_declare("amq.rabbitmq.log", "topic", "passive"),
    ]);
}

fn default_exchange_refuses(s: &mut Stage) {
    s.each([
        exchange_declare("", "direct", ""),
        exchange_declare("", "direct", "durable"),
        exchange_declare("", "direct", "passive"),
        exchange_delete("", ""),
        exchange_bind("", "amq.direct", "k"),
        exchange_bind("amq.direct", "", "k"),
        exchange_unbind("", "amq.direct", "k"),
        exchange_unbind("amq.direct", "", "k"),
    ]);
}

fn unknown_kind(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "nonsense", ""),
        exchange_declare(&e, "x-nonsense", ""),
        exchange_declare(&e, "Direct", ""),
        exchange_declare(&e, "x-delayed-message", ""),
        exchange_declare(&e, "x-consistent-hash", ""),
    ]);
}

fn missing_kind(s: &mut Stage) {
    let e = s.name("e");
    s.each([exchange_declare(&e, "", "")]);
}

fn predeclared(s: &mut Stage) {
    s.each([
        exchange_declare("amq.direct", "direct", "passive"),
        exchange_declare("amq.fanout", "fanout", "durable"),
        exchange_declare("amq.topic", "topic", "durable"),
        exchange_declare("amq.headers", "headers", "durable"),
        exchange_declare("amq.match", "headers", "durable"),
        exchange_declare("amq.rabbitmq.trace", "topic", "durable internal"),
        exchange_declare("amq.rabbitmq.trace", "topic", "passive"),
    ]);
}

fn longest_name(s: &mut Stage) {
    let e = s.long_name(255);
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_declare(&e, "fanout", ""),
        exchange_declare(&e, "direct", "durable"),
        exchange_delete(&e, ""),
        exchange_declare(&e, "direct", "passive"),
    ]);
}

fn delete_missing(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_delete(&e, ""),
        exchange_delete(&e, "if_unused"),
        exchange_declare(&e, "direct", ""),
        exchange_delete(&e, ""),
        exchange_delete(&e, ""),
    ]);
}

fn delete_if_unused(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    s.each([
        exchange_declare(&e, "direct", ""),
        declare(&q, "", none()),
        bind(&q, &e, "k", none()),
        exchange_delete(&e, "if_unused"),
        unbind(&q, &e, "k", none()),
        exchange_delete(&e, "if_unused"),
    ]);
}

fn delete_predeclared(s: &mut Stage) {
    s.each([
        exchange_delete("amq.direct", ""),
        exchange_delete("amq.topic", "if_unused"),
        exchange_delete("amq.mine", ""),
        exchange_delete("amq.rabbitmq.trace", ""),
    ]);
}

fn nowait(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.send(1, &exchange_declare(&e, "direct", "nowait"));
    c.call(1, &exchange_declare(&e, "direct", "passive"));
    c.send(1, &exchange_delete(&e, "nowait"));
    c.call(1, &exchange_declare(&e, "direct", "passive"));
    c.open(1);
    c.send(1, &exchange_declare(&e, "direct", "passive nowait"));
    c.answer(1);
}

fn internal_exchange(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", "internal"));
    c.publish(1, &message(&e, "k", "m"));
    c.answer(1);
    c.open(1);
    c.publish(1, &message("amq.rabbitmq.trace", "k", "m"));
    c.answer(1);
}

fn auto_delete(s: &mut Stage) {
    let (e, q, r) = (s.name("e"), s.name("q"), s.name("r"));
    s.each([
        exchange_declare(&e, "direct", "auto_delete"),
        declare(&q, "", none()),
        declare(&r, "", none()),
        bind(&q, &e, "k", none()),
        bind(&r, &e, "k", none()),
        unbind(&q, &e, "k", none()),
        exchange_declare(&e, "direct", "passive"),
        unbind(&r, &e, "k", none()),
        exchange_declare(&e, "direct", "passive"),
    ]);
}

fn auto_delete_never_bound(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", "auto_delete"));
    c.close_quietly();
    s.each([exchange_declare(&e, "direct", "passive")]);
}

fn delete_takes_bindings_along(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "", none()));
    c.call(1, &exchange_delete(&e, ""));
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.publish(1, &message(&e, "", "m").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn delete_by_queue_deletion(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    s.each([
        exchange_declare(&e, "fanout", "auto_delete"),
        declare(&q, "", none()),
        bind(&q, &e, "", none()),
        delete(&q, ""),
        exchange_declare(&e, "fanout", "passive"),
    ]);
}

fn direct_keys(s: &mut Stage) {
    let (e, q, r) = (s.name("e"), s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    c.call(1, &bind(&q, &e, "a", none()));
    c.call(1, &bind(&q, &e, "b", none()));
    c.call(1, &bind(&r, &e, "b", none()));
    for key in ["a", "b", "A", "a.b", "#", ""] {
        c.publish(1, &message(&e, key, key).options("mandatory"));
    }
    for queue in [&q, &q, &q, &r, &r] {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn fanout_ignores_keys(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "a", none()));
    c.call(1, &bind(&q, &e, "b", none()));
    c.publish(1, &message(&e, "c", "m").options("mandatory"));
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &unbind(&q, &e, "a", none()));
    c.publish(1, &message(&e, "a", "m").options("mandatory"));
    c.call(1, &get(&q, "no_ack"));
}

fn publish_to_deleted(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &exchange_delete(&e, ""));
    c.publish(1, &message(&e, "k", "m"));
    c.answer(1);
}
