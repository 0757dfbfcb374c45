//! Dead letters: who sends them where, and what `x-death` says.

use amq_protocol::types::FieldTable;

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    rejected nacked nacked_multiple requeued_is_not without_exchange missing_exchange keeps_its_key own_key to_a_topic_exchange
    expired maxlen maxlen_bytes twice_in_the_same_queue through_two_queues reasons_differ count_grows_and_moves_to_the_front
    cycle_of_expiries cycle_to_itself cycle_with_a_rejection cc_keys bcc_keys own_key_drops_cc properties_survive original_expiration
    headers_survive forged_x_death own_first_death body_empty mandatory_is_forgotten confirm_of_a_dead_letter exchange_declared_later
    deleted_queue_sends_none purged_sends_none no_ack_sends_none to_many_queues default_exchange_with_key reject_publish_dlx
    alternate_exchange_takes_them closed_channel_sends_none order_of_dead_letters user_id_survives reply_to_survives internal_exchange
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.call(1, &get(&q, ""));
}

fn exchange_declared_later(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text("amq.topic"))])));
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(""))])));
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

fn original_expiration(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m").expires("60000"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
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

fn twice_in_the_same_queue(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    c.put(&message("", &q, "m"));
    for tag in [1, 3] {
        c.call(1, &get(&q, ""));
        c.send(1, &reject(tag, ""));
        c.call(1, &consume(&dead, "t", ""));
        c.messages(1, 1);
        c.call(1, &cancel("t", ""));
        c.note("publishes it to the queue again, as it came");
        c.republish_last(&q);
    }
    c.call(1, &get(&q, ""));
}

fn through_two_queues(s: &mut Stage) {
    let (q, r, dead) = (s.name("q"), s.name("r"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &declare(&r, "", to("", &dead)));
    c.call(1, &declare(&q, "", to("", &r)));
    listen(&c, &dead);
    c.call(1, &consume(&r, "r", ""));
    c.put(&message("", &q, "m"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(1, 1);
    c.send(1, &reject(2, ""));
    c.messages(2, 1);
}

fn reasons_differ(s: &mut Stage) {
    let (q, r, dead) = (s.name("q"), s.name("r"), s.name("dead"));
    let c = s.connect();
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &declare(&r, "", to("", &dead)));
    let mut arguments = to("", &r);
    arguments.insert("x-message-ttl".into(), int(20));
    c.call(1, &declare(&q, "", arguments));
    listen(&c, &dead);
    c.call(1, &consume(&r, "r", ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn count_grows_and_moves_to_the_front(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &declare(&q, "", to("", &r)));
    let mut arguments = to("", &q);
    arguments.insert("x-message-ttl".into(), int(20));
    c.call(1, &declare(&r, "", arguments));
    c.call(1, &consume(&q, "q", ""));
    c.put(&message("", &q, "a retry queue"));
    c.messages(1, 1);
    for tag in 1..4 {
        c.send(1, &reject(tag, ""));
        c.messages(1, 1);
    }
    c.send(1, &ack(4, ""));
}

fn cycle_of_expiries(s: &mut Stage) {
    let (q, r, clock) = (s.name("q"), s.name("r"), s.name("clock"));
    let c = s.connect();
    for (queue, other) in [(&q, &r), (&r, &q)] {
        let mut arguments = to("", other);
        arguments.insert("x-message-ttl".into(), int(10));
        c.call(1, &declare(queue, "", arguments));
    }
    c.put(&message("", &q, "m"));
    c.call(1, &declare(&clock, "", args([("x-expires", int(300))])));
    c.wait_until_unroutable(&clock);
    c.call(1, &get(&q, ""));
    c.call(1, &get(&r, ""));
}

fn cycle_to_itself(s: &mut Stage) {
    let (q, clock) = (s.name("q"), s.name("clock"));
    let c = s.connect();
    let mut arguments = to("", &q);
    arguments.insert("x-message-ttl".into(), int(10));
    c.call(1, &declare(&q, "", arguments));
    c.put(&message("", &q, "m"));
    c.call(1, &declare(&clock, "", args([("x-expires", int(200))])));
    c.wait_until_unroutable(&clock);
    c.call(1, &get(&q, ""));
}

fn cycle_with_a_rejection(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", to("", &q)));
    c.call(1, &consume(&q, "t", ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    for tag in 1..4 {
        c.send(1, &reject(tag, ""));
        c.messages(1, 1);
    }
}

fn cc_keys(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", ""));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "copy", none()));
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
    listen(&c, &dead);
    let headers = args([("CC", list([text("copy"), text("other")]))]);
    c.put(&message("", &q, "m").headers(headers));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn bcc_keys(s: &mut Stage) {
    let (q, e, dead) = (s.name("q"), s.name("e"), s.name("dead"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &e, "", none()));
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
    listen(&c, &dead);
    let headers = args([("BCC", list([text("secret")])), ("CC", list([text("copy")]))]);
    c.put(&message("", &q, "m").headers(headers));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn own_key_drops_cc(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    let headers = args([("CC", list([text("copy")])), ("kept", int(1))]);
    c.put(&message("", &q, "m").headers(headers));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn properties_survive(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m").with(|p| {
        p.with_content_type("text/plain".into())
            .with_delivery_mode(2)
            .with_priority(5)
            .with_correlation_id("c".into())
            .with_message_id("m".into())
            .with_timestamp(5)
            .with_type("t".into())
            .with_app_id("a".into())
    }));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn headers_survive(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    let headers = args([("a", int(1)), ("z", text("last")), ("t", table(none()))]);
    c.put(&message("", &q, "m").headers(headers));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn user_id_survives(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m").with(|p| p.with_user_id("guest".into())));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn reply_to_survives(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.call(1, &consume("amq.rabbitmq.reply-to", "replies", "no_ack"));
    c.publish(1, &message("", &q, "m").with(|p| p.with_reply_to("amq.rabbitmq.reply-to".into())));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    let to = c.reply_to(2);
    c.publish(2, &message("", &to, "reply"));
    c.messages(1, 1);
}

fn forged_x_death(s: &mut Stage) {
    for value in [text("nonsense"), int(1), list([]), list([table(none())])] {
        let (c, q, dead) = pair(s);
        listen(&c, &dead);
        c.put(&message("", &q, "m").headers(args([("x-death", value)])));
        c.call(1, &get(&q, ""));
        c.send(1, &reject(1, ""));
        c.messages(2, 1);
        c.call(2, &cancel("dead", ""));
    }
}

fn own_first_death(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    let headers = args([("x-first-death-queue", text("forged")), ("x-first-death-reason", int(1))]);
    c.put(&message("", &q, "m").headers(headers));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
}

fn body_empty(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, ""));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
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
    c.call(1, &exchange_with(&e, "direct", "", args([("alternate-exchange", text(&ae))])));
    c.call(1, &declare(&dead, "", none()));
    c.call(1, &bind(&dead, &ae, "", none()));
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
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
    c.call(1, &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])));
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
