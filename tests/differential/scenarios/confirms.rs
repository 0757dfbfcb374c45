//! Publisher confirms: which come, and when.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    missing_exchange_confirmed confirm_select_twice confirm_select_nowait confirms_count
    confirm_of_unroutable return_before_confirm confirm_after_error confirm_counts_from_select
    confirm_on_two_channels confirm_and_tx many_queues_one_confirm acks_from_a_publisher
}

fn missing_exchange_confirmed(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "good"));
    c.frames(1, 1);
    c.publish(1, &message(&e, "k", "bad"));
    c.answer(1);
    c.open(1);
    c.call(1, &declare(&q, "passive", none()));
}

fn confirm_select_twice(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
}

fn confirm_select_nowait(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.send(1, &confirm_select("nowait"));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
}

fn confirms_count(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "durable", none()));
    c.call(1, &confirm_select(""));
    for mode in [1, 2, 1] {
        c.publish(
            1,
            &message("", &q, "m").with(|p| p.with_delivery_mode(mode)),
        );
        c.frames(1, 1);
    }
}

fn confirm_of_unroutable(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
    c.publish(1, &message("amq.fanout", &q, "m"));
    c.frames(1, 1);
}

fn return_before_confirm(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m").options("mandatory"));
    c.frames(1, 4);
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "m").options("mandatory"));
    c.frames(1, 1);
}

fn confirm_after_error(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &confirm_select(""));
    c.call(1, &declare(&q, "passive", none()));
    c.open(1);
    c.publish(1, &message("", &q, "not in confirm mode any more"));
    c.sync(1);
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "counts from 1"));
    c.frames(1, 1);
}

fn confirm_counts_from_select(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.publish(1, &message("", &q, "before"));
    c.publish(1, &message("", &q, "before"));
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "first"));
    c.frames(1, 1);
}

fn confirm_on_two_channels(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &confirm_select(""));
    c.call(2, &confirm_select(""));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
    c.publish(2, &message("", &q, "m"));
    c.frames(2, 1);
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
}

fn confirm_and_tx(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &confirm_select(""));
    c.call(1, &tx_select());
    c.open(1);
    c.call(1, &tx_select());
    c.call(1, &confirm_select(""));
    c.open(1);
    c.call(1, &tx_commit());
    c.open(1);
    c.call(1, &tx_rollback());
    c.open(1);
    c.call(1, &confirm_select(""));
    c.call(1, &tx_commit());
    c.open(1);
    c.call(1, &confirm_select(""));
    c.call(1, &tx_rollback());
}

fn many_queues_one_confirm(s: &mut Stage) {
    let (e, q, r) = (s.name("e"), s.name("q"), s.name("r"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "fanout", ""));
    for queue in [&q, &r] {
        c.call(1, &declare(queue, "durable", none()));
        c.call(1, &bind(queue, &e, "", none()));
    }
    c.call(1, &confirm_select(""));
    c.publish(1, &message(&e, "", "m").with(|p| p.with_delivery_mode(2)));
    c.frames(1, 1);
}

fn acks_from_a_publisher(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &confirm_select(""));
    c.publish(1, &message("", &q, "m"));
    c.frames(1, 1);
    c.send(1, &ack(1, ""));
    c.answer(1);
}
