//! Acknowledging, rejecting, requeueing, recovering: which tags, in which order things come back.

use crate::compare::scenarios;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    ack_unknown ack_twice ack_zero ack_zero_multiple ack_zero_multiple_nothing ack_multiple ack_multiple_unknown
    ack_out_of_order ack_on_another_channel nack_unknown nack_zero nack_zero_multiple reject_unknown reject_zero
    requeue_order requeue_one_in_the_middle requeue_multiple_order reject_drops nack_multiple_drops
    requeue_to_the_same_consumer requeue_to_the_next_consumer redelivered_is_kept recover recover_false recover_async
    recover_async_false recover_nothing recover_to_another_consumer recover_get tags_after_recover nack_after_ack
    multiple_covers_gets_and_consumers requeue_behind_new_messages
}

/// A queue with messages 1 to `count`, all of them got on channel 1.
fn got(s: &mut Stage, count: usize) -> (Peer, String) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for number in 1..=count {
        c.put(&message("", &q, &number.to_string()));
    }
    for _ in 0..count {
        c.call(1, &get(&q, ""));
    }
    (c, q)
}

fn then_get(c: &Peer, queue: &str, count: usize) {
    for _ in 0..count {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn ack_unknown(s: &mut Stage) {
    let c = s.connect();
    for tag in [1, 99, u64::MAX] {
        c.open_again(1);
        c.send(1, &ack(tag, ""));
        c.answer(1);
    }
}

fn ack_twice(s: &mut Stage) {
    let (c, _) = got(s, 2);
    c.send(1, &ack(1, ""));
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn ack_zero(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.send(1, &ack(0, ""));
    c.answer(1);
}

fn ack_zero_multiple(s: &mut Stage) {
    let (c, q) = got(s, 3);
    c.send(1, &ack(0, "multiple"));
    c.sync(1);
    c.call(1, &channel_close(200, ""));
    c.open(1);
    then_get(&c, &q, 1);
}

fn ack_zero_multiple_nothing(s: &mut Stage) {
    let c = s.connect();
    c.send(1, &ack(0, "multiple"));
    c.sync(1);
    c.send(1, &nack(0, "multiple requeue"));
    c.sync(1);
}

fn ack_multiple(s: &mut Stage) {
    let (c, q) = got(s, 4);
    c.send(1, &ack(2, "multiple"));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    then_get(&c, &q, 3);
}

fn ack_multiple_unknown(s: &mut Stage) {
    let (c, _) = got(s, 2);
    c.send(1, &ack(2, "multiple"));
    c.send(1, &ack(2, "multiple"));
    c.answer(1);
    c.open(1);
    c.send(1, &ack(5, "multiple"));
    c.answer(1);
    let (c, q) = got(s, 2);
    c.send(1, &ack(7, "multiple"));
    c.answer(1);
    c.open(1);
    then_get(&c, &q, 3);
}

fn ack_out_of_order(s: &mut Stage) {
    let (c, q) = got(s, 4);
    c.send(1, &ack(3, ""));
    c.send(1, &ack(1, ""));
    c.send(1, &ack(2, "multiple"));
    c.sync(1);
    c.send(1, &ack(3, "multiple"));
    c.sync(1);
    c.open_again(1);
    then_get(&c, &q, 2);
}

fn ack_on_another_channel(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.open(2);
    c.send(2, &ack(1, ""));
    c.answer(2);
}

fn nack_unknown(s: &mut Stage) {
    let c = s.connect();
    for options in ["", "requeue", "multiple", "multiple requeue"] {
        c.open_again(1);
        c.send(1, &nack(5, options));
        c.answer(1);
    }
}

fn nack_zero(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.send(1, &nack(0, "requeue"));
    c.answer(1);
}

fn nack_zero_multiple(s: &mut Stage) {
    let (c, q) = got(s, 3);
    c.send(1, &nack(0, "multiple requeue"));
    then_get(&c, &q, 3);
}

fn nack_after_ack(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.send(1, &ack(1, ""));
    c.send(1, &nack(1, "requeue"));
    c.answer(1);
}

fn reject_unknown(s: &mut Stage) {
    let c = s.connect();
    c.send(1, &reject(5, ""));
    c.answer(1);
}

fn reject_zero(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.send(1, &reject(0, "requeue"));
    c.answer(1);
}

fn requeue_order(s: &mut Stage) {
    let (c, q) = got(s, 4);
    for tag in [3, 1, 4, 2] {
        c.send(1, &reject(tag, "requeue"));
    }
    then_get(&c, &q, 4);
}

fn requeue_one_in_the_middle(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for body in ["1", "2", "3"] {
        c.put(&message("", &q, body));
    }
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
    c.send(1, &nack(2, "requeue"));
    then_get(&c, &q, 1);
    c.send(1, &nack(1, "requeue"));
    then_get(&c, &q, 3);
}

fn requeue_behind_new_messages(s: &mut Stage) {
    let (c, q) = got(s, 2);
    c.put(&message("", &q, "new"));
    c.send(1, &nack(2, "multiple requeue"));
    then_get(&c, &q, 4);
}

fn requeue_multiple_order(s: &mut Stage) {
    let (c, q) = got(s, 5);
    c.send(1, &nack(3, "multiple requeue"));
    then_get(&c, &q, 4);
}

fn reject_drops(s: &mut Stage) {
    let (c, q) = got(s, 2);
    c.send(1, &reject(1, ""));
    c.send(1, &nack(2, ""));
    then_get(&c, &q, 1);
}

fn nack_multiple_drops(s: &mut Stage) {
    let (c, q) = got(s, 3);
    c.send(1, &nack(2, "multiple"));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    then_get(&c, &q, 2);
}

fn requeue_to_the_same_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    for tag in 1..4 {
        c.send(1, &nack(tag, "requeue"));
        c.messages(1, 1);
    }
}

fn requeue_to_the_next_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "a", ""));
    c.call(1, &consume(&q, "b", ""));
    c.put(&message("", &q, "m"));
    c.messages(1, 1);
    for tag in 1..4 {
        c.send(1, &nack(tag, "requeue"));
        c.messages(1, 1);
    }
}

