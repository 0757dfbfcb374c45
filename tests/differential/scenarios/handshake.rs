//! The first bytes, and methods before their time.

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::{AMQPValue, FieldTable};

use crate::compare::scenarios;
use crate::frame::{self, Frame};
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::{Stage, client_properties};

scenarios! {
    capabilities protocol_amqp_1_0 protocol_sasl protocol_0_8 protocol_0_9 protocol_0_10
    protocol_http protocol_zeros protocol_twice frame_before_protocol start_to_open
    methods_before_start_ok methods_before_tune_ok methods_before_open start_ok_twice
    header_frame_before_open channel_open_before_open close_before_open close_before_tune
    large_frame_before_tune body_frame_before_start_ok server_methods_from_a_client
    secure_ok_unasked update_secret frames_after_close
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

fn capabilities(s: &mut Stage) {
    let c = s.dial();
    c.quiet(HEADER);
    let Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Start(start))) =
        c.quietly_read(0)
    else {
        return c.note("no connection.start");
    };
    c.note(&format!(
        "version {}.{}",
        start.version_major, start.version_minor
    ));
    let mut mechanisms = start.mechanisms.to_string();
    // RabbitMQ lists them in the order of a hash table.
    let mut sorted: Vec<_> = mechanisms.split(' ').collect();
    sorted.sort_unstable();
    mechanisms = sorted.join(" ");
    c.note(&format!("mechanisms {mechanisms}"));
    c.note(&format!("locales {}", start.locales));
    let properties = start.server_properties.inner();
    if let Some(AMQPValue::FieldTable(capabilities)) = properties.get("capabilities") {
        for (name, value) in capabilities {
            c.note(&format!("capability {name}: {value:?}"));
        }
    }
    for name in [
        "product",
        "version",
        "platform",
        "cluster_name",
        "copyright",
        "information",
    ] {
        let kind = properties.get(name).map(AMQPValue::get_type);
        c.note(&format!("{name}: {kind:?}"));
    }
}

fn protocol(s: &mut Stage, bytes: &[u8]) {
    let c = s.dial();
    c.raw(&bytes.escape_ascii().to_string(), bytes);
    match c.read(0) {
        Frame::Protocol(_) => {
            c.read(0);
        }
        Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Start(_))) => {
            c.note("is welcome");
        }
        _ => {}
    }
}

fn protocol_amqp_1_0(s: &mut Stage) {
    protocol(s, b"AMQP\0\x01\0\0");
}

fn protocol_sasl(s: &mut Stage) {
    protocol(s, b"AMQP\x03\x01\0\0");
}

fn protocol_0_8(s: &mut Stage) {
    protocol(s, b"AMQP\x01\x01\x08\0");
    protocol(s, b"AMQP\0\0\x08\0");
}

fn protocol_0_9(s: &mut Stage) {
    protocol(s, b"AMQP\x01\x01\0\x09");
    protocol(s, b"AMQP\0\0\x09\0");
    protocol(s, b"AMQP\0\0\x09\x02");
}

fn protocol_0_10(s: &mut Stage) {
    protocol(s, b"AMQP\x01\x01\0\x0a");
}

fn protocol_http(s: &mut Stage) {
    protocol(s, b"GET / HTTP/1.1\r\n\r\n");
}

fn protocol_zeros(s: &mut Stage) {
    protocol(s, &[0; 8]);
}

fn protocol_twice(s: &mut Stage) {
    let c = begin(s);
    c.raw("the protocol header again", HEADER);
    c.until_gone();
}

fn frame_before_protocol(s: &mut Stage) {
    let c = s.dial();
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.frames(0, 2);
}

fn start_to_open(s: &mut Stage) {
    let c = begin(s);
    let login = s.login();
    c.send(0, &start_ok("PLAIN", &login, none()));
    c.read(0);
    c.send(0, &tune_ok(2047, 131_072, 60));
    c.call(0, &connection_open("/"));
    c.call(1, &channel_open());
    c.call(1, &channel_close(200, "bye"));
    c.call(0, &connection_close(200, "bye"));
}

