//! Queues: declaring, deleting, purging, and every way to be refused.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    declare_counts declare_again passive_missing passive_ignores_differences generated_name
    empty_name_is_the_last_declared empty_name_without_one passive_empty_name reserved_names reserved_name_that_exists
    longest_name name_with_odd_characters different_durable different_exclusive different_auto_delete different_arguments
    different_argument_types exclusive_of_another exclusive_goes_with_its_connection
    exclusive_stays_with_its_channel auto_delete_with_the_last_consumer auto_delete_stays_without_a_consumer
    auto_delete_when_the_channel_closes delete_missing delete_counts delete_if_unused delete_if_empty
    delete_if_both purge_counts purge_missing purge_leaves_the_unacknowledged nowait nowait_errors
    bind_missing bind_default_exchange bind_twice unbind_what_is_not_bound bind_with_empty_names
    durable_outlives_its_connection delete_takes_bindings_along errors_of_the_empty_name
}

fn declare_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "one"));
    c.publish(1, &message("", &q, "two"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &cancel("t", ""));
    c.call(1, &declare(&q, "passive", none()));
    c.send(1, &nack(0, "multiple requeue"));
    c.call(1, &declare(&q, "passive", none()));
}

fn declare_again(s: &mut Stage) {
    let q = s.name("q");
    let options = "durable auto_delete";
    let arguments = || args([("x-max-length", int(5)), ("x-own", text("kept"))]);
    s.each([
        declare(&q, options, arguments()),
        declare(&q, options, arguments()),
        declare(&q, options, arguments()),
    ]);
}

fn passive_missing(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "passive", none()),
        declare("amq.nothing", "passive", none()),
    ]);
}

fn passive_ignores_differences(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        declare(&q, "passive durable auto_delete", args([("x-max-length", int(5))])),
        declare(&q, "passive exclusive", args([("x-message-ttl", text("bad"))])),
    ]);
}

fn generated_name(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &declare("", "exclusive", none()));
    c.call(1, &declare("", "exclusive", none()));
    c.call(1, &bind("", "amq.fanout", "", none()));
}

fn empty_name_is_the_last_declared(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    c.publish(1, &message("", &r, "for r"));
    c.call(1, &bind("", "amq.direct", "", none()));
    c.publish(1, &message("amq.direct", &r, "an empty key stands for the name as well"));
    c.call(1, &get("", ""));
    c.call(1, &get("", ""));
    c.call(1, &unbind("", "amq.direct", "", none()));
    c.call(1, &purge(""));
    c.call(1, &consume("", "t", ""));
    c.call(1, &delete("", ""));
    c.call(1, &declare(&r, "passive", none()));
}

fn empty_name_without_one(s: &mut Stage) {
    s.each([
        declare("", "passive", none()),
        bind("", "amq.direct", "key", none()),
        bind("", "amq.direct", "", none()),
        unbind("", "amq.direct", "key", none()),
        purge(""),
        delete("", ""),
        get("", ""),
        consume("", "", ""),
    ]);
}

fn errors_of_the_empty_name(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &delete(&q, ""));
    c.call(1, &get("", ""));
    c.open(1);
    c.call(1, &get("", ""));
}

fn passive_empty_name(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare("", "passive", none()));
    c.open(2);
    c.call(2, &declare("", "passive", none()));
}

fn reserved_names(s: &mut Stage) {
    s.each([
        declare("amq.mine", "", none()),
        declare("amq.", "exclusive", none()),
        declare("amq", "exclusive", none()),
        delete("amq", ""),
        declare("amq.mine", "passive", none()),
        declare("amq.rabbitmq.mine", "", none()),
        delete("amq.mine", ""),
    ]);
}

fn reserved_name_that_exists(s: &mut Stage) {
    let c = s.connect();
    let answer = c.call(1, &declare("", "exclusive", none()));
    let name = crate::peer::Peer::name_in(answer.as_ref());
    c.call(1, &declare(&name, "exclusive", none()));
    c.open(1);
    c.call(1, &declare(&name, "passive", none()));
}

fn longest_name(s: &mut Stage) {
    let q = s.long_name(255);
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.call(1, &declare(&q, "durable", none()));
    c.open(1);
    c.call(1, &delete(&q, ""));
    c.call(1, &declare(&q, "passive", none()));
}

fn name_with_odd_characters(s: &mut Stage) {
    let q = s.name("a b/ü'\"\\*#.~q");
    s.each([
        declare(&q, "", none()),
        declare(&q, "durable", none()),
        delete(&q, ""),
        declare(&q, "passive", none()),
    ]);
}

