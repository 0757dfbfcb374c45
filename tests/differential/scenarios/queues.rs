//! Queues: declaring them, and every way to be refused.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    declare_counts passive_missing generated_name empty_name_is_the_last_declared
    empty_name_without_one passive_empty_name reserved_names reserved_name_that_exists longest_name
    name_with_odd_characters exclusive_goes_with_its_connection exclusive_stays_with_its_channel
    nowait nowait_errors durable_outlives_its_connection errors_of_the_empty_name
}

fn declare_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "one"));
    c.put(&message("", &q, "two"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &cancel("t", ""));
    c.call(1, &declare(&q, "passive", none()));
    c.send(1, &nack(0, "multiple requeue"));
    c.call(1, &get(&q, ""));
    c.call(1, &declare(&q, "passive", none()));
}

fn passive_missing(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "passive", none()),
        declare("amq.nothing", "passive", none()),
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
    c.publish(
        1,
        &message("amq.direct", &r, "an empty key stands for the name as well"),
    );
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
    c.open_again(1);
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

fn durable_outlives_its_connection(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "durable", none()));
    a.put(&message("", &q, "transient"));
    a.put(&message("", &q, "persistent").with(|p| p.with_delivery_mode(2)));
    a.call(1, &declare(&q, "passive", none()));
    a.close_quietly();
    let b = s.connect();
    b.call(1, &get(&q, ""));
    b.call(1, &get(&q, ""));
}
