//! What a dead letter carries: `x-death`, what it had before, and cycles.

use amq_protocol::types::FieldTable;

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    twice_in_the_same_queue through_two_queues reasons_differ count_grows_and_moves_to_the_front
    cycle_of_expiries cycle_to_itself cycle_with_a_rejection cc_keys bcc_keys own_key_drops_cc
    properties_survive original_expiration headers_survive forged_x_death own_first_death body_empty
    user_id_survives reply_to_survives
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

fn original_expiration(s: &mut Stage) {
    let (c, q, dead) = pair(s);
    listen(&c, &dead);
    c.put(&message("", &q, "m").expires("60000"));
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.messages(2, 1);
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
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
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
    c.call(
        1,
        &declare(&q, "", args([("x-dead-letter-exchange", text(&e))])),
    );
    listen(&c, &dead);
    let headers = args([
        ("BCC", list([text("secret")])),
        ("CC", list([text("copy")])),
    ]);
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
    c.publish(
        1,
        &message("", &q, "m").with(|p| p.with_reply_to("amq.rabbitmq.reply-to".into())),
    );
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
    let headers = args([
        ("x-first-death-queue", text("forged")),
        ("x-first-death-reason", int(1)),
    ]);
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
