//! Publishing: errors, returns, confirms, and in which order they come.

use amq_protocol::types::AMQPValue;

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    missing_exchange missing_exchange_confirmed default_exchange_unroutable mandatory_returned immediate
    mandatory_and_immediate properties_survive empty_body large_body body_in_many_frames
    return_carries_the_message confirm_select_twice confirm_select_nowait confirms_count confirm_of_unroutable
    return_before_confirm confirm_after_error confirm_counts_from_select confirm_on_two_channels
    confirm_and_tx expiration_bad expiration_good priority_is_kept user_id user_id_wrong cc_header bcc_header
    cc_bad cc_and_bcc cc_to_the_same_queue cc_mandatory many_queues_one_confirm delivery_mode_odd
    headers_of_every_type publish_in_pieces acks_from_a_publisher longest_key
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

fn all_properties() -> Message {
    message("", "", "body").with(|p| {
        p.with_content_type("application/json".into())
            .with_content_encoding("identity".into())
            .with_headers(args([("a", int(1)), ("b", text("two"))]))
            .with_delivery_mode(2)
            .with_priority(7)
            .with_correlation_id("correlation".into())
            .with_reply_to("reply".into())
            .with_expiration("60000".into())
            .with_message_id("message".into())
            .with_timestamp(1_700_000_000)
            .with_type("type".into())
            .with_user_id("guest".into())
            .with_app_id("app".into())
            .with_cluster_id("cluster".into())
    })
}

fn properties_survive(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let mut full = all_properties();
    full.key.clone_from(&q);
    c.publish(1, &full);
    c.call(1, &get(&q, "no_ack"));
    c.publish(1, &message("", &q, "empty properties").with(|p| {
        p.with_content_type("".into())
            .with_headers(none())
            .with_correlation_id("".into())
            .with_reply_to("".into())
            .with_message_id("".into())
    }));
    c.call(1, &get(&q, "no_ack"));
}

fn return_carries_the_message(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    let mut full = all_properties().options("mandatory");
    full.key = q;
    c.publish(1, &full);
    c.messages(1, 1);
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
        a.publish(1, &message("", &q, &"x".repeat(size)));
    }
    a.sync(1);
    a.call(1, &declare(&q, "passive", none()));
    b.call(1, &consume(&q, "t", "no_ack"));
    b.messages(1, 4);
}

fn publish_in_pieces(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let whole = message("", &q, "abcdef");
    c.send(1, &whole.method());
    c.raw("a header of 6 bytes", &frame::header(1, 60, 6, &whole.properties));
    c.raw("an empty body frame", &frame::frame(frame::BODY, 1, b""));
    for piece in [&b"a"[..], b"bcd", b"ef"] {
        c.raw("a piece of the body", &frame::frame(frame::BODY, 1, piece));
    }
    c.call(1, &get(&q, "no_ack"));
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
        c.publish(1, &message("", &q, "m").with(|p| p.with_delivery_mode(mode)));
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

fn expiration_bad(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for expiration in [
        "abc", "-1", "1.5", " 5", "5 ", "5ms", "+5", "0x5", "1e3", "4294967296", "99999999999999999999", "\u{fc}", "-",
        "--5", "-0", "",
    ] {
        c.open_again(1);
        c.publish(1, &message("", &q, "m").expires(expiration));
        c.call(1, &declare(&q, "passive", none()));
    }
}

fn expiration_good(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for expiration in ["60000", "4294967295", "00060000"] {
        c.publish(1, &message("", &q, "m").expires(expiration));
        c.call(1, &get(&q, "no_ack"));
    }
}

fn priority_is_kept(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for priority in [0, 9, 255] {
        c.publish(1, &message("", &q, "m").with(|p| p.with_priority(priority)));
        c.call(1, &get(&q, "no_ack"));
    }
}

fn delivery_mode_odd(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for mode in [0, 1, 2, 3] {
        c.open_again(1);
        c.publish(1, &message("", &q, "m").with(|p| p.with_delivery_mode(mode)));
        c.call(1, &get(&q, "no_ack"));
    }
}

fn user_id(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &message("", &q, "m").with(|p| p.with_user_id("guest".into())));
    c.call(1, &get(&q, ""));
}

