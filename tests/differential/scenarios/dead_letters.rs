//! Dead letters: who sends them where.

use amq_protocol::types::FieldTable;

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    rejected nacked nacked_multiple requeued_is_not without_exchange missing_exchange keeps_its_key
    own_key to_a_topic_exchange expired maxlen maxlen_bytes mandatory_is_forgotten
    confirm_of_a_dead_letter exchange_declared_later deleted_queue_sends_none purged_sends_none
    no_ack_sends_none to_many_queues default_exchange_with_key reject_publish_dlx
    alternate_exchange_takes_them closed_channel_sends_none order_of_dead_letters internal_exchange
}

fn to(exchange: &str, key: &str) -> FieldTable {
    args([
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-routing-key", text(key)),
    ])
}

/// A queue that sends its dead letters to another one, from which they are got.
fn pair(s: &mut Stage) -> (Peer, String, String) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &declare(&q, "", to("", &dead)));
    (c, q, dead)
}

/// Consumes dead letters on channel 2.
fn listen(c: &Peer, dead: &str) {
    c.open(2);
    c.call(2, &consume(dead, "dead", "no_ack"));
}

fn rejected(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn nacked(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(1, ""));
    c.messages(2, 1);
}

fn nacked_multiple(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    for body in ["1", "2", "3"] {
        c.put(&message("", &q, body));
        c.call(1, &get(&q, ""));
    }
    c.send(1, &nack(0, "multiple"));
    c.messages(2, 3);
}

fn requeued_is_not(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, "no_ack"));
    c.sync(2);
}

fn without_exchange(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.call(1, &get(&q, ""));
}

fn missing_exchange(s: &mut Stage) {
    let (q, e) = (s.name("q"), s.name("e"));
    let c = s.connect();
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.call(1, &get(&q, ""));
}

fn exchange_declared_later(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "", none()));
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn keeps_its_key(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "#", none()));
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    c.call(1, &bind(&q, "amq.topic", &format!("{q}.*"), none()));
    listen(&c, &dead);
    c.put(&message("amq.topic", &format!("{q}.key"), "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn own_key(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", ""));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "own", none()));
    c.call(1, &declare(&q, "", to(&e, "own")));
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn to_a_topic_exchange(s: &mut Stage) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, "amq.topic", &q, none()));
    c.call(
        1,
        &declare(
            &q,
            "",
            args([("x-dead-letter-exchange", text("amq.topic"))]),
        ),
    );
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn to_many_queues(s: &mut Stage) {
    let (q, e) = (s.name("q"), s.name("e"));
    let (one, two) = (s.name("one"), s.name("two"));
    let c = s.connect();
    c.open(2);
    c.call(1, &exchange_declare(&e, "fanout", ""));
    for dead in [&one, &two] {
        c.call(1, &declare(dead, "", none()));
        c.call(1, &bind(dead, &e, "", none()));
    }
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.call(2, &consume(&one, "one", "no_ack"));
    c.messages(2, 1);
    c.call(2, &consume(&two, "two", "no_ack"));
    c.messages(2, 1);
}

fn default_exchange_with_key(s: &mut Stage) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(""))])),
    );
    listen(&c, &dead);
    c.put(&message("", &q, "back to the queue it died in"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.messages(1, 1);
}

fn expired(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m").expires("20"));
    c.messages(2, 1);
}

fn limited(s: &mut Stage, fields: &[(&str, i32)], overflow: Option<&str>) -> (Peer, String) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    let mut arguments = to("", &dead);
    for (name, value) in fields {
        arguments.insert((*name).into(), int(*value));
    }
    if let Some(overflow) = overflow {
        arguments.insert("x-overflow".into(), text(overflow));
    }
    c.call(1, &declare(&q, "", arguments));
    listen(&c, &dead);
    (c, q)
}

fn maxlen(s: &mut Stage) {
    let (c, q) = limited(s, &[("x-max-length", 2)], None);
    for body in ["1", "2", "3", "4"] {
        c.put(&message("", &q, body));
    }
    c.messages(2, 2);
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &get(&q, "no_ack"));
}

fn maxlen_bytes(s: &mut Stage) {
    let (c, q) = limited(s, &[("x-max-length-bytes", 10)], None);
    for body in ["12345", "67890", "1", "12345678901"] {
        c.put(&message("", &q, body));
    }
    c.messages(2, 4);
    c.call(1, &get(&q, "no_ack"));
}

fn reject_publish_dlx(s: &mut Stage) {
    let (c, q) = limited(s, &[("x-max-length", 1)], Some("reject-publish-dlx"));
    c.put(&message("", &q, "1"));
    c.put(&message("", &q, "2"));
    c.messages(2, 1);
    c.call(1, &get(&q, "no_ack"));
}

fn mandatory_is_forgotten(s: &mut Stage) {
    let (q, nowhere) = (s.name("q"), s.name("nowhere"));
    let c = s.connect();
    c.call(1, &declare(&q, "", to("", &nowhere)));
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m").options("mandatory"));
    c.frames(1, 1);
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.sync(1);
}

fn confirm_of_a_dead_letter(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m").expires("0"));
    c.frames(1, 1);
    c.messages(2, 1);
}

fn deleted_queue_sends_none(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &delete(&q, ""));
    c.sync(2);
}

fn purged_sends_none(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &purge(&q));
    c.sync(2);
}

fn no_ack_sends_none(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, "no_ack"));
    c.sync(2);
}

fn closed_channel_sends_none(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, "no_ack"));
    c.sync(2);
}

fn alternate_exchange_takes_them(s: &mut Stage) {
    let (q, e, ae, dead) = (s.name("q"), s.name("e"), s.name("ae"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&ae, "fanout", ""));
    c.call(
        1,
        &exchange_with(&e, "direct", "", args([("alternate-exchange", text(&ae))])),
    );
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &ae, "", none()));
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn internal_exchange(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", "internal"));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "", none()));
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    listen(&c, &dead);
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn order_of_dead_letters(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    for body in ["1", "2", "3"] {
        c.put(&message("", &q, body));
        c.call(1, &get(&q, ""));
    }
    for tag in [3, 1, 2] {
        c.send(1, &reject(tag, ""));
    }
    c.messages(2, 3);
}
