//! Publishers are held back while messages take too much memory, and never for longer.

use super::*;

const LIMIT: usize = 1 << 20;

fn shared() -> Arc<Shared> {
    Shared::new(Settings {
        users: vec![User::guest()],
        memory_limit: LIMIT,
        ..Settings::default()
    })
}

fn basic(method: basic::AMQPMethod) -> Vec<u8> {
    frame(AMQPFrame::Method(1, AMQPClass::Basic(method)))
}

/// A message that is on its own too much, in the hands of a consumer that has never published.
fn full(shared: &Arc<Shared>) -> (Client, Client) {
    let mut publisher = Client::with_channel(shared);
    let mut consumer = Client::with_channel(shared);
    consumer.raw(&declare("q", &[]));
    consumer.raw(&basic(basic::AMQPMethod::Consume(basic::Consume {
        queue: "q".into(),
        ..basic::Consume::default()
    })));
    let size = LIMIT + 1;
    publisher.raw(&publish("q", size, size, AMQPProperties::default()));
    assert!(alarm(shared));
    (publisher, consumer)
}

fn alarm(shared: &Arc<Shared>) -> bool {
    shared.host("/").expect("a host").lock().alarm_is_on()
}

fn ack() -> Vec<u8> {
    basic(basic::AMQPMethod::Ack(basic::Ack {
        delivery_tag: 1,
        multiple: false,
    }))
}

#[test]
fn who_ends_the_alarm_and_begins_to_publish_at_once_is_not_forgotten() {
    let shared = shared();
    let (_publisher, mut consumer) = full(&shared);
    let mut bytes = ack();
    bytes.extend(publish("nowhere", 1, 1, AMQPProperties::default()));
    let mut input = BytesMut::from(&bytes[..]);
    assert_eq!(consumer.session.receive(&mut input), Next::Read);
    assert!(!alarm(&shared));
    assert!(!consumer.control.is_blocked(), "nobody would wake it");
}

#[test]
fn half_a_message_that_is_given_up_ends_the_alarm() {
    let shared = shared();
    let mut waiting = Client::with_channel(&shared);
    waiting.raw(&publish("nowhere", 1, 1, AMQPProperties::default()));
    let mut leaving = Client::with_channel(&shared);
    let half = publish("nowhere", 2 * LIMIT, LIMIT + 1, AMQPProperties::default());
    leaving.raw(&half);
    assert!(alarm(&shared));
    let mut input = BytesMut::from(&publish("nowhere", 1, 1, AMQPProperties::default())[..]);
    waiting.session.receive(&mut input);
    assert!(waiting.control.is_blocked());
    leaving.session.end();
    assert!(!alarm(&shared));
    assert!(!waiting.control.is_blocked());
}

#[test]
fn a_close_gives_half_a_message_up_too() {
    let shared = shared();
    let mut leaving = Client::with_channel(&shared);
    let half = publish("nowhere", 2 * LIMIT, LIMIT + 1, AMQPProperties::default());
    leaving.raw(&half);
    assert!(alarm(&shared));
    leaving.raw(&on_zero(close()));
    assert!(!alarm(&shared));
}

#[test]
fn a_message_that_is_too_much_by_itself_arrives() {
    let shared = shared();
    let mut client = Client::with_channel(&shared);
    client.raw(&declare("q", &[]));
    let size = 2 * LIMIT;
    client.raw(&publish(
        "q",
        size,
        size / 2 + 100_000,
        AMQPProperties::default(),
    ));
    assert!(alarm(&shared));
    client.raw(&body(size / 2 - 100_000));
    assert!(client.session.is_open());
    let mut status = crate::status::Status::default();
    shared
        .host("/")
        .expect("a host")
        .lock()
        .describe(&mut status);
    assert_eq!(status.queues[0].ready, 1);
    // The next one waits.
    let mut input = BytesMut::from(&publish("q", 1, 1, AMQPProperties::default())[..]);
    client.session.receive(&mut input);
    assert!(client.control.is_blocked() && !input.is_empty());
}

#[test]
fn half_a_message_is_read_to_its_end_whatever_other_channels_say() {
    let shared = shared();
    let mut client = Client::with_channel(&shared);
    client.raw(&channel_open(2));
    let half = publish(
        "nowhere",
        LIMIT + 1,
        LIMIT / 2 + 1,
        AMQPProperties::default(),
    );
    client.raw(&half);
    shared
        .host("/")
        .expect("a host")
        .run(|vhost| vhost.force_alarm(true));
    client.raw(&channel_open(3));
    assert!(
        !client.control.is_blocked(),
        "its own half would wait for ever"
    );
    client.raw(&body(LIMIT / 2));
    shared
        .host("/")
        .expect("a host")
        .run(|vhost| vhost.force_alarm(false));
    assert!(!alarm(&shared));
}

#[test]
fn half_a_message_does_not_let_others_in() {
    let shared = shared();
    let mut client = Client::with_channel(&shared);
    client.raw(&channel_open(2));
    client.raw(&publish("nowhere", 2, 1, AMQPProperties::default()));
    shared
        .host("/")
        .expect("a host")
        .run(|vhost| vhost.force_alarm(true));
    let begins = basic::AMQPMethod::Publish(basic::Publish::default());
    client.raw(&frame(AMQPFrame::Method(2, AMQPClass::Basic(begins))));
    assert!(client.control.is_blocked());
}
