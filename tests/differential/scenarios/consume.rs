//! Consuming: tags, cancelling, being told that the queue is gone.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    missing_queue generated_tag tag_in_use tag_in_use_on_another_channel cancel_unknown cancel_twice
    cancel_keeps_unacknowledged delivers_what_waits no_ack tags_count_per_channel no_local
    cancel_notify cancel_notify_without_capability cancel_notify_exclusive_queue
    cancel_notify_no_ack cancel_then_delete longest_tag consume_nowait_without_tag close_requeues
    delivery_after_cancel_is_none cancel_from_another_channel deleted_queue_unacknowledged
    ack_after_cancel
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