fn methods_before_start_ok(s: &mut Stage) {
    for method in [
        tune_ok(2047, 131_072, 0),
        connection_open("/"),
        connection_close(200, ""),
        connection_close_ok(),
        channel_open(),
    ] {
        let c = begin(s);
        c.send(0, &method);
        c.read(0);
    }
}

fn methods_before_tune_ok(s: &mut Stage) {
    for method in [connection_open("/"), channel_open(), connection_close_ok()] {
        let c = started(s);
        c.send(0, &method);
        c.read(0);
    }
}

fn methods_before_open(s: &mut Stage) {
    for method in [
        start_ok("PLAIN", b"", none()),
        connection_close_ok(),
        channel_open(),
        declare("q", "", none()),
    ] {
        let c = tuned(s);
        c.send(0, &method);
        c.read(0);
    }
}

fn start_ok_twice(s: &mut Stage) {
    let c = started(s);
    let login = s.login();
    c.send(0, &start_ok("PLAIN", &login, none()));
    c.read(0);
}

fn header_frame_before_open(s: &mut Stage) {
    let c = tuned(s);
    c.raw(
        "a header frame on channel 0",
        &frame::header(0, 60, 0, &Default::default()),
    );
    c.read(0);
    let c = tuned(s);
    c.raw(
        "a header frame on channel 1",
        &frame::header(1, 60, 0, &Default::default()),
    );
    c.call(0, &connection_open("/"));
}

fn channel_open_before_open(s: &mut Stage) {
    let c = tuned(s);
    c.send(1, &channel_open());
    c.call(0, &connection_open("/"));
}

fn close_before_open(s: &mut Stage) {
    let c = tuned(s);
    c.call(0, &connection_close(200, ""));
}

fn close_before_tune(s: &mut Stage) {
    let c = started(s);
    c.call(0, &connection_close(200, ""));
}

fn large_frame_before_tune(s: &mut Stage) {
    let c = begin(s);
    let mut properties = caps();
    properties.insert("large".into(), text(&"x".repeat(8000)));
    let login = s.login();
    c.raw(
        "a start-ok of 8000 bytes",
        &frame::method(0, &start_ok("PLAIN", &login, properties)),
    );
    c.read(0);
}

fn body_frame_before_start_ok(s: &mut Stage) {
    let c = begin(s);
    c.raw("a body frame", &frame::frame(frame::BODY, 0, b"body"));
    c.read(0);
}

fn server_methods_from_a_client(s: &mut Stage) {
    let start = AMQPClass::Connection(connection::AMQPMethod::Start(connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: none(),
        mechanisms: "PLAIN".into(),
        locales: "en_US".into(),
    }));
    let open_ok = AMQPClass::Connection(connection::AMQPMethod::OpenOk(connection::OpenOk {}));
    for method in [start, open_ok] {
        let c = begin(s);
        c.send(0, &method);
        c.read(0);
        let c = tuned(s);
        c.call(0, &connection_open("/"));
        c.send(0, &method);
        c.read(0);
    }
}

fn secure_ok_unasked(s: &mut Stage) {
    let secure_ok = AMQPClass::Connection(connection::AMQPMethod::SecureOk(connection::SecureOk {
        response: "x".into(),
    }));
    let c = begin(s);
    c.send(0, &secure_ok);
    c.read(0);
    let c = tuned(s);
    c.call(0, &connection_open("/"));
    c.send(0, &secure_ok);
    c.read(0);
}

fn update_secret(s: &mut Stage) {
    let c = s.connect();
    let update = AMQPClass::Connection(connection::AMQPMethod::UpdateSecret(
        connection::UpdateSecret {
            new_secret: "guest".into(),
            reason: "because".into(),
        },
    ));
    c.call(0, &update);
}

fn frames_after_close(s: &mut Stage) {
    let c = s.connect();
    c.send(0, &connection_close(200, ""));
    c.send(1, &declare("amq.ignored", "", none()));
    c.read(0);
}