fn different_durable(s: &mut Stage) {
    let (q, d) = (s.name("q"), s.name("d"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "durable", none()),
        declare(&d, "durable", none()),
        declare(&d, "", none()),
    ]);
}

fn different_exclusive(s: &mut Stage) {
    let (q, e) = (s.name("q"), s.name("e"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "exclusive", none()),
        declare(&e, "exclusive", none()),
        declare(&e, "", none()),
        declare(&e, "passive", none()),
    ]);
}

fn different_auto_delete(s: &mut Stage) {
    let (q, a) = (s.name("q"), s.name("a"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "auto_delete", none()),
        declare(&a, "auto_delete", none()),
        declare(&a, "", none()),
        declare(&a, "durable auto_delete exclusive", none()),
    ]);
}

fn different_arguments(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    s.each([
        declare(&q, "", args([("x-max-length", int(5))])),
        declare(&q, "", args([("x-max-length", int(6))])),
        declare(&q, "", none()),
        declare(&q, "", args([("x-max-length", int(5)), ("x-message-ttl", int(1000))])),
        declare(&r, "", none()),
        declare(&r, "", args([("x-message-ttl", int(1000))])),
        declare(&r, "", args([("x-expires", int(60_000))])),
        declare(&r, "", args([("x-max-length", int(1))])),
        declare(&r, "", args([("x-max-length-bytes", int(1))])),
        declare(&r, "", args([("x-overflow", text("reject-publish"))])),
        declare(&r, "", args([("x-dead-letter-exchange", text("dlx"))])),
        declare(&r, "", args([("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text("k"))])),
        declare(&r, "", args([("x-max-priority", int(5))])),
        declare(&r, "", args([("x-queue-mode", text("lazy"))])),
        declare(&r, "", args([("x-queue-type", text("classic"))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(true))])),
        declare(&r, "", args([("x-something", text("unknown"))])),
    ]);
}

fn different_argument_types(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    s.each([
        declare(&q, "", args([("x-max-length", int(5)), ("x-dead-letter-exchange", text("dlx"))])),
        declare(&q, "", args([("x-max-length", long(5)), ("x-dead-letter-exchange", text("dlx"))])),
        declare(&q, "", args([("x-max-length", int(5)), ("x-dead-letter-exchange", text("DLX"))])),
        declare(&q, "", args([("x-max-length", int(5))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(true))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(false))])),
        declare(&r, "", none()),
    ]);
}

fn exclusive_of_another(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "exclusive", none()));
    s.each([
        declare(&q, "exclusive", none()),
        declare(&q, "passive", none()),
        declare(&q, "", none()),
        bind(&q, "amq.direct", "k", none()),
        unbind(&q, "amq.direct", "k", none()),
        purge(&q),
        get(&q, ""),
        consume(&q, "t", ""),
        delete(&q, ""),
    ]);
    let b = s.connect();
    b.publish(1, &message("", &q, "anyone may publish to it"));
    b.call(1, &declare("", "exclusive", none()));
    b.sync(1);
    a.call(1, &consume(&q, "t", "no_ack"));
    a.messages(1, 1);
}

fn exclusive_goes_with_its_connection(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    let b = s.connect();
    a.call(1, &declare(&q, "exclusive durable", none()));
    a.close_quietly();
    b.call(1, &declare(&q, "passive", none()));
}

fn exclusive_stays_with_its_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "exclusive", none()));
    c.call(1, &channel_close(200, ""));
    c.open(2);
    c.call(2, &declare(&q, "passive", none()));
}

fn auto_delete_with_the_last_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "auto_delete", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &consume(&q, "u", ""));
    c.call(1, &cancel("t", ""));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &cancel("u", ""));
    c.call(1, &declare(&q, "passive", none()));
}

fn auto_delete_stays_without_a_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "auto_delete", none()));
    c.publish(1, &message("", &q, "m"));
    c.call(1, &get(&q, "no_ack"));
    c.close_quietly();
    let d = s.connect();
    d.call(1, &declare(&q, "passive", none()));
}

fn auto_delete_when_the_channel_closes(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(2, &declare(&q, "auto_delete", none()));
    c.call(2, &consume(&q, "t", ""));
    c.call(2, &channel_close(200, ""));
    c.call(1, &declare(&q, "passive", none()));
}

fn delete_missing(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        delete(&q, ""),
        delete(&q, "if_unused if_empty"),
        declare(&q, "", none()),
        delete(&q, ""),
        delete(&q, ""),
    ]);
}

fn delete_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "one"));
    c.publish(1, &message("", &q, "two"));
    c.publish(1, &message("", &q, "three"));
    c.call(1, &get(&q, ""));
    c.call(1, &delete(&q, ""));
    c.send(1, &ack(1, ""));
    c.sync(1);
}