fn redelivered_is_kept(s: &mut Stage) {
    let (c, q) = got(s, 2);
    c.send(1, &nack(1, "requeue"));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.put(&message("", &q, "fresh"));
    then_get(&c, &q, 3);
}

fn recover(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", ""));
    for body in ["1", "2"] {
        c.put(&message("", &q, body));
        c.messages(1, 1);
    }
    c.call(1, &crate::methods::recover(true));
    c.messages(1, 2);
}

fn recover_false(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.call(1, &crate::methods::recover(false));
}

fn recover_async(s: &mut Stage) {
    let (c, q) = got(s, 2);
    c.send(1, &crate::methods::recover_async(true));
    then_get(&c, &q, 2);
}

fn recover_async_false(s: &mut Stage) {
    let (c, _) = got(s, 1);
    c.send(1, &crate::methods::recover_async(false));
    c.answer(1);
}

fn recover_nothing(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &crate::methods::recover(true));
}

fn recover_to_another_consumer(s: &mut Stage) {
    let q = s.name("q");
    let (a, b) = (s.connect(), s.connect());
    a.call(1, &declare(&q, "", none()));
    a.call(1, &qos(1, ""));
    a.call(1, &consume(&q, "a", ""));
    a.put(&message("", &q, "m"));
    a.messages(1, 1);
    b.call(1, &consume(&q, "b", ""));
    a.call(1, &cancel("a", ""));
    a.call(1, &crate::methods::recover(true));
    b.messages(1, 1);
}

fn recover_get(s: &mut Stage) {
    let (c, q) = got(s, 3);
    c.send(1, &ack(2, ""));
    c.call(1, &crate::methods::recover(true));
    then_get(&c, &q, 3);
}

fn tags_after_recover(s: &mut Stage) {
    let (c, q) = got(s, 1);
    c.call(1, &crate::methods::recover(true));
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn multiple_covers_gets_and_consumers(s: &mut Stage) {
    let (c, q) = got(s, 2);
    c.put(&message("", &q, "3"));
    c.call(1, &consume(&q, "t", ""));
    c.messages(1, 1);
    c.send(1, &ack(3, "multiple"));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    then_get(&c, &q, 1);
}