fn user_id_wrong(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    for user in ["somebody", "", "Guest"] {
        c.open_again(1);
        c.publish(1, &message("", &q, "m").with(|p| p.with_user_id(user.into())));
        c.answer(1);
    }
}

fn routed(name: &str, keys: AMQPValue) -> amq_protocol::types::FieldTable {
    args([(name, keys), ("kept", int(1))])
}

fn cc_header(s: &mut Stage) {
    let (q, r, t) = (s.name("q"), s.name("r"), s.name("t"));
    let c = s.connect();
    for queue in [&q, &r, &t] {
        c.call(1, &declare(queue, "", none()));
    }
    let headers = routed("CC", list([text(&r), text(&t), text("nowhere")]));
    c.publish(1, &message("", &q, "m").headers(headers));
    for queue in [&q, &r, &t] {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn bcc_header(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    for queue in [&q, &r] {
        c.call(1, &declare(queue, "", none()));
    }
    c.publish(1, &message("", &q, "m").headers(routed("BCC", list([text(&r)]))));
    c.publish(1, &message("", &q, "n").headers(args([("BCC", list([text(&r)]))])));
    for queue in [&q, &r, &q, &r] {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn cc_and_bcc(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    let c = s.connect();
    for queue in [&q, &r] {
        c.call(1, &declare(queue, "", none()));
    }
    let headers = args([("CC", list([text(&q)])), ("BCC", list([text(&r)]))]);
    c.publish(1, &message("", "nowhere", "m").headers(headers).options("mandatory"));
    for queue in [&q, &r] {
        c.call(1, &get(queue, "no_ack"));
    }
}

fn cc_bad(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for headers in [
        args([("CC", text(&q))]),
        args([("BCC", text(&q))]),
        args([("CC", int(1))]),
        args([("CC", AMQPValue::Void)]),
        args([("CC", list([]))]),
        args([("CC", list([int(1)]))]),
        args([("BCC", list([text(&q), int(1)]))]),
        args([("cc", text("another header"))]),
    ] {
        c.open_again(1);
        c.publish(1, &message("", "nowhere", "m").headers(headers));
        c.call(1, &declare(&q, "passive", none()));
    }
}

fn cc_to_the_same_queue(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let headers = args([("CC", list([text(&q), text(&q)])), ("BCC", list([text(&q)]))]);
    c.publish(1, &message("", &q, "once").headers(headers));
    c.call(1, &declare(&q, "passive", none()));
}

fn cc_mandatory(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    let headers = args([("CC", list([text("nowhere")])), ("BCC", list([text("secret")]))]);
    c.publish(1, &message("", &q, "m").headers(headers).options("mandatory"));
    c.sync(1);
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

fn headers_of_every_type(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let headers = args([
        ("bool", boolean(false)),
        ("i8", AMQPValue::ShortShortInt(-5)),
        ("u8", AMQPValue::ShortShortUInt(200)),
        ("i16", AMQPValue::ShortInt(-5)),
        ("u16", AMQPValue::ShortUInt(60_000)),
        ("i32", int(i32::MIN)),
        ("u32", AMQPValue::LongUInt(u32::MAX)),
        ("i64", long(i64::MIN)),
        ("float", AMQPValue::Float(1.5)),
        ("double", AMQPValue::Double(-1.5)),
        ("decimal", AMQPValue::DecimalValue(amq_protocol::types::DecimalValue { scale: 2, value: 150 })),
        ("text", text("t\u{fc}\0")),
        ("bytes", AMQPValue::LongString(vec![0xff, 0].into())),
        ("binary", AMQPValue::ByteArray(vec![0xff, 0].into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("list", list([int(1), text("two"), list([])])),
        ("table", table(args([("a", table(none()))]))),
        ("void", AMQPValue::Void),
        ("", int(1)),
    ]);
    c.publish(1, &message("", &q, "m").headers(headers));
    c.call(1, &get(&q, "no_ack"));
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

fn longest_key(s: &mut Stage) {
    let key = "k".repeat(255);
    let c = s.connect();
    c.publish(1, &message("", &key, "m").options("mandatory"));
    c.messages(1, 1);
}
