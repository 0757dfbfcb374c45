//! Properties that the broker looks at, and all the others, which it must not touch.

use amq_protocol::types::AMQPValue;

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    properties_survive return_carries_the_message expiration_bad expiration_good priority_is_kept
    user_id user_id_wrong cc_header bcc_header cc_bad cc_and_bcc cc_to_the_same_queue cc_mandatory
    delivery_mode_odd headers_of_every_type
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
    c.publish(
        1,
        &message("", &q, "empty properties").with(|p| {
            p.with_content_type("".into())
                .with_headers(none())
                .with_correlation_id("".into())
                .with_reply_to("".into())
                .with_message_id("".into())
        }),
    );
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

fn expiration_bad(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for expiration in [
        "abc",
        "-1",
        "1.5",
        " 5",
        "5 ",
        "5ms",
        "+5",
        "0x5",
        "1e3",
        "4294967296",
        "99999999999999999999",
        "\u{fc}",
        "-",
        "--5",
        "-0",
        "",
    ] {
        c.open_again(1);
        c.publish(1, &message("", &q, "m").expires(expiration));
        c.sync(1);
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
        c.publish(
            1,
            &message("", &q, "m").with(|p| p.with_delivery_mode(mode)),
        );
        c.call(1, &get(&q, "no_ack"));
    }
}

fn user_id(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(
        1,
        &message("", &q, "m").with(|p| p.with_user_id("guest".into())),
    );
    c.call(1, &get(&q, ""));
}

fn user_id_wrong(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    for user in ["somebody", "", "Guest"] {
        c.open_again(1);
        c.publish(
            1,
            &message("", &q, "m").with(|p| p.with_user_id(user.into())),
        );
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
    c.publish(
        1,
        &message("", &q, "m").headers(routed("BCC", list([text(&r)]))),
    );
    c.publish(
        1,
        &message("", &q, "n").headers(args([("BCC", list([text(&r)]))])),
    );
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
    c.publish(
        1,
        &message("", "nowhere", "m")
            .headers(headers)
            .options("mandatory"),
    );
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
        c.sync(1);
    }
    c.call(1, &get(&q, ""));
    c.call(1, &get(&q, ""));
}

fn cc_to_the_same_queue(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    let headers = args([
        ("CC", list([text(&q), text(&q)])),
        ("BCC", list([text(&q)])),
    ]);
    c.put(&message("", &q, "once").headers(headers));
    c.call(1, &declare(&q, "passive", none()));
}

fn cc_mandatory(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    let headers = args([
        ("CC", list([text("nowhere")])),
        ("BCC", list([text("secret")])),
    ]);
    c.publish(
        1,
        &message("", &q, "m").headers(headers).options("mandatory"),
    );
    c.sync(1);
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
        (
            "decimal",
            AMQPValue::DecimalValue(amq_protocol::types::DecimalValue {
                scale: 2,
                value: 150,
            }),
        ),
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
