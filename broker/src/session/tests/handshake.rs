//! How a connection comes to be open, or does not.

use super::*;

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
