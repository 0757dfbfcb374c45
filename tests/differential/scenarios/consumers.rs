//! Consumers among themselves: exclusive ones, ones with a priority, single active ones.

use amq_protocol::protocol::AMQPClass;

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    exclusive exclusive_when_others_consume exclusive_freed exclusive_on_the_same_channel priority
    priority_when_full priority_equal single_active single_active_takes_over single_active_exclusive
    single_active_and_priority single_active_channel_closed exclusive_queue_exclusive_consumer
}

fn fill(c: &crate::peer::Peer, queue: &str, bodies: &[&str]) {
    for body in bodies {
        c.put(&message("", queue, body));
    }
}

fn exclusive(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "", none()));
    a.call(1, &consume(&q, "t", "exclusive"));
    s.each([
        consume(&q, "u", ""),
        consume(&q, "u", "exclusive"),
        get(&q, ""),
        purge(&q),
    ]);
}

fn exclusive_when_others_consume(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "", none()));
    a.call(1, &consume(&q, "t", ""));
    s.each([consume(&q, "u", "exclusive"), consume(&q, "u", "")]);
}

fn exclusive_freed(s: &mut Stage) {
    let q = s.name("q");
    let (a, b) = (s.connect(), s.connect());
    a.call(1, &declare(&q, "", none()));
    a.call(1, &consume(&q, "t", "exclusive"));
    a.call(1, &cancel("t", ""));
    b.call(1, &consume(&q, "t", "exclusive"));
    b.call(1, &channel_close(200, ""));
    a.call(1, &consume(&q, "t", ""));
}

fn exclusive_on_the_same_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "exclusive"));
    c.call(1, &consume(&q, "u", ""));
}

fn exclusive_queue_exclusive_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "exclusive", none()));
    c.call(1, &consume(&q, "t", "exclusive no_ack"));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
}

fn consume_at(queue: &str, tag: &str, priority: i32) -> AMQPClass {
    consume_with(queue, tag, "", args([("x-priority", int(priority))]))
}

fn priority(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume_at(&q, "low", -1));
    c.call(1, &consume(&q, "none", ""));
    c.call(1, &consume_at(&q, "high", 5));
    for body in ["1", "2", "3"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
    c.call(1, &cancel("high", ""));
    c.put(&message("", &q, "4"));
    c.messages(1, 1);
}

fn priority_when_full(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &qos(1, ""));
    c.call(1, &consume_at(&q, "low", 1));
    c.call(1, &consume_at(&q, "high", 2));
    for body in ["1", "2"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
    c.put(&message("", &q, "3"));
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.messages(1, 1);
}

fn priority_equal(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume_at(&q, "a", 5));
    c.call(1, &consume_at(&q, "b", 5));
    c.call(1, &consume_at(&q, "c", 1));
    for body in ["1", "2", "3", "4"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
}

fn single() -> amq_protocol::types::FieldTable {
    args([("x-single-active-consumer", boolean(true))])
}

fn single_active(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", single()));
    c.call(1, &consume(&q, "a", "no_ack"));
    c.call(1, &consume(&q, "b", "no_ack"));
    for body in ["1", "2"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
    c.call(1, &declare(&q, "passive", none()));
}

fn single_active_takes_over(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", single()));
    for tag in ["a", "b", "c"] {
        c.call(1, &consume(&q, tag, ""));
    }
    c.put(&message("", &q, "1"));
    c.messages(1, 1);
    c.call(1, &cancel("a", ""));
    c.put(&message("", &q, "2"));
    c.messages(1, 1);
    c.call(1, &cancel("b", ""));
    c.put(&message("", &q, "3"));
    c.messages(1, 1);
    c.send(1, &nack(1, "requeue"));
    c.messages(1, 1);
}

fn single_active_exclusive(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", single()));
    c.call(1, &consume(&q, "a", "exclusive"));
    c.open_again(1);
    c.call(1, &consume(&q, "a", ""));
    c.call(1, &consume(&q, "b", "exclusive"));
}

fn single_active_and_priority(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", single()));
    c.call(1, &consume_at(&q, "low", 1));
    c.call(1, &consume_at(&q, "high", 5));
    c.call(1, &consume_at(&q, "higher", 7));
    c.put(&message("", &q, "1"));
    c.messages(1, 1);
    c.call(1, &cancel("low", ""));
    c.put(&message("", &q, "2"));
    c.messages(1, 1);
}

fn single_active_channel_closed(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", single()));
    c.call(2, &consume(&q, "a", ""));
    c.call(1, &consume(&q, "b", ""));
    fill(&c, &q, &["1", "2"]);
    c.messages(2, 2);
    c.call(2, &channel_close(200, ""));
    c.messages(1, 2);
}
