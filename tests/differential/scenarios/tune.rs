//! What is agreed on before the connection is open: limits, heartbeats, the virtual host.

use amq_protocol::types::FieldTable;

use crate::compare::scenarios;
use crate::frame::{self, Frame};
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::{Stage, client_properties};

scenarios! {
    tune_channel_max_above tune_channel_max_zero tune_frame_max_above tune_frame_max_zero
    tune_frame_max_4095 tune_frame_max_4096 tune_heartbeat_high open_missing_vhost open_empty_vhost
    open_twice tune_ok_twice heartbeat_before_open heartbeats_are_sent silence_ends_the_connection
    heartbeats_keep_it
}

const HEADER: &[u8] = b"AMQP\0\0\x09\x01";

/// Up to the broker's `connection.start`, which is not compared.
fn begin(s: &mut Stage) -> Peer {
    let c = s.dial();
    c.quiet(HEADER);
    c.quietly_read(0);
    c
}

fn started(s: &mut Stage) -> Peer {
    let c = begin(s);
    let login = s.login();
    c.quiet(&frame::method(0, &start_ok("PLAIN", &login, caps())));
    c.read(0);
    c
}

fn tuned(s: &mut Stage) -> Peer {
    let c = started(s);
    c.quiet(&frame::method(0, &tune_ok(2047, 131_072, 0)));
    c
}

fn caps() -> FieldTable {
    client_properties(&["authentication_failure_close"])
}

fn tune(s: &mut Stage, channel_max: u16, frame_max: u32, heartbeat: u16) {
    let c = started(s);
    c.send(0, &tune_ok(channel_max, frame_max, heartbeat));
    c.call(0, &connection_open("/"));
}

fn tune_channel_max_above(s: &mut Stage) {
    tune(s, 2048, 131_072, 0);
}

fn tune_channel_max_zero(s: &mut Stage) {
    tune(s, 0, 131_072, 0);
}

fn tune_frame_max_above(s: &mut Stage) {
    tune(s, 2047, 131_073, 0);
}

fn tune_frame_max_zero(s: &mut Stage) {
    tune(s, 2047, 0, 0);
}

fn tune_frame_max_4095(s: &mut Stage) {
    tune(s, 2047, 4095, 0);
    tune(s, 2047, 1, 0);
}

fn tune_frame_max_4096(s: &mut Stage) {
    tune(s, 2047, 4096, 0);
}

fn tune_heartbeat_high(s: &mut Stage) {
    tune(s, 2047, 131_072, 65_535);
    tune(s, 1, 131_072, 61);
}

fn open_missing_vhost(s: &mut Stage) {
    let c = tuned(s);
    c.call(0, &connection_open("nope"));
    let c = tuned(s);
    c.call(0, &connection_open(&"n".repeat(255)));
}

fn open_empty_vhost(s: &mut Stage) {
    let c = tuned(s);
    c.call(0, &connection_open(""));
}

fn open_twice(s: &mut Stage) {
    let c = tuned(s);
    c.call(0, &connection_open("/"));
    c.call(0, &connection_open("/"));
}

fn tune_ok_twice(s: &mut Stage) {
    let c = tuned(s);
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.read(0);
    let c = tuned(s);
    c.call(0, &connection_open("/"));
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.read(0);
}

fn heartbeat_before_open(s: &mut Stage) {
    let c = started(s);
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.call(0, &connection_open("/"));
}

fn beating(s: &mut Stage) -> Peer {
    let c = started(s);
    c.send(0, &tune_ok(2047, 131_072, 1));
    c.call(0, &connection_open("/"));
    c
}

fn heartbeats_are_sent(s: &mut Stage) {
    let c = beating(s);
    c.frames(0, 2);
}

fn silence_ends_the_connection(s: &mut Stage) {
    let c = beating(s);
    // How many come before the end is a matter of milliseconds.
    for _ in 0..40 {
        if !matches!(c.quietly_read(0), Frame::Heartbeat) {
            break;
        }
    }
    c.note(if c.is_gone() {
        "hung up"
    } else {
        "not hung up"
    });
}

fn heartbeats_keep_it(s: &mut Stage) {
    let c = beating(s);
    for _ in 0..8 {
        c.quietly_read(0);
        c.quiet(&frame::frame(frame::HEARTBEAT, 0, b""));
    }
    c.call(1, &channel_open());
}
