//! Who may come in: `connection.start-ok`, its mechanisms and what each answers to a wrong password.

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::{AMQPValue, FieldTable};

use crate::compare::scenarios;
use crate::frame::Frame;
use crate::methods::*;
use crate::peer::Peer;
use crate::stage::{Stage, client_properties};

scenarios! {
    plain_wrong_password plain_wrong_password_without_capability plain_unknown_user plain_malformed
    plain_empty amqplain amqplain_wrong_password amqplain_malformed amqplain_missing_fields
    external_mechanism unknown_mechanism empty_mechanism locale_unknown
    client_properties_of_every_type
}

const HEADER: &[u8] = b"AMQP\0\0\x09\x01";

/// Up to the broker's `connection.start`, which is not compared.
fn begin(s: &mut Stage) -> Peer {
    let c = s.dial();
    c.quiet(HEADER);
    c.quietly_read(0);
    c
}

fn caps() -> FieldTable {
    client_properties(&["authentication_failure_close"])
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
        response.extend(
            u32::try_from(value.len())
                .expect("a short value")
                .to_be_bytes(),
        );
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
    refused(
        s,
        "AMQPLAIN",
        &amqplain_response(&[("LOGIN", "guest"), ("PASSWORD", "wrong")]),
        caps(),
    );
}

fn amqplain_missing_fields(s: &mut Stage) {
    refused(
        s,
        "AMQPLAIN",
        &amqplain_response(&[("LOGIN", "guest")]),
        caps(),
    );
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
