//! Transactions: what waits for the commit and what does not.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    commit rollback select_twice commit_without_select commit_empty acks_wait acks_rolled_back rollback_then_ack_again ack_unknown_at_once
    ack_twice_in_a_transaction mandatory_returned_at_commit missing_exchange_at_once close_drops reject_waits nack_requeue_waits
    expiration_checked_at_once get_in_a_transaction consumer_in_a_transaction several_commits return_order recover_in_a_transaction
    ack_on_no_ack_delivery ack_multiple_in_a_transaction
    commit_refused_by_a_full_queue commit_refused_with_acks
}

fn commit(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    c.publish(1, &message("", &q, "1"));
    c.publish(1, &message("", &q, "2"));
    c.call(1, &get(&q, ""));
    c.call(1, &tx_commit());
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &get(&q, "no_ack"));
}

fn rollback(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    c.publish(1, &message("", &q, "1"));
    c.call(1, &tx_rollback());
    c.call(1, &tx_commit());
    c.call(1, &get(&q, ""));
}

fn select_twice(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    c.publish(1, &message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &tx_commit());
    c.call(1, &get(&q, ""));
}

fn commit_without_select(s: &mut Stage) {
    s.each([tx_commit(), tx_rollback()]);
}

fn commit_empty(s: &mut Stage) {
    s.each([tx_select(), tx_commit(), tx_rollback(), tx_commit()]);
}

fn acks_wait(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.call(1, &tx_commit());
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn acks_rolled_back(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.call(1, &tx_rollback());
    c.call(1, &get(&q, ""));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn rollback_then_ack_again(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.call(1, &tx_rollback());
    c.send(1, &ack(1, ""));
    c.call(1, &tx_commit());
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn ack_unknown_at_once(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &tx_select());
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn ack_twice_in_a_transaction(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &ack(1, ""));
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn ack_multiple_in_a_transaction(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    for body in ["1", "2", "3"] {
        c.put(&message("", &q, body));
        c.call(1, &get(&q, ""));
    }
    c.send(1, &ack(2, "multiple"));
    c.send(1, &ack(3, ""));
    c.call(1, &tx_rollback());
    c.send(1, &ack(0, "multiple"));
    c.call(1, &tx_commit());
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn ack_on_no_ack_delivery(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, "no_ack"));
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn mandatory_returned_at_commit(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &tx_select());
    c.publish(1, &message("", &q, "unroutable").options("mandatory"));
    c.sync(1);
    c.note("now the commit");
    c.call(1, &tx_commit());
    c.publish(1, &message("", &q, "unroutable").options("mandatory"));
    c.call(1, &tx_rollback());
}

fn return_order(s: &mut Stage) {
    let (q, nowhere) = (s.name("q"), s.name("nowhere"));
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(1, &tx_select());
    c.publish(1, &message("", &nowhere, "1").options("mandatory"));
    c.publish(1, &message("", &nowhere, "2").options("mandatory"));
    c.call(1, &tx_commit());
}

fn missing_exchange_at_once(s: &mut Stage) {
    let e = s.name("e");
    let c = s.connect();
    c.call(1, &tx_select());
    c.publish(1, &message(&e, "k", "m"));
    c.answer(1);
}

fn expiration_checked_at_once(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &tx_select());
    c.publish(1, &message("", "q", "m").expires("bad"));
    c.answer(1);
}

fn close_drops(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    c.publish(1, &message("", &q, "m"));
    c.call(1, &channel_close(200, ""));
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn reject_waits(s: &mut Stage) {
    let (q, dead) = (s.name("q"), s.name("dead"));
    let c = s.connect();
    c.open(2);
    c.call(2, &declare(&dead, "", none()));
    c.call(2, &consume(&dead, "dead", "no_ack"));
    let arguments = args([
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&dead)),
    ]);
    c.call(1, &declare(&q, "", arguments));
    c.put(&message("", &q, "m"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &reject(1, ""));
    c.sync(1);
    c.sync(2);
    c.call(1, &tx_commit());
    c.messages(2, 1);
}

fn nack_requeue_waits(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "m"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.send(1, &nack(1, "requeue"));
    c.call(1, &get(&q, ""));
    c.call(1, &tx_commit());
    c.call(1, &get(&q, ""));
}

fn get_in_a_transaction(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "m"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, "no_ack"));
    c.call(1, &tx_rollback());
    c.call(1, &get(&q, "no_ack"));
}

fn consumer_in_a_transaction(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &qos(1, ""));
    c.call(1, &tx_select());
    c.call(1, &consume(&q, "t", ""));
    c.put(&message("", &q, "1"));
    c.put(&message("", &q, "2"));
    c.messages(1, 1);
    c.send(1, &ack(1, ""));
    c.sync(1);
    c.call(1, &tx_commit());
    c.messages(1, 1);
}

fn several_commits(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &tx_select());
    for body in ["1", "2"] {
        c.publish(1, &message("", &q, body));
        c.call(1, &tx_commit());
        c.call(1, &get(&q, "no_ack"));
    }
}

fn recover_in_a_transaction(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "1"));
    c.call(1, &tx_select());
    c.call(1, &get(&q, ""));
    c.call(1, &recover(true));
    c.call(1, &get(&q, ""));
}

fn full(s: &mut Stage) -> (crate::peer::Peer, String) {
    let q = s.name("q");
    let c = s.connect();
    let arguments = args([
        ("x-max-length", int(1)),
        ("x-overflow", text("reject-publish")),
    ]);
    c.call(1, &declare(&q, "", arguments));
    c.put(&message("", &q, "there already"));
    c.call(1, &tx_select());
    (c, q)
}

fn commit_refused_by_a_full_queue(s: &mut Stage) {
    let (c, q) = full(s);
    let r = s.name("r");
    c.call(1, &declare(&r, "", none()));
    c.publish(1, &message("", &r, "before"));
    c.publish(1, &message("", &q, "too many"));
    c.publish(1, &message("", &r, "after"));
    c.call(1, &tx_commit());
    c.open(1);
    for queue in [&q, &r] {
        c.call(1, &declare(queue, "passive", none()));
    }
}

fn commit_refused_with_acks(s: &mut Stage) {
    let (c, q) = full(s);
    let (r, gone) = (s.name("r"), s.name("gone"));
    c.call(1, &declare(&r, "", none()));
    c.put(&message("", &r, "acknowledged"));
    c.call(1, &get(&r, ""));
    c.publish(1, &message("", &gone, "returned").options("mandatory"));
    c.publish(1, &message("", &q, "too many"));
    c.send(1, &ack(1, ""));
    c.call(1, &tx_commit());
    c.open(1);
    c.call(1, &get(&r, ""));
}
