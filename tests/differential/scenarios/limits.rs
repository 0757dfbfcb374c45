//! Queues with a maximum length, and queues with priorities.

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    drop_head max_length_zero max_length_zero_with_consumer drop_head_bytes reject_publish reject_publish_confirms reject_publish_mandatory
    reject_publish_bytes reject_publish_room_again unacknowledged_do_not_count requeue_over_the_limit requeue_over_the_limit_rejecting
    both_limits limit_with_two_queues priorities priorities_above_the_maximum priority_missing priorities_fifo priorities_consumer_first
    priorities_requeue priorities_drop_head priorities_and_expiry max_priority_zero reject_publish_without_confirm
}

fn limited(s: &mut Stage, arguments: amq_protocol::types::FieldTable) -> (Peer, String) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", arguments));
    (c, q)
}

fn put_all(c: &Peer, queue: &str, bodies: &[&str]) {
    for body in bodies {
        c.put(&message("", queue, body));
    }
}

fn get_all(c: &Peer, queue: &str, count: usize) {
    for _ in 0..count {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn drop_head(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length", int(2))]));
    put_all(&c, &q, &["1", "2", "3", "4"]);
    c.call(1, &declare(&q, "passive", none()));
    get_all(&c, &q, 3);
}

fn max_length_zero(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length", int(0))]));
    put_all(&c, &q, &["1"]);
    get_all(&c, &q, 1);
}

fn max_length_zero_with_consumer(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length", int(0))]));
    c.call(1, &consume(&q, "t", "no_ack"));
    put_all(&c, &q, &["1"]);
    c.messages(1, 1);
}

fn drop_head_bytes(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length-bytes", int(10))]));
    put_all(&c, &q, &["12345", "67890", "1"]);
    c.call(1, &declare(&q, "passive", none()));
    put_all(&c, &q, &["", "12345678901"]);
    c.call(1, &declare(&q, "passive", none()));
    get_all(&c, &q, 2);
}

fn rejecting(length: i32) -> amq_protocol::types::FieldTable {
    args([
        ("x-max-length", int(length)),
        ("x-overflow", text("reject-publish")),
    ])
}

fn reject_publish(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(1));
    put_all(&c, &q, &["1", "2", "3"]);
    get_all(&c, &q, 2);
}

fn reject_publish_confirms(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(2));
    c.call(1, &confirm_select(""));
    for body in ["1", "2", "3"] {
        c.publish(1, &message("", &q, body));
        c.frames(1, 1);
    }
    get_all(&c, &q, 1);
    c.publish(1, &message("", &q, "4"));
    c.frames(1, 1);
}

fn reject_publish_without_confirm(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(1));
    c.publish(1, &message("", &q, "1"));
    c.publish(1, &message("", &q, "2"));
    c.sync(1);
    get_all(&c, &q, 2);
}

fn reject_publish_mandatory(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(0));
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "1").options("mandatory"));
    c.frames(1, 1);
}

fn reject_publish_bytes(s: &mut Stage) {
    let arguments = args([
        ("x-max-length-bytes", int(10)),
        ("x-overflow", text("reject-publish")),
    ]);
    let (c, q) = limited(s, arguments);
    put_all(&c, &q, &["123456", "123456", "1"]);
    get_all(&c, &q, 2);
}

fn reject_publish_room_again(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(1));
    put_all(&c, &q, &["1"]);
    c.call(1, &get(&q, ""));
    put_all(&c, &q, &["2", "3"]);
    c.send(1, &ack(1, ""));
    c.sync(1);
    put_all(&c, &q, &["4"]);
}

fn unacknowledged_do_not_count(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length", int(1))]));
    put_all(&c, &q, &["1"]);
    c.call(1, &get(&q, ""));
    put_all(&c, &q, &["2"]);
    c.call(1, &get(&q, ""));
    put_all(&c, &q, &["3"]);
    get_all(&c, &q, 2);
}

fn requeue_over_the_limit(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-length", int(1))]));
    put_all(&c, &q, &["1"]);
    c.call(1, &get(&q, ""));
    put_all(&c, &q, &["2"]);
    c.send(1, &nack(1, "requeue"));
    get_all(&c, &q, 2);
}

