//! Queues and bindings that go: deleted, purged, unbound, auto-deleted.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    auto_delete_with_the_last_consumer auto_delete_stays_without_a_consumer
    auto_delete_when_the_channel_closes delete_missing delete_counts delete_if_unused
    delete_if_empty delete_if_both purge_counts purge_missing purge_leaves_the_unacknowledged
    bind_missing bind_default_exchange bind_twice unbind_what_is_not_bound bind_with_empty_names
    delete_takes_bindings_along
    delete_with_line_ends
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
    c.put(&message("", &q, "one"));
    c.put(&message("", &q, "two"));
    c.put(&message("", &q, "three"));
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
    c.put(&message("", &q, "one"));
    c.put(&message("", &q, "two"));
    c.messages(1, 1);
    c.call(1, &declare(&q, "passive", none()));
    c.call(2, &delete(&q, "if_unused if_empty"));
}

fn purge_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &purge(&q));
    c.put(&message("", &q, "one"));
    c.put(&message("", &q, "two"));
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
    c.put(&message("", &q, "one"));
    c.put(&message("", &q, "two"));
    c.call(1, &get(&q, ""));
    c.call(1, &purge(&q));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, ""));
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
    c.publish(
        1,
        &message("amq.direct", "", "empty key").options("mandatory"),
    );
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
    c.put(&message("amq.direct", key, "once").options("mandatory"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &unbind(&q, "amq.direct", key, none()));
    c.put(&message("amq.direct", key, "the other binding").options("mandatory"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &unbind(&q, "amq.direct", key, args([("other", int(1))])));
    c.put(&message("amq.direct", key, "no binding").options("mandatory"));
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

fn delete_with_line_ends(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "m"));
    let odd = format!("\r{q}\n");
    s.each([
        purge(&odd),
        delete(&odd, ""),
        declare(&q, "passive", none()),
    ]);
}
