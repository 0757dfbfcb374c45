//! Channels: opening, closing, the numbers they may have, methods where they do not belong, closes that cross.

use amq_protocol::protocol::{AMQPClass, access, channel, queue};

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    open_twice never_opened number_zero number_above_the_maximum highest_number close_and_open_again
    close_unopened close_ok_unasked close_ok_unasked_unopened error_leaves_other_channels ignored_until_close_ok
    closes_cross connection_closes_cross close_with_error_codes connection_close_on_a_channel
    channel_close_on_zero flow_on flow_off flow_ok_unasked access_request access_request_exclusive
    ok_methods_from_a_client unknown_class unknown_method truncated_method trailing_bytes
    close_during_a_message connection_close_twice close_ok_without_close too_many_channels
    error_then_connection_close hang_up_without_close publish_on_a_closed_channel reserved_ticket
    error_on_closing_channel_reopened_before_close_ok method_after_connection_close close_takes_no_ack_deliveries_along
}

fn open_twice(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &channel_open());
}

fn never_opened(s: &mut Stage) {
    for method in [
        declare("q", "passive", none()),
        ack(1, ""),
        flow(true),
        qos(1, ""),
        tx_select(),
    ] {
        let c = s.connect();
        c.call(2, &method);
    }
    let c = s.connect();
    c.publish(2, &message("", "q", "m"));
    c.answer(2);
}

fn number_zero(s: &mut Stage) {
    for method in [
        channel_open(),
        declare("q", "passive", none()),
        qos(1, ""),
        channel_close(200, ""),
    ] {
        let c = s.connect();
        c.call(0, &method);
    }
}

fn number_above_the_maximum(s: &mut Stage) {
    let c = s.connect_as(&[], 3, 131_072);
    c.call(3, &channel_open());
    c.call(4, &channel_open());
    let c = s.connect();
    c.call(2048, &channel_open());
    let c = s.connect();
    c.call(65_535, &channel_open());
}

fn highest_number(s: &mut Stage) {
    let c = s.connect();
    c.call(2047, &channel_open());
    c.call(2047, &channel_close(200, ""));
}

fn too_many_channels(s: &mut Stage) {
    let c = s.connect_as(&[], 2, 131_072);
    c.call(2, &channel_open());
    c.call(2, &channel_close(200, ""));
    c.call(2, &channel_open());
    c.call(3, &channel_open());
}

fn close_and_open_again(s: &mut Stage) {
    let c = s.connect();
    for _ in 0..3 {
        c.call(1, &channel_close(200, "bye"));
        c.call(1, &channel_open());
    }
}

fn close_unopened(s: &mut Stage) {
    let c = s.connect();
    c.call(2, &channel_close(200, ""));
    let d = s.connect();
    d.call(1, &channel_close(200, ""));
    d.call(1, &channel_close(200, ""));
}

fn close_ok_unasked(s: &mut Stage) {
    let c = s.connect();
    c.send(1, &channel_close_ok());
    c.call(1, &qos(1, ""));
}

fn close_ok_unasked_unopened(s: &mut Stage) {
    let c = s.connect();
    c.send(2, &channel_close_ok());
    c.answer(2);
}

fn error_leaves_other_channels(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(2, &declare(&q, "", none()));
    c.call(1, &declare(&q, "durable", none()));
    c.call(2, &declare(&q, "passive", none()));
    c.call(1, &channel_open());
}

fn ignored_until_close_ok(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.leave_closes_alone();
    c.call(1, &declare(&q, "passive", none()));
    c.send(1, &declare(&q, "", none()));
    c.publish(1, &message("nowhere", "", "ignored"));
    c.send(1, &ack(5, ""));
    c.send(1, &channel_close_ok());
    c.call(1, &channel_open());
    c.call(1, &declare(&q, "passive", none()));
    c.send(1, &channel_close_ok());
}

fn error_on_closing_channel_reopened_before_close_ok(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.leave_closes_alone();
    c.call(1, &declare(&q, "passive", none()));
    c.call(1, &channel_open());
}

fn closes_cross(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.leave_closes_alone();
    c.send(1, &declare(&q, "passive", none()));
    c.send(1, &channel_close(200, "crossing"));
    c.read(1);
    c.read(1);
    c.send(1, &channel_close_ok());
    c.call(1, &channel_open());
}

fn connection_closes_cross(s: &mut Stage) {
    let c = s.connect();
    c.leave_closes_alone();
    c.send(0, &connection_open("/"));
    c.send(0, &connection_close(200, "crossing"));
    c.read(0);
    c.read(0);
    c.send(0, &connection_close_ok());
    c.until_gone();
}

fn close_with_error_codes(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &channel_close(0, ""));
    c.open(1);
    c.call(1, &channel_close(65_535, &"x".repeat(255)));
    c.call(0, &connection_close(541, "the client's fault"));
}

fn connection_close_on_a_channel(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &connection_close(200, ""));
    let c = s.connect();
    c.call(2, &connection_close(200, ""));
}

fn channel_close_on_zero(s: &mut Stage) {
    let c = s.connect();
    c.call(0, &channel_close_ok());
}

fn flow_on(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &flow(true));
    c.call(1, &flow(true));
}

fn flow_off(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &flow(false));
}

fn flow_ok_unasked(s: &mut Stage) {
    let c = s.connect();
    c.send(1, &flow_ok(true));
    c.call(1, &qos(1, ""));
}

