//! What time does: messages that expire, queues that do. Nothing sleeps: a dead letter says that the time has come.

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    queue_ttl message_ttl lower_of_both_message lower_of_both_queue ttl_zero_without_consumer ttl_zero_with_consumer
    expiration_zero_without_consumer expiration_zero_with_consumer expiration_zero_behind_others ttl_zero_full_consumer expires_only_at_the_head
    unacknowledged_do_not_expire requeued_expire expiration_kept_on_delivery queue_expires queue_expires_not_while_consumed
    queue_expires_after_the_last_consumer queue_expires_with_messages mandatory_and_ttl_zero
    ttl_and_get many_expire_in_order
    priority_expires_behind_others
}

/// A queue whose dead letters arrive at a consumer on channel 2.
fn with_dead_letters(
    s: &mut Stage,
    mut arguments: amq_protocol::types::FieldTable,
) -> (Peer, String) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.open(2);
    c.call(2, &declare(&dead, "", none()));
    c.call(2, &consume(&dead, "dead", "no_ack"));
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(&dead));
    c.call(1, &declare(&q, "", arguments));
    (c, q)
}

fn queue_ttl(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(30))]));
    c.put(&message("", &q, "m"));
    c.messages(2, 1);
    c.call(1, &get(&q, ""));
}

fn message_ttl(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    c.put(&message("", &q, "m").expires("30"));
    c.messages(2, 1);
    c.call(1, &get(&q, ""));
}

fn lower_of_both_message(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(60_000))]));
    c.put(&message("", &q, "m").expires("30"));
    c.messages(2, 1);
}

fn lower_of_both_queue(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(30))]));
    c.put(&message("", &q, "m").expires("60000"));
    c.messages(2, 1);
}

fn ttl_zero_without_consumer(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(0))]));
    c.put(&message("", &q, "m"));
    c.messages(2, 1);
    c.call(1, &get(&q, ""));
}

fn ttl_zero_with_consumer(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(0))]));
    c.call(1, &consume(&q, "t", ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    c.send(1, &nack(1, "requeue"));
    c.sync(1);
}

fn ttl_zero_full_consumer(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(0))]));
    c.call(1, &qos(1, ""));
    c.call(1, &consume(&q, "t", ""));
    c.put(&message("", &q, "1"));
    c.messages(1, 1);
    c.put(&message("", &q, "2"));
    c.messages(2, 1);
}

fn expiration_zero_without_consumer(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    c.put(&message("", &q, "m").expires("0"));
    c.messages(2, 1);
    c.call(1, &get(&q, ""));
}

fn expiration_zero_with_consumer(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    c.call(1, &consume(&q, "t", "no_ack"));
    c.put(&message("", &q, "m").expires("0"));
    c.messages(1, 1);
}

fn expiration_zero_behind_others(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    c.put(&message("", &q, "stays"));
    c.put(&message("", &q, "expires").expires("0"));
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &get(&q, "no_ack"));
    c.messages(2, 1);
    c.call(1, &get(&q, "no_ack"));
}

fn expires_only_at_the_head(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    let other = s.name("other");
    c.put(&message("", &q, "long").expires("60000"));
    c.put(&message("", &q, "short").expires("20"));
    // Another queue's clock tells that the time of the short one is over.
    c.call(1, &declare(&other, "", args([("x-expires", int(300))])));
    c.wait_until_unroutable(&other);
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &get(&q, "no_ack"));
    c.messages(2, 1);
    c.call(1, &get(&q, "no_ack"));
}

fn unacknowledged_do_not_expire(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(150))]));
    c.put(&message("", &q, "first"));
    c.call(1, &get(&q, ""));
    c.put(&message("", &q, "second"));
    c.messages(2, 1);
    c.send(1, &ack(1, ""));
    c.sync(1);
    c.sync(2);
}

fn requeued_expire(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(150))]));
    c.put(&message("", &q, "first"));
    c.call(1, &get(&q, ""));
    c.put(&message("", &q, "second"));
    c.messages(2, 1);
    c.send(1, &nack(1, "requeue"));
    c.messages(2, 1);
}

fn expiration_kept_on_delivery(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(60_000))]));
    c.put(&message("", &q, "m").expires("50000"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn ttl_and_get(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, none());
    c.put(&message("", &q, "1").expires("20"));
    c.put(&message("", &q, "2").expires("20"));
    c.put(&message("", &q, "3").expires("60000"));
    c.messages(2, 2);
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &get(&q, "no_ack"));
}

fn many_expire_in_order(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-message-ttl", int(50))]));
    for body in ["1", "2", "3", "4", "5"] {
        c.put(&message("", &q, body));
    }
    c.messages(2, 5);
    c.call(1, &declare(&q, "passive", none()));
}

fn mandatory_and_ttl_zero(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", args([("x-message-ttl", int(0))])));
    c.put(&message("", &q, "m").options("mandatory"));
    c.call(1, &get(&q, ""));
}

fn queue_expires(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", args([("x-expires", int(600))])));
    c.wait_until_unroutable(&q);
    c.call(1, &declare(&q, "passive", none()));
}

fn queue_expires_not_while_consumed(s: &mut Stage) {
    let (q, other) = (s.name("q"), s.name("other"));
    let c = s.connect();
    c.call(1, &declare(&q, "", args([("x-expires", int(600))])));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(1, &declare(&other, "", args([("x-expires", int(1200))])));
    c.wait_until_unroutable(&other);
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
}

fn queue_expires_after_the_last_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", args([("x-expires", int(600))])));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(1, &cancel("t", ""));
    c.wait_until_unroutable(&q);
    c.call(1, &declare(&q, "passive", none()));
}

fn queue_expires_with_messages(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-expires", int(600))]));
    c.put(&message("", &q, "is not dead-lettered"));
    c.wait_until_unroutable(&q);
    c.sync(2);
}

fn priority_expires_behind_others(s: &mut Stage) {
    let (c, q) = with_dead_letters(s, args([("x-max-priority", int(1))]));
    let (clock, dead) = (s.name("clock"), s.name("dead"));
    let to_dead = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&dead)),
    ];
    c.call(1, &declare(&clock, "", args(to_dead)));
    let high = |body: &str| message("", &q, body).with(|properties| properties.with_priority(1));
    c.put(&high("first"));
    c.put(&high("second").expires("1"));
    c.put(&message("", &q, "low").expires("1"));
    // When this one has expired, the others could have.
    c.put(&message("", &clock, "late").expires("60"));
    c.messages(2, 1);
    c.call(1, &get(&q, ""));
    c.messages(2, 2);
    c.call(1, &get(&q, ""));
}