fn delete_if_unused(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.open(2);
    c.call(2, &delete(&q, "if_unused"));
    c.call(1, &cancel("t", ""));
    c.open(2);
    c.call(2, &delete(&q, "if_unused"));
}

fn delete_if_empty(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "m"));
    c.call(1, &delete(&q, "if_empty"));
    c.open(1);
    c.call(1, &get(&q, ""));
    c.call(1, &delete(&q, "if_empty"));
}

fn delete_if_both(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &qos(1, "global"));
    c.publish(1, &message("", &q, "one"));
    c.publish(1, &message("", &q, "two"));
    c.messages(1, 1);
    c.call(1, &declare(&q, "passive", none()));
    c.call(2, &delete(&q, "if_unused if_empty"));
}

fn purge_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &purge(&q));
    c.publish(1, &message("", &q, "one"));
    c.publish(1, &message("", &q, "two"));
    c.call(1, &purge(&q));
    c.call(1, &declare(&q, "passive", none()));
}

fn purge_missing(s: &mut Stage) {
    let q = s.name("q");
    s.each([purge(&q)]);
}

fn purge_leaves_the_unacknowledged(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "one"));
    c.publish(1, &message("", &q, "two"));
    c.call(1, &get(&q, ""));
    c.call(1, &purge(&q));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, ""));
}

fn nowait(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.send(1, &declare(&q, "nowait", none()));
    c.send(1, &bind_nowait(&q, "amq.direct", "k"));
    c.send(1, &consume(&q, "t", "nowait no_ack"));
    c.publish(1, &message("amq.direct", &q, "unroutable"));
    c.publish(1, &message("", &q, "m"));
    c.messages(1, 1);
    c.send(1, &cancel("t", "nowait"));
    c.call(1, &declare(&q, "passive", none()));
    c.send(1, &delete(&q, "nowait"));
    c.call(1, &declare(&q, "passive", none()));
}

fn nowait_errors(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    for method in [
        declare(&q, "passive nowait", none()),
        bind_nowait(&q, "amq.direct", "k"),
        consume(&q, "t", "nowait"),
    ] {
        c.send(1, &method);
        c.answer(1);
        c.open(1);
    }
}

fn bind_missing(s: &mut Stage) {
    let (q, e) = (s.name("q"), s.name("e"));
    s.each([
        bind(&q, "amq.direct", "k", none()),
        bind(&q, &e, "k", none()),
        declare(&q, "", none()),
        bind(&q, &e, "k", none()),
        unbind(&q, &e, "k", none()),
        delete(&q, ""),
        unbind(&q, "amq.direct", "k", none()),
    ]);
}

fn bind_default_exchange(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        bind(&q, "", &q, none()),
        bind(&q, "", "other", none()),
        unbind(&q, "", &q, none()),
    ]);
}

fn bind_with_empty_names(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind("", "amq.direct", "some key", none()));
    c.call(1, &bind(&q, "amq.direct", "", none()));
    c.publish(1, &message("amq.direct", "", "empty key").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn bind_twice(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let key = q.as_str();
    c.call(1, &bind(&q, "amq.direct", key, none()));
    c.call(1, &bind(&q, "amq.direct", key, none()));
    c.call(1, &bind(&q, "amq.direct", key, args([("other", int(1))])));
    c.publish(1, &message("amq.direct", key, "once").options("mandatory"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &unbind(&q, "amq.direct", key, none()));
    c.publish(1, &message("amq.direct", key, "the other binding").options("mandatory"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &unbind(&q, "amq.direct", key, args([("other", int(1))])));
    c.publish(1, &message("amq.direct", key, "no binding").options("mandatory"));
    c.call(1, &declare(&q, "passive", none()));
}

fn unbind_what_is_not_bound(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        unbind(&q, "amq.direct", "k", none()),
        unbind(&q, "amq.direct", "k", args([("a", int(1))])),
    ]);
}

fn durable_outlives_its_connection(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "durable", none()));
    a.publish(1, &message("", &q, "transient"));
    a.publish(1, &message("", &q, "persistent").with(|p| p.with_delivery_mode(2)));
    a.call(1, &declare(&q, "passive", none()));
    a.close_quietly();
    let b = s.connect();
    b.call(1, &get(&q, ""));
    b.call(1, &get(&q, ""));
}

fn delete_takes_bindings_along(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, "amq.topic", &q, none()));
    c.call(1, &delete(&q, ""));
    c.publish(1, &message("amq.topic", &q, "m").options("mandatory"));
    c.sync(1);
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("amq.topic", &q, "m").options("mandatory"));
    c.sync(1);
}
