//! An open connection, and how it ends.

use super::*;

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

/// RabbitMQ gives what waits to nobody then, and its queue crashes at the next publish.
#[test]
fn a_cancel_is_answered_before_the_next_active_consumer_is_served() {
    let basic = |method| frame(AMQPFrame::Method(1, AMQPClass::Basic(method)));
    let consume = |tag: &str| {
        basic(basic::AMQPMethod::Consume(basic::Consume {
            queue: "q".into(),
            consumer_tag: tag.into(),
            nowait: true,
            ..basic::Consume::default()
        }))
    };
    let mut client = Client::open();
    client.raw(&channel_open(1));
    client.raw(&declare(
        "q",
        &[("x-single-active-consumer", AMQPValue::Boolean(true))],
    ));
    let qos = basic::Qos {
        prefetch_count: 1,
        ..basic::Qos::default()
    };
    client.raw(&basic(basic::AMQPMethod::Qos(qos)));
    client.raw(&[consume("a"), consume("b")].concat());
    for _ in 0..2 {
        client.raw(&publish("q", 1, 1, AMQPProperties::default()));
    }
    client.replies();
    client.raw(&basic(basic::AMQPMethod::Cancel(basic::Cancel {
        consumer_tag: "a".into(),
        nowait: false,
    })));
    let replies = client.replies();
    let methods: Vec<_> = replies
        .iter()
        .filter_map(|frame| match frame {
            AMQPFrame::Method(1, AMQPClass::Basic(method)) => Some(method),
            _ => None,
        })
        .collect();
    assert!(
        matches!(
            methods[..],
            [
                basic::AMQPMethod::CancelOk(_),
                basic::AMQPMethod::Deliver(_)
            ]
        ),
        "{methods:?}"
    );
}
