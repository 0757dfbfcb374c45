//! Frames in the wrong order, of the wrong size, on the wrong channel, and no frames at all.

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    header_without_publish body_without_publish method_instead_of_header method_instead_of_body
    publish_instead_of_header body_instead_of_header header_twice header_of_another_class
    body_too_long body_longer_in_all wrong_frame_end wrong_frame_end_on_zero unknown_frame_type
    frame_type_zero frame_too_large largest_frame frame_too_large_for_negotiated
    size_of_four_gigabytes heartbeat_on_a_channel heartbeat_with_payload heartbeat_between_frames
    header_on_zero body_on_zero header_on_unopened_channel body_on_unopened_channel
    other_channels_between_frames frame_byte_by_byte empty_method_on_zero
    header_for_method_without_content body_frame_after_the_last
}

fn header(size: u64) -> Vec<u8> {
    frame::header(1, 60, size, &Default::default())
}

fn body(bytes: &[u8]) -> Vec<u8> {
    frame::frame(frame::BODY, 1, bytes)
}

fn publish(c: &Peer) {
    c.send(1, &message("", "nowhere", "").method());
}

fn header_without_publish(s: &mut Stage) {
    let c = s.connect();
    c.raw("a header", &header(0));
    c.read(1);
}

fn body_without_publish(s: &mut Stage) {
    let c = s.connect();
    c.raw("a body", &body(b"body"));
    c.read(1);
}

fn method_instead_of_header(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.call(1, &qos(1, ""));
}

fn method_instead_of_body(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 4 bytes", &header(4));
    c.call(1, &qos(1, ""));
}

fn publish_instead_of_header(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    publish(&c);
    c.read(1);
}

fn body_instead_of_header(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a body", &body(b"body"));
    c.read(1);
}

fn header_twice(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 4 bytes", &header(4));
    c.raw("a header of 4 bytes", &header(4));
    c.read(1);
}

fn header_of_another_class(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw(
        "a header of class 50",
        &frame::header(1, 50, 0, &Default::default()),
    );
    c.read(1);
    let c = s.connect();
    publish(&c);
    c.raw(
        "a header of class 99",
        &frame::header(1, 99, 0, &Default::default()),
    );
    c.read(1);
}

fn header_for_method_without_content(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &qos(1, ""));
    c.raw("a header", &header(0));
    c.read(1);
}

fn body_too_long(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 4 bytes", &header(4));
    c.raw("a body of 5 bytes", &body(b"12345"));
    c.call(1, &qos(1, ""));
}

fn body_longer_in_all(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 4 bytes", &header(4));
    c.raw("a body of 3 bytes", &body(b"123"));
    c.raw("a body of 3 bytes", &body(b"456"));
    c.call(1, &qos(1, ""));
}

fn body_frame_after_the_last(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 0 bytes", &header(0));
    c.raw("an empty body", &body(b""));
    c.read(1);
}

fn with_end(mut frame: Vec<u8>, end: u8) -> Vec<u8> {
    *frame.last_mut().expect("a frame") = end;
    frame
}

fn wrong_frame_end(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "basic.qos with frame end 0",
        &with_end(frame::method(1, &qos(1, "")), 0),
    );
    c.read(1);
    let c = s.connect();
    publish(&c);
    c.raw("a header with frame end 0xCF", &with_end(header(0), 0xCF));
    c.read(1);
}

fn wrong_frame_end_on_zero(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a heartbeat with frame end 0",
        &with_end(frame::frame(frame::HEARTBEAT, 0, b""), 0),
    );
    c.read(1);
}

fn unknown_frame_type(s: &mut Stage) {
    for kind in [4, 7, 9, 255] {
        let c = s.connect();
        c.raw(
            &format!("a frame of type {kind}"),
            &frame::frame(kind, 1, b"payload"),
        );
        c.read(1);
    }
    let c = s.connect();
    c.raw(
        "a frame of type 5 on channel 0",
        &frame::frame(5, 0, b"payload"),
    );
    c.read(1);
}

