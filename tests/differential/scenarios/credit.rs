//! Credit and turns: how many messages a consumer may hold, and who gets the next one.

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    qos_per_consumer qos_zero qos_later_consumers_only qos_global qos_global_and_per_consumer
    qos_lowered qos_prefetch_size qos_does_not_limit_no_ack qos_does_not_limit_get round_robin
    round_robin_skips_full_consumers two_queues_one_consumer_each qos_grows
    qos_global_holds_no_ack_back
    qos_per_consumer_lifts_the_global
    credit_that_comes_back_is_the_last_turn credit_that_was_not_missed_keeps_the_turn
}

fn fill(c: &crate::peer::Peer, queue: &str, bodies: &[&str]) {
    for body in bodies {
        c.put(&message("", queue, body));
    }
}

fn qos_per_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one", "two", "three", "four", "five"]);
    c.call(1, &qos(2, ""));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &consume(&q, "u", ""));
    c.messages(1, 2);
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.messages(1, 1);
}

fn qos_zero(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one", "two", "three"]);
    c.call(1, &qos(1, ""));
    c.call(1, &qos(0, ""));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 3);
}

fn qos_later_consumers_only(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    fill(&c, &r, &["r1", "r2"]);
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &qos(1, ""));
    fill(&c, &q, &["q1", "q2"]);
    c.messages(1, 2);
    c.call(1, &consume(&r, "u", ""));
    c.messages(1, 1);
    c.sync(1);
    c.send(1, &ack(3, ""));
    c.messages(1, 1);
}

fn qos_global(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    fill(&c, &q, &["q1", "q2", "q3"]);
    fill(&c, &r, &["r1"]);
    c.call(1, &qos(2, "global"));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &consume(&r, "u", ""));
    c.sync(1);
    c.call(1, &cancel("t", ""));
    c.send(1, &ack(1, ""));
    c.messages(1, 1);
}

fn qos_global_and_per_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3", "4", "5"]);
    c.call(1, &qos(3, "global"));
    c.call(1, &qos(2, ""));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &consume(&q, "u", ""));
    c.messages(1, 1);
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.messages(1, 1);
}

fn qos_lowered(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3", "4", "5"]);
    c.call(1, &qos(3, "global"));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 3);
    c.call(1, &qos(1, "global"));
    c.send(1, &ack(1, ""));
    c.sync(1);
    c.send(1, &ack(2, ""));
    c.sync(1);
    c.send(1, &ack(3, ""));
    c.messages(1, 1);
}

fn qos_grows(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3", "4"]);
    c.call(1, &qos(1, "global"));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
    c.sync(1);
    c.call(1, &qos(3, "global"));
    c.messages(1, 2);
    c.call(1, &qos(0, "global"));
    c.messages(1, 1);
}

fn qos_prefetch_size(s: &mut Stage) {
    let c = s.connect();
    let mut payload = frame::payload(&qos(1, ""));
    payload[7] = 1;
    c.raw(
        "basic.qos with prefetch_size 1",
        &frame::frame(frame::METHOD, 1, &payload),
    );
    c.answer(1);
}

fn qos_does_not_limit_no_ack(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3"]);
    c.call(1, &qos(1, ""));
    c.call(1, &qos(1, "global"));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.messages(1, 3);
}

fn qos_global_holds_no_ack_back(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    c.call(1, &qos(1, "global"));
    c.call(1, &consume(&q, "acks", ""));
    c.call(1, &consume(&r, "does not", "no_ack"));
    c.put(&message("", &q, "q1"));
    c.messages(1, 1);
    fill(&c, &r, &["r1", "r2"]);
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.messages(1, 2);
}

fn qos_does_not_limit_get(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3"]);
    c.call(1, &qos(1, "global"));
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.call(1, &consume(&q, "t", ""));
    c.sync(1);
    c.send(1, &ack(2, "multiple"));
    c.sync(1);
}

fn round_robin(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for tag in ["a", "b", "c"] {
        c.call(1, &consume(&q, tag, "no_ack"));
    }
    for body in ["1", "2", "3", "4", "5", "6", "7"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
}

fn round_robin_skips_full_consumers(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &qos(1, ""));
    c.call(1, &consume(&q, "a", ""));
    c.call(1, &qos(3, ""));
    c.call(1, &consume(&q, "b", ""));
    for body in ["1", "2", "3", "4"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
    c.put(&message("", &q, "5"));
    c.put(&message("", &q, "6"));
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.messages(1, 1);
    c.send(1, &ack(2, ""));
    c.messages(1, 1);
}

fn two_queues_one_consumer_each(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &declare(&r, "", none()));
    c.call(1, &consume(&q, "q", "no_ack"));
    c.call(1, &consume(&r, "r", "no_ack"));
    for (queue, body) in [(&r, "1"), (&q, "2"), (&r, "3")] {
        c.put(&message("", queue, body));
        c.messages(1, 1);
    }
}

fn qos_per_consumer_lifts_the_global(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3"]);
    c.call(1, &qos(1, "global"));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
    c.sync(1);
    c.call(1, &qos(1, ""));
    c.messages(1, 2);
}

/// Each consumer on a channel of its own; "a" can hold one message.
fn three(s: &mut Stage) -> (crate::peer::Peer, String) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for (channel, tag, prefetch) in [(2, "a", 1), (3, "b", 9), (4, "c", 9)] {
        c.open(channel);
        c.call(channel, &qos(prefetch, ""));
        c.call(channel, &consume(&q, tag, ""));
    }
    for (channel, body) in [(2, "1"), (3, "2"), (4, "3")] {
        c.put(&message("", &q, body));
        c.messages(channel, 1);
    }
    (c, q)
}

fn credit_that_comes_back_is_the_last_turn(s: &mut Stage) {
    let (c, q) = three(s);
    // It was the turn of "a", which had no room.
    c.put(&message("", &q, "4"));
    c.messages(3, 1);
    c.send(2, &ack(1, ""));
    c.sync(2);
    for (channel, body) in [(4, "5"), (3, "6"), (2, "7")] {
        c.put(&message("", &q, body));
        c.messages(channel, 1);
    }
}

fn credit_that_was_not_missed_keeps_the_turn(s: &mut Stage) {
    let (c, q) = three(s);
    c.send(2, &ack(1, ""));
    c.sync(2);
    c.put(&message("", &q, "4"));
    c.messages(2, 1);
}
