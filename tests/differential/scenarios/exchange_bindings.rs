//! Exchanges bound to exchanges, and alternate ones.

use amq_protocol::types::AMQPValue;

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    exchange_to_exchange bind_missing_exchanges bind_default_exchange cycle_of_exchanges
    no_duplicates_through_two_paths unbind_exchange alternate_exchange alternate_exchange_missing
    alternate_exchange_chain alternate_exchange_bad alternate_without_x alternate_and_mandatory
    alternate_cycle internal_through_another auto_delete_source_of_exchanges
    exchange_binding_arguments exchange_binding_nowait
}

fn exchange_to_exchange(s: &mut Stage) {
    let (e, f, q) = (s.name("e"), s.name("f"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.call(1, &exchange_declare(&f, "direct", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &exchange_bind(&f, &e, "a.#"));
    c.call(1, &exchange_bind(&f, &e, "a.#"));
    c.call(1, &bind(&q, &f, "a.b", none()));
    c.publish(1, &message(&e, "a.b", "passes both").options("mandatory"));
    c.publish(
        1,
        &message(&e, "a.c", "passes the first").options("mandatory"),
    );
    c.publish(1, &message(&e, "b", "passes none").options("mandatory"));
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &get(&q, "no_ack"));
}

fn bind_missing_exchanges(s: &mut Stage) {
    let (e, f) = (s.name("e"), s.name("f"));
    s.each([
        exchange_bind(&e, &f, "k"),
        exchange_unbind(&e, &f, "k"),
        exchange_declare(&e, "direct", ""),
        exchange_bind(&e, &f, "k"),
        exchange_bind(&f, &e, "k"),
        exchange_unbind(&f, &e, "k"),
        exchange_unbind(&e, &e, "k"),
    ]);
}

fn bind_default_exchange(s: &mut Stage) {
    let e = s.name("e");
    s.each([
        exchange_declare(&e, "direct", ""),
        exchange_bind(&e, "", "k"),
        exchange_bind("", &e, "k"),
        exchange_unbind(&e, "", "k"),
        exchange_unbind("", &e, "k"),
    ]);
}

fn cycle_of_exchanges(s: &mut Stage) {
    let (e, f, q) = (s.name("e"), s.name("f"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &exchange_declare(&f, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &exchange_bind(&e, &f, ""));
    c.call(1, &exchange_bind(&f, &e, ""));
    c.call(1, &exchange_bind(&e, &e, ""));
    c.publish(1, &message(&e, "k", "nowhere").options("mandatory"));
    c.sync(1);
    c.call(1, &bind(&q, &f, "", none()));
    c.publish(1, &message(&e, "k", "once").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn no_duplicates_through_two_paths(s: &mut Stage) {
    let (e, f, g, q) = (s.name("e"), s.name("f"), s.name("g"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &exchange_declare(&f, "fanout", ""));
    c.call(1, &exchange_declare(&g, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &exchange_bind(&f, &e, ""));
    c.call(1, &exchange_bind(&g, &e, ""));
    for source in [&e, &f, &g] {
        c.call(1, &bind(&q, source, "", none()));
        c.call(1, &bind(&q, source, "again", none()));
    }
    c.publish(1, &message(&e, "", "once"));
    c.call(1, &get(&q, ""));
}

fn unbind_exchange(s: &mut Stage) {
    let (e, f, q) = (s.name("e"), s.name("f"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", ""));
    c.call(1, &exchange_declare(&f, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &f, "", none()));
    c.call(1, &exchange_bind(&f, &e, "k"));
    c.call(1, &exchange_unbind(&f, &e, "other"));
    c.publish(1, &message(&e, "k", "bound").options("mandatory"));
    c.call(1, &get(&q, ""));
    c.call(1, &exchange_unbind(&f, &e, "k"));
    c.publish(1, &message(&e, "k", "not bound").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn alternate(name: &str) -> amq_protocol::types::FieldTable {
    args([("alternate-exchange", text(name))])
}

fn alternate_exchange(s: &mut Stage) {
    let (e, ae, q) = (s.name("e"), s.name("ae"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&ae, "fanout", ""));
    c.call(1, &exchange_with(&e, "direct", "", alternate(&ae)));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &ae, "", none()));
    c.publish(1, &message(&e, "k", "unrouted").options("mandatory"));
    c.call(1, &get(&q, ""));
    c.call(1, &bind(&q, &e, "k", none()));
    c.publish(1, &message(&e, "k", "routed once").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn alternate_exchange_missing(s: &mut Stage) {
    let (e, ae) = (s.name("e"), s.name("ae"));
    let c = s.connect();
    c.call(1, &exchange_with(&e, "direct", "", alternate(&ae)));
    c.call(1, &confirm_select(""));
    c.publish(1, &message(&e, "k", "m").options("mandatory"));
    c.frames(1, 4);
    c.publish(1, &message(&e, "k", "n"));
    c.frames(1, 1);
}

fn alternate_exchange_chain(s: &mut Stage) {
    let (e, f, g, q) = (s.name("e"), s.name("f"), s.name("g"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&g, "fanout", ""));
    c.call(1, &exchange_with(&f, "direct", "", alternate(&g)));
    c.call(1, &exchange_with(&e, "topic", "", alternate(&f)));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &g, "", none()));
    c.publish(1, &message(&e, "k", "m").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn alternate_exchange_bad(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    s.each([
        exchange_with(&e, "direct", "", args([("alternate-exchange", int(1))])),
        exchange_with(
            &e,
            "direct",
            "",
            args([("alternate-exchange", AMQPValue::Void)]),
        ),
        exchange_with(&e, "direct", "", alternate("")),
        declare(&q, "", none()),
    ]);
}

fn alternate_without_x(s: &mut Stage) {
    let (e, ae, q) = (s.name("e"), s.name("ae"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&ae, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &ae, "", none()));
    let arguments = args([("x-alternate-exchange", text(&ae))]);
    c.call(1, &exchange_with(&e, "direct", "", arguments));
    c.publish(1, &message(&e, "k", "m").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn alternate_and_mandatory(s: &mut Stage) {
    let (e, ae) = (s.name("e"), s.name("ae"));
    let c = s.connect();
    c.call(1, &exchange_declare(&ae, "fanout", ""));
    c.call(1, &exchange_with(&e, "direct", "", alternate(&ae)));
    c.publish(1, &message(&e, "k", "bound nowhere").options("mandatory"));
    c.sync(1);
}

fn alternate_cycle(s: &mut Stage) {
    let (e, f) = (s.name("e"), s.name("f"));
    let c = s.connect();
    c.call(1, &exchange_with(&e, "direct", "", alternate(&f)));
    c.call(1, &exchange_with(&f, "direct", "", alternate(&e)));
    c.publish(1, &message(&e, "k", "round and round").options("mandatory"));
    c.sync(1);
}

fn internal_through_another(s: &mut Stage) {
    let (e, i, q) = (s.name("e"), s.name("i"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&i, "fanout", "internal"));
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &exchange_bind(&i, &e, ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &i, "", none()));
    c.publish(1, &message(&e, "k", "m").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn auto_delete_source_of_exchanges(s: &mut Stage) {
    let (e, f, g) = (s.name("e"), s.name("f"), s.name("g"));
    s.each([
        exchange_declare(&e, "direct", "auto_delete"),
        exchange_declare(&f, "direct", "auto_delete"),
        exchange_declare(&g, "direct", ""),
        exchange_bind(&f, &e, "k"),
        exchange_bind(&g, &f, "k"),
        exchange_delete(&g, ""),
        exchange_declare(&f, "direct", "passive"),
        exchange_declare(&e, "direct", "passive"),
    ]);
}

fn exchange_binding_arguments(s: &mut Stage) {
    let (e, f, q) = (s.name("e"), s.name("f"), s.name("q"));
    let arguments = || args([("x-match", text("any")), ("a", int(1))]);
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "headers", ""));
    c.call(1, &exchange_declare(&f, "fanout", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &f, "", none()));
    c.call(1, &exchange_bind_with(&f, &e, "", "", arguments()));
    c.put(&message(&e, "", "m").headers(args([("a", int(1))])));
    c.put(&message(&e, "", "m").headers(args([("a", int(2))])));
    c.call(1, &purge(&q));
    c.call(1, &exchange_unbind(&f, &e, ""));
    c.put(&message(&e, "", "m").headers(args([("a", int(1))])));
    c.call(1, &purge(&q));
    c.call(
        1,
        &exchange_bind_with(&f, &e, "", "", args([("x-match", text("bad"))])),
    );
}

fn exchange_binding_nowait(s: &mut Stage) {
    let (e, f) = (s.name("e"), s.name("f"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.send(
        1,
        &exchange_bind_with(&e, "amq.fanout", "", "nowait", none()),
    );
    c.sync(1);
    c.call(1, &exchange_delete(&e, "if_unused"));
    c.send(1, &exchange_bind_with(&e, &f, "", "nowait", none()));
    c.answer(1);
}
