//! Payloads that are not what the frame says: headers and tables that are cut, wrong or odd.

use crate::compare::scenarios;
use crate::frame;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::Stage;

scenarios! {
    header_truncated header_with_bad_properties header_with_a_bad_table
    header_with_continuation_flag weight_not_zero bad_boolean table_with_unknown_type
    table_length_wrong text_not_utf8 key_not_utf8 name_with_a_zero_byte body_size_enormous
    deep_table duplicate_table_fields
}

fn header(size: u64) -> Vec<u8> {
    frame::header(1, 60, size, &Default::default())
}

fn publish(c: &Peer) {
    c.send(1, &message("", "nowhere", "").method());
}

fn header_truncated(s: &mut Stage) {
    for length in [0, 1, 8, 12, 13] {
        let c = s.connect();
        publish(&c);
        let whole = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        c.raw(
            &format!("{length} bytes of a header"),
            &frame::frame(frame::HEADER, 1, &whole[..length]),
        );
        c.read(1);
    }
}

/// A header of class 60 for an empty body: the flags, and what stands behind them.
fn properties(flags: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let payload = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &flags, rest].concat();
    frame::frame(frame::HEADER, 1, &payload)
}

fn header_with_bad_properties(s: &mut Stage) {
    for (what, flags, rest) in [
        ("a content type that is missing", [0x80, 0], &[][..]),
        ("a content type that is cut", [0x80, 0], &[5, b'a']),
        ("a byte too many", [0, 0], &[7]),
        ("the flag that no property has", [0, 2], &[]),
        ("a priority that is missing", [0x08, 0], &[]),
        ("a time stamp that is cut", [0, 0x40], &[0, 0, 0]),
    ] {
        let c = s.connect();
        publish(&c);
        c.raw(&format!("a header with {what}"), &properties(flags, rest));
        c.call(1, &qos(1, ""));
    }
}

fn header_with_a_bad_table(s: &mut Stage) {
    for (what, rest) in [
        ("longer than the frame", &[0, 0, 0, 9, 1, b'a'][..]),
        ("cut in a name", &[0, 0, 0, 2, 5, b'a']),
        ("of an unknown type", &[0, 0, 0, 3, 1, b'a', b'?']),
        ("with a value cut", &[0, 0, 0, 5, 1, b'a', b'I', 0, 0]),
        ("with a bad boolean", &[0, 0, 0, 4, 1, b'a', b't', 2]),
    ] {
        let c = s.connect();
        publish(&c);
        c.raw(
            &format!("a header with a table {what}"),
            &properties([0x20, 0], rest),
        );
        c.call(1, &qos(1, ""));
    }
}

fn header_with_continuation_flag(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw(
        "a header with two words of flags",
        &properties([0, 1], &[0, 0]),
    );
    c.call(1, &qos(1, ""));
}

fn weight_not_zero(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    let payload = [0, 60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    c.raw(
        "a header with weight 1",
        &frame::frame(frame::HEADER, 1, &payload),
    );
    c.call(1, &qos(1, ""));
}

fn body_size_enormous(s: &mut Stage) {
    let c = s.connect();
    publish(&c);
    c.raw("a header of 128 MiB and a byte", &header(134_217_729));
    c.call(1, &qos(1, ""));
    let c = s.connect();
    publish(&c);
    c.raw("a header of 2^64 - 1 bytes", &header(u64::MAX));
    c.call(1, &qos(1, ""));
}

fn declare_with(table: &[u8]) -> Vec<u8> {
    let mut payload = frame::payload(&declare("", "exclusive", none()));
    payload.truncate(payload.len() - 4);
    payload.extend(table);
    frame::frame(frame::METHOD, 1, &payload)
}

fn bad_boolean(s: &mut Stage) {
    let c = s.connect();
    c.raw(
        "queue.declare with a boolean of 2",
        &declare_with(&[0, 0, 0, 4, 1, b'a', b't', 2]),
    );
    c.read(1);
}

fn table_with_unknown_type(s: &mut Stage) {
    for letter in [b'?', b'L', b'U', b'u', b'i', b'B', b'x', b's', b'\0'] {
        let c = s.connect();
        let field = [1, b'a', letter, 0, 0, 0, 0, 0, 0, 0, 0];
        let table = [&[0, 0, 0, 11][..], &field].concat();
        c.raw(
            &format!(
                "queue.declare with a field {:?} and eight zeros",
                char::from(letter)
            ),
            &declare_with(&table),
        );
        c.read(1);
    }
}

fn table_length_wrong(s: &mut Stage) {
    for (what, table) in [
        ("longer than the frame", &[0, 0, 0, 9, 1, b'a', b'V'][..]),
        ("shorter than its fields", &[0, 0, 0, 2, 1, b'a', b'V']),
        ("of 4 GiB", &[0xff, 0xff, 0xff, 0xff]),
        ("without its length", &[0, 0]),
    ] {
        let c = s.connect();
        c.raw(
            &format!("queue.declare with a table {what}"),
            &declare_with(table),
        );
        c.read(1);
    }
}

fn duplicate_table_fields(s: &mut Stage) {
    let c = s.connect();
    let field = |value| {
        [
            12, b'x', b'-', b'm', b'a', b'x', b'-', b'l', b'e', b'n', b'g', b't', b'h', b'b', value,
        ]
    };
    let table = [&[0, 0, 0, 30][..], &field(1), &field(2)].concat();
    c.raw(
        "queue.declare with x-max-length 1 and 2",
        &declare_with(&table),
    );
    c.read(1);
}

fn deep_table(s: &mut Stage) {
    // 20 levels: what anyone may do. What nobody should is the own guard's business.
    let c = s.connect();
    let mut value = none();
    for _ in 0..20 {
        value = args([("t", table(value))]);
    }
    c.raw(
        "queue.declare with twenty tables in each other",
        &frame::method(1, &declare("", "exclusive", value)),
    );
    c.read(1);
}

fn text_not_utf8(s: &mut Stage) {
    let c = s.connect();
    let table = [0, 0, 0, 8, 1, b'a', b'S', 0, 0, 0, 1, 0xff];
    c.raw(
        "queue.declare with a string that is not UTF-8",
        &declare_with(&table),
    );
    c.read(1);
}

fn key_not_utf8(s: &mut Stage) {
    let c = s.connect();
    let mut payload = frame::payload(&message("", "kkk", "").method());
    let at = payload.len() - 4;
    payload[at..at + 3].copy_from_slice(&[0xff, 0xfe, 0xfd]);
    c.raw(
        "basic.publish with a key that is not UTF-8",
        &frame::frame(frame::METHOD, 1, &payload),
    );
    c.raw("a header of 0 bytes", &header(0));
    c.call(1, &qos(1, ""));
}

fn name_with_a_zero_byte(s: &mut Stage) {
    let q = s.name("a\0b");
    s.each([
        declare(&q, "", none()),
        declare(&q, "durable", none()),
        delete(&q, ""),
    ]);
}
