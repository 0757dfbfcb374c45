//! From the first byte to `connection.open-ok`.

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::{AMQPValue, FieldTable};

use crate::compare::scenarios;
use crate::frame::{self, Frame};
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::{Stage, client_properties};

scenarios! {
    capabilities protocol_amqp_1_0 protocol_sasl protocol_0_8 protocol_0_9 protocol_0_10 protocol_http
    protocol_zeros protocol_twice frame_before_protocol start_to_open plain_wrong_password
    plain_wrong_password_without_capability plain_unknown_user plain_malformed plain_empty
    amqplain amqplain_wrong_password amqplain_malformed amqplain_missing_fields external_mechanism unknown_mechanism
    empty_mechanism locale_unknown tune_channel_max_above tune_channel_max_zero tune_frame_max_above tune_frame_max_zero
    tune_frame_max_4095 tune_frame_max_4096 tune_heartbeat_high open_missing_vhost
    open_empty_vhost open_twice methods_before_start_ok methods_before_tune_ok methods_before_open start_ok_twice tune_ok_twice
    header_frame_before_open heartbeat_before_open channel_open_before_open close_before_open close_before_tune
    large_frame_before_tune body_frame_before_start_ok server_methods_from_a_client secure_ok_unasked update_secret
    client_properties_of_every_type extra_frames_after_close
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
    let Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Start(start))) = c.quietly_read(0)
    else {
        return c.note("no connection.start");
    };
    c.note(&format!("version {}.{}", start.version_major, start.version_minor));
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
    for name in ["product", "version", "platform", "cluster_name", "copyright", "information"] {
        let kind = properties.get(name).map(AMQPValue::get_type);
        c.note(&format!("{name}: {kind:?}"));
    }
}

fn protocol(s: &mut Stage, bytes: &[u8]) {
    let c = s.dial();
    c.raw(&bytes.escape_ascii().to_string(), bytes);
    c.frames(0, 2);
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

fn refused(s: &mut Stage, mechanism: &str, response: &[u8], properties: FieldTable) {
    let c = begin(s);
    c.send(0, &start_ok(mechanism, response, properties));
    match c.read(0) {
        Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Close(_))) | Frame::Gone => {}
        _ => c.frames(0, 1),
    }
}

fn plain_wrong_password(s: &mut Stage) {
    refused(s, "PLAIN", b"\0guest\0wrong", caps());
}

fn plain_wrong_password_without_capability(s: &mut Stage) {
    refused(s, "PLAIN", b"\0guest\0wrong", none());
}

fn plain_unknown_user(s: &mut Stage) {
    refused(s, "PLAIN", b"\0nobody\0guest", caps());
}

fn plain_malformed(s: &mut Stage) {
    refused(s, "PLAIN", b"guest", caps());
    refused(s, "PLAIN", b"\0guest", caps());
    refused(s, "PLAIN", b"\0guest\0guest\0more", caps());
    refused(s, "PLAIN", b"\0guest\0", caps());
    refused(s, "PLAIN", b"\0\0", caps());
    refused(s, "PLAIN", b"\0\xff\0\xff", caps());
}

fn plain_empty(s: &mut Stage) {
    refused(s, "PLAIN", b"", caps());
    refused(s, "PLAIN", b"", none());
}

/// A table without its length, as AMQPLAIN wants it.
fn amqplain_response(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut response = Vec::new();
    for (name, value) in fields {
        response.push(u8::try_from(name.len()).expect("a short name"));
        response.extend(name.as_bytes());
        response.push(b'S');
        response.extend(u32::try_from(value.len()).expect("a short value").to_be_bytes());
        response.extend(value.as_bytes());
    }
    response
}

fn amqplain(s: &mut Stage) {
    let c = begin(s);
    let response = amqplain_response(&[("LOGIN", "guest"), ("PASSWORD", "guest")]);
    c.send(0, &start_ok("AMQPLAIN", &response, caps()));
    c.read(0);
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.call(0, &connection_open("/"));
}

fn amqplain_wrong_password(s: &mut Stage) {
    refused(s, "AMQPLAIN", &amqplain_response(&[("LOGIN", "guest"), ("PASSWORD", "wrong")]), caps());
}

fn amqplain_missing_fields(s: &mut Stage) {
    refused(s, "AMQPLAIN", &amqplain_response(&[("LOGIN", "guest")]), caps());
    refused(s, "AMQPLAIN", &amqplain_response(&[]), caps());
}

fn amqplain_malformed(s: &mut Stage) {
    refused(s, "AMQPLAIN", b"\0guest\0guest", caps());
}

fn external_mechanism(s: &mut Stage) {
    refused(s, "EXTERNAL", b"", caps());
}

fn unknown_mechanism(s: &mut Stage) {
    refused(s, "NONSENSE", b"", caps());
    refused(s, "plain", b"\0guest\0guest", caps());
    refused(s, "NONSENSE", b"", none());
}

fn empty_mechanism(s: &mut Stage) {
    refused(s, "", b"", caps());
}

fn locale_unknown(s: &mut Stage) {
    let c = begin(s);
    let method = AMQPClass::Connection(connection::AMQPMethod::StartOk(connection::StartOk {
        client_properties: none(),
        mechanism: "PLAIN".into(),
        response: s.login().into(),
        locale: "xx_XX".into(),
    }));
    c.send(0, &method);
    c.read(0);
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

fn tune_ok_twice(s: &mut Stage) {
    let c = tuned(s);
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.read(0);
    let c = tuned(s);
    c.call(0, &connection_open("/"));
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.read(0);
}

fn header_frame_before_open(s: &mut Stage) {
    let c = tuned(s);
    c.raw("a header frame on channel 0", &frame::header(0, 60, 0, &Default::default()));
    c.read(0);
    let c = tuned(s);
    c.raw("a header frame on channel 1", &frame::header(1, 60, 0, &Default::default()));
    c.call(0, &connection_open("/"));
}

fn heartbeat_before_open(s: &mut Stage) {
    let c = started(s);
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
    c.send(0, &tune_ok(2047, 131_072, 0));
    c.raw("a heartbeat", &frame::frame(frame::HEARTBEAT, 0, b""));
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
    c.raw("a start-ok of 8000 bytes", &frame::method(0, &start_ok("PLAIN", &login, properties)));
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

fn client_properties_of_every_type(s: &mut Stage) {
    let c = begin(s);
    let login = s.login();
    let properties = args([
        ("product", text("a test")),
        ("capabilities", int(1)),
        ("version", list([int(1), AMQPValue::Void])),
        ("platform", table(none())),
        ("connection_name", int(5)),
    ]);
    c.send(0, &start_ok("PLAIN", &login, properties));
    c.read(0);
}

fn extra_frames_after_close(s: &mut Stage) {
    let c = s.connect();
    c.send(0, &connection_close(200, ""));
    c.send(1, &declare("amq.ignored", "", none()));
    c.read(0);
}
