//! basic.get: one message at a time.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    get_empty get_counts get_missing get_redelivered get_no_ack get_while_consuming
}

fn fill(c: &crate::peer::Peer, queue: &str, bodies: &[&str]) {
    for body in bodies {
        c.put(&message("", queue, body));
    }
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