fn requeue_over_the_limit_rejecting(s: &mut Stage) {
    let (c, q) = limited(s, rejecting(1));
    put_all(&c, &q, &["1"]);
    c.call(1, &get(&q, ""));
    put_all(&c, &q, &["2"]);
    c.send(1, &nack(1, "requeue"));
    get_all(&c, &q, 3);
}

fn both_limits(s: &mut Stage) {
    let arguments = args([("x-max-length", int(3)), ("x-max-length-bytes", int(5))]);
    let (c, q) = limited(s, arguments);
    put_all(&c, &q, &["1", "2", "3", "4"]);
    c.call(1, &declare(&q, "passive", none()));
    put_all(&c, &q, &["55555"]);
    get_all(&c, &q, 2);
}

fn limit_with_two_queues(s: &mut Stage) {
    let (e, q, r) = (s.name("e"), s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &declare(&q, "", rejecting(1)));
    c.call(1, &declare(&r, "", none()));
    for queue in [&q, &r] {
        c.call(1, &bind(queue, &e, "", none()));
    }
    c.call(1, &confirm_select(""));
    for body in ["1", "2"] {
        c.publish(1, &message(&e, "", body));
        c.frames(1, 1);
    }
    c.call(1, &purge(&q));
    c.call(1, &purge(&r));
}

fn put_at(c: &Peer, queue: &str, messages: &[(&str, u8)]) {
    for (body, priority) in messages {
        c.put(&message("", queue, body).with(|p| p.with_priority(*priority)));
    }
}

fn priorities(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(5))]));
    put_at(&c, &q, &[("1", 1), ("5", 5), ("0", 0), ("3", 3)]);
    get_all(&c, &q, 4);
}

fn priorities_above_the_maximum(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(3))]));
    put_at(&c, &q, &[("3", 3), ("200", 200), ("4", 4), ("2", 2)]);
    get_all(&c, &q, 4);
}

fn priority_missing(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(3))]));
    put_all(&c, &q, &["none"]);
    put_at(&c, &q, &[("0", 0), ("1", 1)]);
    put_all(&c, &q, &["none"]);
    get_all(&c, &q, 4);
}

fn priorities_fifo(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(2))]));
    put_at(&c, &q, &[("a", 1), ("b", 2), ("c", 1), ("d", 2)]);
    get_all(&c, &q, 4);
}

fn priorities_consumer_first(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(2))]));
    put_at(&c, &q, &[("a", 1), ("b", 2), ("c", 0)]);
    c.call(1, &qos(1, ""));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
    put_at(&c, &q, &[("d", 2)]);
    for tag in 1..4 {
        c.send(1, &ack(tag, ""));
        c.messages(1, 1);
    }
}

fn priorities_requeue(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(2))]));
    put_at(&c, &q, &[("a", 1), ("b", 2), ("c", 2)]);
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(0, "multiple requeue"));
    get_all(&c, &q, 3);
}

fn priorities_drop_head(s: &mut Stage) {
    let (c, q) = limited(
        s,
        args([("x-max-priority", int(2)), ("x-max-length", int(2))]),
    );
    put_at(&c, &q, &[("low", 0), ("high", 2), ("middle", 1)]);
    get_all(&c, &q, 3);
}

fn priorities_and_expiry(s: &mut Stage) {
    let dead = s.name("dead");
    let (c, q) = limited(
        s,
        args([
            ("x-max-priority", int(2)),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&dead)),
        ]),
    );
    c.open(2);
    c.call(2, &declare(&dead, "", none()));
    c.call(2, &consume(&dead, "dead", "no_ack"));
    c.put(&message("", &q, "low").expires("20"));
    c.put(&message("", &q, "high").with(|p| p.with_priority(2)));
    get_all(&c, &q, 1);
    c.messages(2, 1);
    get_all(&c, &q, 1);
}

fn max_priority_zero(s: &mut Stage) {
    let (c, q) = limited(s, args([("x-max-priority", int(0))]));
    put_at(&c, &q, &[("a", 0), ("b", 5)]);
    get_all(&c, &q, 2);
}
