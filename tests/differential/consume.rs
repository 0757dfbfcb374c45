//! Consumers: tags, credit, turns, exclusivity, priorities, and being told that the queue is gone.

use amq_protocol::protocol::AMQPClass;

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    missing_queue generated_tag tag_in_use tag_in_use_on_another_channel cancel_unknown cancel_twice cancel_keeps_unacknowledged
    delivers_what_waits no_ack tags_count_per_channel no_local qos_per_consumer qos_zero qos_later_consumers_only
    qos_global qos_global_and_per_consumer qos_lowered qos_prefetch_size qos_does_not_limit_no_ack qos_does_not_limit_get
    round_robin round_robin_skips_full_consumers two_queues_one_consumer_each exclusive exclusive_when_others_consume
    exclusive_freed exclusive_on_the_same_channel cancel_notify cancel_notify_without_capability
    cancel_notify_exclusive_queue cancel_notify_no_ack cancel_then_delete priority priority_when_full priority_equal
    single_active single_active_takes_over single_active_exclusive single_active_and_priority single_active_channel_closed
    get_empty get_counts get_missing get_redelivered get_no_ack get_while_consuming longest_tag
    consume_nowait_without_tag close_requeues delivery_after_cancel_is_none cancel_from_another_channel exclusive_queue_exclusive_consumer
    deleted_queue_unacknowledged ack_after_cancel qos_grows
}

fn fill(c: &crate::peer::Peer, queue: &str, bodies: &[&str]) {
    for body in bodies {
        c.put(&message("", queue, body));
    }
}

fn missing_queue(s: &mut Stage) {
    let q = s.name("q");
    s.each([consume(&q, "t", ""), consume(&q, "t", "no_ack exclusive")]);
}

fn generated_tag(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "", "no_ack"));
    let answer = c.call(1, &consume(&q, "", "no_ack"));
    let tag = crate::peer::Peer::name_in(answer.as_ref());
    c.call(1, &cancel(&tag, ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
}

fn tag_in_use(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(1, &consume(&q, "t", "no_ack"));
}

fn tag_in_use_on_another_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(2, &consume(&q, "t", "no_ack"));
    fill(&c, &q, &["one"]);
    c.messages(1, 1);
    fill(&c, &q, &["two"]);
    c.messages(2, 1);
}

fn cancel_unknown(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &cancel("unknown", ""));
    c.call(1, &cancel("", ""));
    c.send(1, &cancel("unknown", "nowait"));
    c.sync(1);
}

fn cancel_twice(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &cancel("t", ""));
    c.call(1, &cancel("t", ""));
    c.call(1, &consume(&q, "t", ""));
}

fn cancel_from_another_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(2, &cancel("t", ""));
    fill(&c, &q, &["still consumed"]);
    c.messages(1, 1);
}

fn cancel_keeps_unacknowledged(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one", "two"]);
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(1, &cancel("t", ""));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, ""));
    c.send(1, &ack(2, ""));
    c.call(1, &get(&q, ""));
}

fn ack_after_cancel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one"]);
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
    c.call(1, &cancel("t", ""));
    c.send(1, &ack(1, ""));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn delivery_after_cancel_is_none(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &cancel("t", ""));
    fill(&c, &q, &["one"]);
    c.sync(1);
    c.call(1, &get(&q, ""));
}

fn delivers_what_waits(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one", "two", "three"]);
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 3);
    fill(&c, &q, &["four"]);
    c.messages(1, 1);
}

fn no_ack(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one"]);
    c.call(1, &consume(&q, "t", "no_ack"));
    c.messages(1, 1);
    c.send(1, &ack(1, ""));
    c.answer(1);
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn tags_count_per_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["one", "two", "three", "four"]);
    c.open(2);
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, "no_ack"));
    c.call(2, &get(&q, ""));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
}

fn no_local(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_local no_ack"));
    c.publish(1, &message("", &q, "from here"));
    c.messages(1, 1);
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
    c.raw("basic.qos with prefetch_size 1", &frame::frame(frame::METHOD, 1, &payload));
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

fn cancel_notify(s: &mut Stage) {
    let q = s.name("q");
    let (a, b) = (s.connect(), s.connect());
    a.call(1, &declare(&q, "", none()));
    a.call(1, &consume(&q, "t", ""));
    a.call(1, &consume(&q, "u", "no_ack"));
    b.call(1, &delete(&q, ""));
    a.frames(1, 2);
    a.call(1, &cancel("t", ""));
    a.call(1, &consume(&q, "t", ""));
}

fn cancel_notify_without_capability(s: &mut Stage) {
    let q = s.name("q");
    let (a, b) = (s.connect_as(&[], 0, 131_072), s.connect());
    a.call(1, &declare(&q, "", none()));
    a.call(1, &consume(&q, "t", ""));
    b.call(1, &delete(&q, ""));
    a.sync(1);
    a.call(1, &cancel("t", ""));
}

fn cancel_notify_exclusive_queue(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "exclusive", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &delete(&q, ""));
    c.frames(1, 1);
}

fn cancel_notify_no_ack(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(2, &delete(&q, ""));
    c.frames(1, 1);
}

fn cancel_then_delete(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.call(1, &cancel("t", ""));
    c.call(1, &delete(&q, ""));
    c.sync(1);
}

fn deleted_queue_unacknowledged(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2"]);
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 2);
    c.call(2, &delete(&q, ""));
    c.frames(1, 1);
    c.send(1, &ack(1, ""));
    c.send(1, &nack(2, "requeue"));
    c.sync(1);
    c.send(1, &ack(1, ""));
    c.sync(1);
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

fn get_empty(s: &mut Stage) {
    let q = s.name("q");
    s.each([declare(&q, "", none()), get(&q, ""), get(&q, "no_ack")]);
}

fn get_counts(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1", "2", "3"]);
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
}

fn get_missing(s: &mut Stage) {
    let q = s.name("q");
    s.each([get(&q, ""), get(&q, "no_ack")]);
}

fn get_redelivered(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1"]);
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, "requeue"));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(2, "requeue"));
    c.call(1, &get(&q, ""));
}

fn get_no_ack(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    fill(&c, &q, &["1"]);
    c.call(1, &get(&q, "no_ack"));
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn get_while_consuming(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &qos(1, ""));
    c.call(1, &consume(&q, "t", ""));
    fill(&c, &q, &["1", "2"]);
    c.messages(1, 1);
    c.call(1, &get(&q, ""));
    c.send(1, &ack(0, "multiple"));
    c.sync(1);
    c.call(1, &get(&q, ""));
}

fn longest_tag(s: &mut Stage) {
    let q = s.name("q");
    let tag = "t".repeat(255);
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, &tag, "no_ack"));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    c.call(1, &consume(&q, &tag, "no_ack"));
}

fn consume_nowait_without_tag(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.send(1, &consume(&q, "", "nowait no_ack"));
    c.sync(1);
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
}

fn close_requeues(s: &mut Stage) {
    let q = s.name("q");
    let (a, b) = (s.connect(), s.connect());
    a.call(1, &declare(&q, "", none()));
    fill(&a, &q, &["1", "2", "3"]);
    a.call(1, &consume(&q, "t", ""));
    a.messages(1, 3);
    a.send(1, &ack(2, ""));
    a.call(1, &channel_close(200, ""));
    b.call(1, &get(&q, ""));
    b.call(1, &get(&q, ""));
    b.call(1, &get(&q, ""));
    b.close_quietly();
    let d = s.connect();
    d.call(1, &get(&q, "no_ack"));
    d.call(1, &get(&q, "no_ack"));
}
