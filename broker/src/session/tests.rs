//! A connection from its first byte to its last, without a socket. The expectations were observed on RabbitMQ 3.10.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::channel;
use amq_protocol::types::{AMQPValue, FieldTable};

use super::*;
use crate::settings::{Settings, User};

type Reply = connection::AMQPMethod;

struct Client {
    session: Session,
    out: Arc<Outbound>,
    control: Arc<Control>,
}

impl Client {
    fn new() -> Self {
        Self::at("127.0.0.1:1")
    }

    fn at(address: &str) -> Self {
        let settings = Settings {
            users: vec![User::guest()],
            ..Settings::default()
        };
        let shared = Shared::new(settings);
        let out = Outbound::detached();
        let control = Control::new(Arc::default());
        let address = address.parse().expect("an address");
        let peer = Peer {
            address,
            local: address,
        };
        let session = Session::new(shared, Arc::clone(&out), Arc::clone(&control), peer);
        Self {
            session,
            out,
            control,
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> Next {
        let mut input = BytesMut::from(bytes);
        let next = self.session.receive(&mut input);
        assert!(input.is_empty(), "{} bytes were left", input.len());
        next
    }

    fn send(&mut self, method: Reply) -> Next {
        self.raw(&on_zero(method))
    }

    fn replies(&self) -> Vec<AMQPFrame> {
        let bytes = self.out.take();
        let mut bytes = bytes.as_ref();
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (rest, frame) = parse_frame(bytes).expect("a frame");
            frames.push(frame);
            bytes = rest;
        }
        frames
    }

    fn reply(&self) -> Reply {
        let frames = self.replies();
        let [AMQPFrame::Method(0, AMQPClass::Connection(method))] = &frames[..] else {
            panic!("{frames:?}");
        };
        method.clone()
    }

    /// Code, text, class and method of the close that was sent.
    fn close(&self) -> (u16, String, u16, u16) {
        match self.reply() {
            Reply::Close(close) => {
                let text = close.reply_text.to_string();
                (close.reply_code, text, close.class_id, close.method_id)
            }
            other => panic!("{other:?}"),
        }
    }

    fn starting() -> Self {
        let mut client = Self::new();
        assert_eq!(client.raw(b"AMQP\0\0\x09\x01"), Next::Read);
        assert!(matches!(client.reply(), Reply::Start(_)));
        client
    }

    fn tuning() -> Self {
        let mut client = Self::starting();
        assert_eq!(
            client.send(start_ok("PLAIN", b"\0guest\0guest")),
            Next::Read
        );
        let Reply::Tune(tune) = client.reply() else {
            panic!()
        };
        assert_eq!(
            (tune.channel_max, tune.frame_max, tune.heartbeat),
            (2047, 131_072, 60)
        );
        client
    }

    fn opening() -> Self {
        let mut client = Self::tuning();
        assert_eq!(client.send(tune_ok(2047, 131_072)), Next::Read);
        assert!(client.replies().is_empty());
        client
    }

    fn open() -> Self {
        let mut client = Self::opening();
        assert_eq!(client.send(open("/")), Next::Read);
        assert_eq!(client.reply(), Reply::OpenOk(connection::OpenOk {}));
        assert!(client.session.is_open());
        client
    }
}

fn on_zero(method: Reply) -> Vec<u8> {
    let frame = AMQPFrame::Method(0, AMQPClass::Connection(method));
    gen_frame(&frame)(WriteContext::from(Vec::new()))
        .expect("memory")
        .into_inner()
        .0
}

fn start_ok(mechanism: &str, response: &[u8]) -> Reply {
    let mut capabilities = FieldTable::default();
    let name = "authentication_failure_close";
    capabilities.insert(name.into(), AMQPValue::Boolean(true));
    let mut properties = FieldTable::default();
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    Reply::StartOk(connection::StartOk {
        client_properties: properties,
        mechanism: mechanism.into(),
        response: response.into(),
        locale: "en_US".into(),
    })
}

fn tune_ok(channel_max: u16, frame_max: u32) -> Reply {
    Reply::TuneOk(connection::TuneOk {
        channel_max,
        frame_max,
        heartbeat: 7,
    })
}

fn open(vhost: &str) -> Reply {
    Reply::Open(connection::Open {
        virtual_host: vhost.into(),
    })
}

fn close() -> Reply {
    Reply::Close(connection::Close {
        reply_code: 200,
        reply_text: "".into(),
        class_id: 0,
        method_id: 0,
    })
}

fn close_ok() -> Reply {
    Reply::CloseOk(connection::CloseOk {})
}

fn channel_open(channel: u16) -> Vec<u8> {
    let frame = AMQPFrame::Method(
        channel,
        AMQPClass::Channel(channel::AMQPMethod::Open(Default::default())),
    );
    gen_frame(&frame)(WriteContext::from(Vec::new()))
        .expect("memory")
        .into_inner()
        .0
}

/// A frame that RabbitMQ does not know.
const NONSENSE: &[u8] = b"\x09\0\0\0\0\0\x03abc\xce";
const NONSENSE_TEXT: &str = "FRAME_ERROR - type 9, all octets = <<\"abc\">>: unknown_frame";

#[test]
fn start_says_what_clients_look_for() {
    let mut client = Client::new();
    client.raw(b"AMQP\0\0\x09\x01");
    let Reply::Start(start) = client.reply() else {
        panic!()
    };
    assert_eq!((start.version_major, start.version_minor), (0, 9));
    assert_eq!(start.mechanisms.as_bytes(), b"PLAIN AMQPLAIN");
    assert_eq!(start.locales.as_bytes(), b"en_US");
    let properties = start.server_properties.inner();
    for name in ["product", "version", "platform", "cluster_name"] {
        assert!(
            matches!(properties.get(name), Some(AMQPValue::LongString(_))),
            "{name}"
        );
    }
    let Some(AMQPValue::FieldTable(capabilities)) = properties.get("capabilities") else {
        panic!("no capabilities");
    };
    assert_eq!(capabilities.inner().len(), 9);
    assert!(
        capabilities
            .inner()
            .values()
            .all(|value| *value == AMQPValue::Boolean(true))
    );
}

#[test]
fn another_protocol_is_told_which_one_is_spoken() {
    for header in [
        b"AMQP\0\0\x09\x02",
        b"GET / HT",
        b"AMQP\x03\x01\0\0",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut client = Client::new();
        assert_eq!(client.raw(header), Next::Close);
        assert_eq!(client.out.take().as_ref(), b"AMQP\0\0\x09\x01");
    }
    let mut client = Client::new();
    assert_eq!(client.raw(b"AMQP\x01\x01\0\x09"), Next::Read);
    assert!(matches!(client.reply(), Reply::Start(_)));
}

#[test]
fn the_whole_handshake_byte_by_byte() {
    let mut bytes = b"AMQP\0\0\x09\x01".to_vec();
    for method in [
        start_ok("PLAIN", b"\0guest\0guest"),
        tune_ok(10, 4096),
        open("/"),
    ] {
        bytes.extend(on_zero(method));
    }
    bytes.extend(channel_open(3));
    let mut client = Client::new();
    let mut input = BytesMut::new();
    for byte in bytes {
        input.extend_from_slice(&[byte]);
        assert_eq!(client.session.receive(&mut input), Next::Read);
    }
    let replies = client.replies();
    assert_eq!(replies.len(), 4);
    let open_ok = channel::AMQPMethod::OpenOk(channel::OpenOk {});
    assert_eq!(
        replies[3],
        AMQPFrame::Method(3, AMQPClass::Channel(open_ok))
    );
    assert_eq!(client.session.heartbeat(), Some(Duration::from_secs(7)));
}

#[test]
fn amqplain_is_understood() {
    let login = b"\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05guest";
    let mut client = Client::starting();
    assert_eq!(client.send(start_ok("AMQPLAIN", login)), Next::Read);
    assert!(matches!(client.reply(), Reply::Tune(_)));
}

#[test]
fn a_wrong_login_is_told_to_who_asked_for_it() {
    for (mechanism, response) in [
        ("PLAIN", &b"\0guest\0wrong"[..]),
        ("PLAIN", b"\0guest\0guest1"),
        ("PLAIN", b"\0guest\0"),
        ("PLAIN", b"\0nobody\0guest"),
        (
            "AMQPLAIN",
            b"\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05wrong",
        ),
    ] {
        let mut client = Client::starting();
        assert_eq!(client.send(start_ok(mechanism, response)), Next::Pause);
        let text = format!(
            "ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. \
             For details see the broker logfile."
        );
        assert_eq!(client.close(), (403, text, 0, 0));
    }
    let mut client = Client::starting();
    let Reply::StartOk(mut start_ok) = start_ok("PLAIN", b"\0guest\0wrong") else {
        panic!()
    };
    start_ok.client_properties = FieldTable::default();
    assert_eq!(client.send(Reply::StartOk(start_ok)), Next::Pause);
    assert!(client.replies().is_empty());
}

#[test]
fn everybody_knows_the_guest_so_it_is_local_only() {
    for (address, expected) in [
        ("127.0.0.2:1", Next::Read),
        ("[::1]:1", Next::Read),
        ("[::ffff:127.0.0.1]:1", Next::Read),
        ("192.0.2.1:1", Next::Pause),
        ("[2001:db8::1]:1", Next::Pause),
    ] {
        let mut client = Client::at(address);
        client.raw(b"AMQP\0\0\x09\x01");
        let next = client.send(start_ok("PLAIN", b"\0guest\0guest"));
        assert_eq!(next, expected, "{address}");
    }
}

#[test]
fn a_login_that_is_none_ends_without_a_word() {
    for (mechanism, response) in [
        ("EXTERNAL", &b""[..]),
        ("", b""),
        ("PLAIN", b""),
        ("PLAIN", b"guest\0guest"),
        ("PLAIN", b"other\0guest\0guest"),
        ("PLAIN", b"\0guest"),
        ("AMQPLAIN", b"\0guest\0guest"),
        ("AMQPLAIN", b"\x05LOGINS\0\0\0\x05guest"),
    ] {
        let mut client = Client::starting();
        let next = client.send(start_ok(mechanism, response));
        assert_eq!(
            (next, client.replies().len()),
            (Next::Pause, 0),
            "{mechanism} {response:?}"
        );
    }
}

#[test]
fn tuning_above_the_offer_ends_without_a_word() {
    for (channel_max, frame_max) in [
        (0, 131_072),
        (2048, 131_072),
        (2047, 0),
        (2047, 131_073),
        (2047, 4095),
    ] {
        let mut client = Client::tuning();
        let next = client.send(tune_ok(channel_max, frame_max));
        assert_eq!(
            (next, client.replies().len()),
            (Next::Pause, 0),
            "{channel_max} {frame_max}"
        );
    }
    for (channel_max, frame_max) in [(1, 131_072), (2047, 4096)] {
        assert_eq!(
            Client::tuning().send(tune_ok(channel_max, frame_max)),
            Next::Read
        );
    }
}

#[test]
fn what_comes_too_early_ends_without_a_word() {
    let early: [Vec<u8>; 5] = [
        on_zero(open("/")),
        on_zero(close()),
        channel_open(1),
        NONSENSE.to_vec(),
        vec![1, 0, 0, 0, 0, 16, 1],
    ];
    for bytes in &early {
        for mut client in [Client::starting(), Client::tuning()] {
            let next = client.raw(bytes);
            assert_eq!(
                (next, client.replies().len()),
                (Next::Pause, 0),
                "{bytes:?}"
            );
        }
    }
}

#[test]
fn who_is_known_is_told_what_came_too_early() {
    for (bytes, expected) in [
        (
            on_zero(close()),
            (
                504,
                "CHANNEL_ERROR - unexpected method in connection state opening",
                10,
                50,
            ),
        ),
        (
            on_zero(tune_ok(1, 4096)),
            (
                504,
                "CHANNEL_ERROR - unexpected method in connection state opening",
                10,
                31,
            ),
        ),
        (
            channel_open(1),
            (
                505,
                "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>",
                0,
                0,
            ),
        ),
        (NONSENSE.to_vec(), (501, NONSENSE_TEXT, 0, 0)),
        (
            on_zero(open("nope")),
            (530, "NOT_ALLOWED - vhost nope not found", 10, 40),
        ),
        (
            on_zero(open("")),
            (530, "NOT_ALLOWED - vhost  not found", 10, 40),
        ),
    ] {
        let mut client = Client::opening();
        assert_eq!(client.raw(&bytes), Next::Read);
        let (code, text, class, method) = expected;
        assert_eq!(client.close(), (code, text.to_owned(), class, method));
        assert!(client.session.is_closing());
        assert_eq!(client.send(close_ok()), Next::Abort);
    }
}

#[test]
fn heartbeats_are_taken_at_any_time() {
    const HEARTBEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";
    for mut client in [
        Client::starting(),
        Client::tuning(),
        Client::opening(),
        Client::open(),
    ] {
        assert_eq!(client.raw(HEARTBEAT), Next::Read);
        assert!(client.replies().is_empty());
    }
}

#[test]
fn channel_zero_of_an_open_connection_has_rules() {
    for (bytes, expected) in [
        (
            on_zero(open("/")),
            (
                504,
                "CHANNEL_ERROR - unexpected method in connection state running",
                10,
                40,
            ),
        ),
        (
            on_zero(close_ok()),
            (
                504,
                "CHANNEL_ERROR - unexpected method in connection state running",
                10,
                51,
            ),
        ),
        (
            channel_open(0),
            (
                504,
                "CHANNEL_ERROR - unexpected method in connection state running",
                20,
                10,
            ),
        ),
        (
            b"\x01\0\0\0\0\0\x0a\0\x3c\0\x28\0\0\0\0\0\0\xce".to_vec(),
            (541, "INTERNAL_ERROR", 0, 0),
        ),
        (
            b"\x01\0\0\0\0\0\x05\0\x0a\0\x32\0\xce".to_vec(),
            (541, "INTERNAL_ERROR", 0, 0),
        ),
        (
            b"\x03\0\0\0\0\0\x03abc\xce".to_vec(),
            (
                505,
                "UNEXPECTED_FRAME - type 3, all octets = <<\"abc\">>",
                0,
                0,
            ),
        ),
        (NONSENSE.to_vec(), (501, NONSENSE_TEXT, 0, 0)),
    ] {
        let mut client = Client::open();
        assert_eq!(client.raw(&bytes), Next::Read);
        let (code, text, class, method) = expected;
        assert_eq!(
            client.close(),
            (code, text.to_owned(), class, method),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_method_that_nobody_knows_cuts_the_connection() {
    for frame in [
        &b"\x01\0\0\0\0\0\x04\0\x0a\0\x63\xce"[..],
        b"\x01\0\x01\0\0\0\x04\0\x63\0\x0a\xce",
    ] {
        let mut client = Client::open();
        assert_eq!(client.raw(frame), Next::Abort);
        assert!(client.replies().is_empty());
    }
}

#[test]
fn a_lost_stream_is_told_and_then_ignored() {
    let mut client = Client::open();
    assert_eq!(client.raw(&[3, 0, 1, 0, 2, 0, 1]), Next::Pause);
    let text = "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064}";
    assert_eq!(client.close(), (501, text.to_owned(), 0, 0));
    assert_eq!(client.send(close_ok()), Next::Read);
}

#[test]
fn a_client_closes() {
    let mut client = Client::open();
    assert_eq!(client.send(close()), Next::Read);
    assert_eq!(client.reply(), close_ok());
    assert!(client.session.is_closing());
    assert_eq!(client.send(close()), Next::Read);
    assert_eq!(client.reply(), close_ok());
    assert_eq!(client.raw(NONSENSE), Next::Read);
    assert_eq!(client.raw(&channel_open(1)), Next::Read);
    assert!(client.replies().is_empty());
    assert_eq!(client.send(close_ok()), Next::Abort);
}

#[test]
fn closes_cross() {
    let mut client = Client::open();
    let refusal = Refusal::connection_forced("bye");
    assert_eq!(client.session.close(refusal.clone()), Next::Read);
    assert_eq!(
        client.close(),
        (320, "CONNECTION_FORCED - bye".to_owned(), 0, 0)
    );
    assert_eq!(client.session.close(refusal), Next::Read);
    assert_eq!(client.send(close()), Next::Read);
    assert_eq!(client.reply(), close_ok());
    assert_eq!(client.send(close_ok()), Next::Abort);
}

#[test]
fn before_it_is_known_a_connection_is_closed_without_a_word() {
    for mut client in [Client::new(), Client::starting(), Client::tuning()] {
        assert_eq!(
            client.session.close(Refusal::connection_forced("bye")),
            Next::Abort
        );
        assert!(client.replies().is_empty());
    }
}

#[test]
fn a_secret_is_updated() {
    let mut client = Client::open();
    let update = connection::UpdateSecret {
        new_secret: "x".into(),
        reason: "y".into(),
    };
    assert_eq!(client.send(Reply::UpdateSecret(update)), Next::Read);
    assert_eq!(
        client.reply(),
        Reply::UpdateSecretOk(connection::UpdateSecretOk {})
    );
    assert!(client.session.is_open());
}

#[test]
fn a_burst_is_answered_in_order_up_to_its_end() {
    let mut client = Client::open();
    let bytes = [
        channel_open(1),
        channel_open(2),
        on_zero(close()),
        channel_open(3),
    ]
    .concat();
    assert_eq!(client.raw(&bytes), Next::Read);
    let replies = client.replies();
    let channels: Vec<_> = replies.iter().map(AMQPFrame::channel_id).collect();
    assert_eq!(channels, [1, 2, 0]);
}

#[test]
fn a_text_longer_than_a_short_string_is_cut() {
    let mut client = Client::open();
    client
        .session
        .close(Refusal::connection_forced("ä".repeat(300)));
    let (_, text, ..) = client.close();
    assert!(text.len() >= 254 && text.starts_with("CONNECTION_FORCED - ää"));
}

#[test]
fn the_end_releases_what_the_broker_knows_of_it() {
    let mut client = Client::open();
    let known = Arc::strong_count(&client.control);
    client.session.end();
    client.session.end();
    assert!(!client.session.is_open());
    assert_eq!(Arc::strong_count(&client.control), known - 1);
    let mut client = Client::open();
    client.send(close());
    assert_eq!(Arc::strong_count(&client.control), known - 1);
    let Client {
        session, control, ..
    } = Client::open();
    drop(session);
    assert_eq!(Arc::strong_count(&control), known - 2);
}