fn frame_type_zero(s: &mut Stage) {
    let c = s.connect();
    c.raw("sixteen zeros", &[0; 16]);
    c.read(1);
}

fn frame_too_large(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 200000 bytes", &header(200_000));
    c.raw("a body of 131073 bytes", &body(&[b'x'; 131_073]));
    c.read(1);
}

fn largest_frame(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 131064 bytes", &header(131_064));
    c.raw(
        "a body frame of 131072 bytes in all",
        &body(&[b'x'; 131_072 - 8]),
    );
    c.call(1, &qos(1, ""));
    publish(&c);
    c.raw("a header of 131072 bytes", &header(131_072));
    c.raw(
        "a body of 131072 bytes, as RabbitMQ lets pass",
        &body(&[b'x'; 131_072]),
    );
    c.call(1, &qos(1, ""));
}

fn frame_too_large_for_negotiated(s: &mut Stage) {
    let c = s.connect_as(&[], 0, 4096);
    publish(&c);
    c.raw("a header of 8000 bytes", &header(8000));
    c.raw("a body frame of 4096 bytes in all", &body(&[b'x'; 4088]));
    c.raw("a body frame of 3920 bytes in all", &body(&[b'x'; 3912]));
    c.call(1, &qos(1, ""));
    publish(&c);
    c.raw("a header of 8000 bytes", &header(8000));
    c.raw("a body of 4097 bytes", &body(&[b'x'; 4097]));
    c.read(1);
}

fn size_of_four_gigabytes(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "the head of a frame of 4 GiB",
        &[1, 0, 1, 0xff, 0xff, 0xff, 0xff],
    );
    c.read(1);
}

fn heartbeat_on_a_channel(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a heartbeat on channel 1",
        &frame::frame(frame::HEARTBEAT, 1, b""),
    );
    c.call(1, &qos(1, ""));
    let c = s.connect();
    c.raw(
        "a heartbeat on channel 2, which is not open",
        &frame::frame(frame::HEARTBEAT, 2, b""),
    );
    c.call(1, &qos(1, ""));
}

fn heartbeat_with_payload(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a heartbeat with a payload",
        &frame::frame(frame::HEARTBEAT, 0, b"thump"),
    );
    c.call(1, &qos(1, ""));
}

fn heartbeat_between_frames(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.send(1, &message("", &q, "").method());
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.raw("a header of 4 bytes", &header(4));
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.raw("a body", &body(b"body"));
    c.call(1, &get(&q, ""));
}

fn other_channels_between_frames(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    c.send(1, &message("", &q, "").method());
    c.call(2, &qos(1, ""));
    c.raw("a header of 4 bytes", &header(4));
    c.publish(2, &message("", "nowhere", "other").options("mandatory"));
    c.messages(2, 1);
    c.raw("a body", &body(b"body"));
    c.call(1, &get(&q, ""));
}

fn header_on_zero(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a header on channel 0",
        &frame::header(0, 60, 0, &Default::default()),
    );
    c.read(0);
}

fn body_on_zero(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a body on channel 0",
        &frame::frame(frame::BODY, 0, b"body"),
    );
    c.read(0);
}

fn header_on_unopened_channel(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a header on channel 2",
        &frame::header(2, 60, 0, &Default::default()),
    );
    c.read(2);
}

fn body_on_unopened_channel(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a body on channel 2",
        &frame::frame(frame::BODY, 2, b"body"),
    );
    c.read(2);
}

fn frame_byte_by_byte(s: &mut Stage) {
    let c = s.connect();
    c.note("basic.qos, byte by byte");
    for byte in frame::method(1, &qos(1, "")) {
        c.quiet(&[byte]);
    }
    c.read(1);
}

fn empty_method_on_zero(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "a method frame without a payload on channel 0",
        &frame::frame(frame::METHOD, 0, b""),
    );
    c.read(0);
}