fn access_request(s: &mut Stage) {
    let c = s.connect();
    for realm in ["/data", ""] {
        let request = access::Request {
            realm: realm.into(),
            exclusive: false,
            passive: true,
            active: true,
            write: true,
            read: true,
        };
        c.call(1, &AMQPClass::Access(access::AMQPMethod::Request(request)));
    }
}

fn access_request_exclusive(s: &mut Stage) {
    let c = s.connect();
    let request = access::Request {
        realm: "/data".into(),
        exclusive: true,
        ..access::Request::default()
    };
    c.call(1, &AMQPClass::Access(access::AMQPMethod::Request(request)));
}

fn ok_methods_from_a_client(s: &mut Stage) {
    use amq_protocol::protocol::{basic, confirm, exchange};
    for method in [
        AMQPClass::Queue(queue::AMQPMethod::DeclareOk(queue::DeclareOk::default())),
        AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})),
        AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {})),
        AMQPClass::Basic(basic::AMQPMethod::CancelOk(basic::CancelOk::default())),
        AMQPClass::Basic(basic::AMQPMethod::GetEmpty(basic::GetEmpty {})),
        AMQPClass::Basic(basic::AMQPMethod::QosOk(basic::QosOk {})),
        AMQPClass::Confirm(confirm::AMQPMethod::SelectOk(confirm::SelectOk {})),
    ] {
        let c = s.connect();
        c.call(1, &method);
        c.sync(1);
    }
}

fn method(c: &crate::peer::Peer, channel: u16, what: &str, payload: &[u8]) {
    c.raw(what, &frame::frame(frame::METHOD, channel, payload));
    c.read(channel);
}

fn unknown_class(s: &mut Stage) {
    let c = s.connect();
    method(&c, 1, "class 99, method 10 on channel 1", &[0, 99, 0, 10]);
    let c = s.connect();
    method(&c, 0, "class 99, method 10 on channel 0", &[0, 99, 0, 10]);
    let c = s.connect();
    method(
        &c,
        2,
        "class 99, method 10 on channel 2, which is not open",
        &[0, 99, 0, 10],
    );
}

fn unknown_method(s: &mut Stage) {
    for (class, number) in [
        (50, 99),
        (60, 99),
        (10, 99),
        (20, 99),
        (40, 99),
        (85, 99),
        (90, 99),
        (60, 0),
    ] {
        let c = s.connect();
        let channel = u16::from(class != 10);
        let what = format!("class {class}, method {number} on channel {channel}");
        method(&c, channel, &what, &[0, class, 0, number]);
    }
}

fn truncated_method(s: &mut Stage) {
    for payload in [
        &[][..],
        &[0],
        &[0, 50],
        &[0, 50, 0],
        &[0, 50, 0, 10],
        &[0, 50, 0, 10, 0, 0],
        &[0, 50, 0, 10, 0, 0, 5, b'a'],
        &[0, 50, 0, 10, 0, 0, 1, b'a', 0, 0, 0, 0, 9],
        &[0, 60, 0, 80, 0, 0],
        &[0, 20, 0, 40],
    ] {
        let c = s.connect();
        method(&c, 1, &format!("a method frame {payload:?}"), payload);
    }
}

fn trailing_bytes(s: &mut Stage) {
    let c = s.connect();
    let mut payload = frame::payload(&qos(1, ""));
    payload.push(0);
    method(&c, 1, "basic.qos and one byte more", &payload);
    let c = s.connect();
    let mut payload = frame::payload(&channel_close_ok());
    payload.push(0);
    method(&c, 1, "channel.close-ok and one byte more", &payload);
}

fn close_during_a_message(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.send(1, &message("", &q, "").method());
    c.call(1, &channel_close(200, ""));
    let d = s.connect();
    d.send(1, &message("", &q, "").method());
    d.call(0, &connection_close(200, ""));
}

fn connection_close_twice(s: &mut Stage) {
    let c = s.connect();
    c.leave_closes_alone();
    c.send(0, &connection_close(200, ""));
    c.send(0, &connection_close(200, ""));
    c.frames(0, 2);
}

fn close_ok_without_close(s: &mut Stage) {
    let c = s.connect();
    c.call(0, &connection_close_ok());
}

fn error_then_connection_close(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.leave_closes_alone();
    c.call(1, &declare(&q, "passive", none()));
    c.call(0, &connection_close(200, ""));
}

fn hang_up_without_close(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "", none()));
    a.put(&message("", &q, "m"));
    a.call(1, &get(&q, ""));
    let b = s.connect();
    b.call(1, &consume(&q, "t", ""));
    a.abort();
    b.messages(1, 1);
}

fn publish_on_a_closed_channel(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &channel_close(200, ""));
    c.publish(1, &message("", "q", "m"));
    c.answer(1);
}

fn reserved_ticket(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    let mut payload = frame::payload(&declare(&q, "", none()));
    payload[4..6].copy_from_slice(&[1, 2]);
    method(&c, 1, "queue.declare with ticket 258", &payload);
}

fn method_after_connection_close(s: &mut Stage) {
    let c = s.connect();
    c.leave_closes_alone();
    c.call(0, &connection_open("/"));
    c.send(1, &qos(1, ""));
    c.send(0, &channel_open());
    c.send(0, &connection_close_ok());
    c.until_gone();
}

fn close_takes_no_ack_deliveries_along(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.put(&message("", &q, "m"));
    c.open(2);
    c.call(2, &consume(&q, "t", "no_ack"));
    c.messages(2, 1);
    c.call(2, &channel_close(200, ""));
    c.call(1, &get(&q, ""));
}
