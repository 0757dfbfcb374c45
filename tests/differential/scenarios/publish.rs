//! Publishing: errors, returns, bodies of every size.

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    missing_exchange default_exchange_unroutable mandatory_returned immediate
    mandatory_and_immediate empty_body large_body body_in_many_frames publish_in_pieces longest_key
}

fn missing_exchange(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.publish(1, &message(&e, "k", "m"));
    c.answer(1);
    c.open(1);
    c.publish(1, &message(&e, "k", "m").options("mandatory"));
    c.answer(1);
    c.open(1);
    c.publish(1, &message("amq.nothing", "k", ""));
    c.answer(1);
}

fn default_exchange_unroutable(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.publish(1, &message("", &q, "vanishes"));
    c.publish(1, &message("", "", "vanishes"));
    c.sync(1);
    c.publish(1, &message("", &q, "comes back").options("mandatory"));
    c.publish(1, &message("", "", "comes back").options("mandatory"));
    c.sync(1);
}

fn mandatory_returned(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.publish(1, &message(&e, "a.b", "no binding").options("mandatory"));
    c.sync(1);
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "a.*", none()));
    c.publish(1, &message(&e, "a.b", "bound").options("mandatory"));
    c.publish(1, &message(&e, "b", "not bound").options("mandatory"));
    c.sync(1);
}

fn immediate(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "m").options("immediate"));
    c.answer(1);
}

fn mandatory_and_immediate(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.publish(1, &message(&e, "k", "m").options("mandatory immediate"));
    c.answer(1);
}

fn empty_body(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, ""));
    c.call(1, &get(&q, "no_ack"));
    c.publish(1, &message("", "nowhere", "").options("mandatory"));
    c.sync(1);
    c.call(1, &consume(&q, "t", "no_ack"));
    c.publish(1, &message("", &q, ""));
    c.messages(1, 1);
}

fn large_body(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let body = "x".repeat(131_072 - 8);
    c.publish(1, &message("", &q, &body));
    c.call(1, &get(&q, "no_ack"));
}

fn body_in_many_frames(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    let b = s.connect_as(&[], 0, 4096);
    a.call(1, &declare(&q, "", none()));
    for size in [4087, 4088, 4089, 10_000] {
        a.put(&message("", &q, &"x".repeat(size)));
    }
    a.sync(1);
    b.call(1, &consume(&q, "t", "no_ack"));
    b.messages(1, 4);
}

fn publish_in_pieces(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let whole = message("", &q, "abcdef");
    c.send(1, &whole.method());
    c.raw(
        "a header of 6 bytes",
        &frame::header(1, 60, 6, &whole.properties),
    );
    c.raw("an empty body frame", &frame::frame(frame::BODY, 1, b""));
    for piece in [&b"a"[..], b"bcd", b"ef"] {
        c.raw("a piece of the body", &frame::frame(frame::BODY, 1, piece));
    }
    c.call(1, &get(&q, "no_ack"));
}

fn longest_key(s: &mut Stage) {
    let key = "k".repeat(255);
    let c = s.connect();
    c.publish(1, &message("", &key, "m").options("mandatory"));
    c.messages(1, 1);
}
