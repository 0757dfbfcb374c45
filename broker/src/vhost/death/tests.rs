use std::time::Duration;

use bytes::Bytes;

use super::*;

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn array(values: Vec<AMQPValue>) -> AMQPValue {
    AMQPValue::FieldArray(values.into())
}

fn with(headers: &FieldTable) -> Properties {
    Properties::default().with_headers(headers)
}

fn message(exchange: &str, key: &str, properties: Properties) -> Message {
    let body = Bytes::from_static(b"body");
    Message::new(
        &Meter::default(),
        exchange.into(),
        key.into(),
        properties,
        body,
    )
}

fn buried(message: &Message, queue: &str, reason: Reason, key: Option<&str>) -> Message {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    bury(
        message,
        queue,
        reason,
        key,
        &"dlx".into(),
        now,
        &Meter::default(),
    )
}

fn headers(message: &Message) -> FieldTable {
    message.properties.headers().unwrap()
}

fn deaths(message: &Message) -> Vec<AMQPValue> {
    match headers(message).inner().get(X_DEATH) {
        Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Queue, reason and count of each death.
fn summary(message: &Message) -> Vec<String> {
    let read = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => {
            let text =
                |name| String::from_utf8(entry(death, name).unwrap_or(b"?").to_vec()).unwrap();
            let count = death.inner().get("count").and_then(erlang::integer);
            format!(
                "{} {} {}",
                text("queue"),
                text("reason"),
                count.unwrap_or(-1)
            )
        }
        other => format!("{other:?}"),
    };
    deaths(message).iter().map(read).collect()
}

fn death(queue: &str, reason: &str, count: Option<i32>) -> AMQPValue {
    let mut death = table([("queue", string(queue)), ("reason", string(reason))]);
    if let Some(count) = count {
        death.insert("count".into(), AMQPValue::LongInt(count));
    }
    AMQPValue::FieldTable(death)
}

/// A message with this `x-death`, rejected in queue `q`.
fn rejected_after(before: Vec<AMQPValue>) -> Message {
    let before = message("", "q", with(&table([(X_DEATH, array(before))])));
    buried(&before, "q", Reason::Rejected, None)
}

#[test]
fn a_first_death_says_everything() {
    let raw = Bytes::from_static(b"\x01\x00\x05100ms");
    let before = message("e", "k", Properties::parse(raw).unwrap());
    let before = message(
        "e",
        "k",
        before.properties.with_headers(&table([
            ("CC", array(vec![string("copy")])),
            ("own", AMQPValue::LongInt(1)),
        ])),
    );
    let after = buried(&before, "q", Reason::Expired, None);
    assert_eq!((&*after.exchange, &*after.routing_key), ("dlx", "k"));
    assert_eq!(after.body, before.body);
    assert_eq!(after.properties.expiration(), None);
    let death = table([
        ("count", AMQPValue::LongLongInt(1)),
        ("reason", string("expired")),
        ("queue", string("q")),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("exchange", string("e")),
        ("routing-keys", array(vec![string("k"), string("copy")])),
        ("original-expiration", string("100ms")),
    ]);
    let expected = table([
        ("CC", array(vec![string("copy")])),
        ("own", AMQPValue::LongInt(1)),
        (X_DEATH, array(vec![AMQPValue::FieldTable(death)])),
        ("x-first-death-reason", string("expired")),
        ("x-first-death-queue", string("q")),
        ("x-first-death-exchange", string("e")),
    ]);
    assert_eq!(headers(&after), expected);
}

#[test]
fn a_key_of_the_queue_replaces_all_keys() {
    let copies = table([("CC", array(vec![string("copy")]))]);
    let after = buried(
        &message("", "k", with(&copies)),
        "q",
        Reason::MaxLen,
        Some("other"),
    );
    assert_eq!(&*after.routing_key, "other");
    assert!(!headers(&after).contains_key("CC"));
    assert_eq!(summary(&after), ["q maxlen 1"]);
}

#[test]
fn the_newest_death_is_first_and_the_rest_turns_round() {
    // The order that RabbitMQ 3.10.8 was seen to give a message that is rejected in one queue after the other.
    let mut message = message("", "0", Properties::default());
    let mut seen = Vec::new();
    for queue in ["0", "1", "2", "3", "0"] {
        message = buried(&message, queue, Reason::Rejected, Some("next"));
        let order = summary(&message);
        seen.push(
            order
                .iter()
                .map(|death| death.replace(" rejected ", "x"))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen[0], ["0x1"]);
    assert_eq!(seen[1], ["1x1", "0x1"]);
    assert_eq!(seen[2], ["2x1", "0x1", "1x1"]);
    assert_eq!(seen[3], ["3x1", "1x1", "0x1", "2x1"]);
    assert_eq!(seen[4], ["0x2", "2x1", "1x1", "3x1"]);
    let first = headers(&message);
    assert_eq!(first.inner().get("x-first-death-queue"), Some(&string("0")));
}

#[test]
fn a_death_again_is_counted_and_keeps_what_it_said() {
    let once = buried(
        &message("e", "k", Properties::default()),
        "q",
        Reason::Rejected,
        Some("k2"),
    );
    let twice = buried(&once, "q", Reason::Rejected, None);
    let [AMQPValue::FieldTable(death)] = &deaths(&twice)[..] else {
        panic!("{:?}", deaths(&twice));
    };
    assert_eq!(death.inner().get("count"), Some(&AMQPValue::LongLongInt(2)));
    assert_eq!(death.inner().get("exchange"), Some(&string("e")));
    let expired = buried(&twice, "q", Reason::Expired, None);
    assert_eq!(summary(&expired), ["q expired 1", "q rejected 2"]);
}

#[test]
fn deaths_that_a_client_has_made_up_are_taken_as_rabbitmq_does() {
    let cases: [(Vec<AMQPValue>, &[&str]); 7] = [
        (vec![], &["q rejected 1"]),
        (vec![death("q", "rejected", None)], &["q rejected 1"]),
        (vec![death("q", "rejected", Some(5))], &["q rejected 6"]),
        (
            vec![
                death("q", "rejected", None),
                death("q", "rejected", Some(7)),
            ],
            &["q rejected 3"],
        ),
        (
            vec![
                death("a", "x", None),
                death("a", "x", None),
                death("b", "y", None),
            ],
            &["q rejected 1", "b y 1", "a x 2"],
        ),
        (
            vec![
                death("a", "x", Some(1)),
                death("b", "x", Some(1)),
                death("c", "x", Some(1)),
            ],
            &["q rejected 1", "c x 1", "b x 1", "a x 1"],
        ),
        (
            vec![AMQPValue::FieldTable(FieldTable::default())],
            &["q rejected 1", "? ? -1"],
        ),
    ];
    for (before, expected) in cases {
        assert_eq!(summary(&rejected_after(before)), expected);
    }
    for odd in [string("text"), AMQPValue::FieldTable(FieldTable::default())] {
        let before = message("", "q", with(&table([(X_DEATH, odd)])));
        let after = buried(&before, "q", Reason::Rejected, None);
        assert_eq!(summary(&after), ["q rejected 1"]);
        assert!(!headers(&after).contains_key("x-first-death-queue"));
    }
    let full = rejected_after(vec![
        death("q", "rejected", Some(i32::MAX)),
        AMQPValue::Void,
    ]);
    assert_eq!(summary(&full), ["q rejected 2147483648", "Void"]);
}

#[test]
fn a_cycle_is_one_only_if_nobody_rejected_the_message_in_it() {
    let fresh = message("", "a", Properties::default());
    assert!(!is_cycle(&fresh, "a"));
    let expired = buried(&fresh, "a", Reason::Expired, Some("b"));
    assert!(is_cycle(&expired, "a"));
    assert!(!is_cycle(&expired, "b"));
    let again = buried(&expired, "b", Reason::MaxLen, Some("a"));
    assert!(is_cycle(&again, "a") && is_cycle(&again, "b"));
    let rejected = buried(&expired, "b", Reason::Rejected, Some("a"));
    assert!(!is_cycle(&rejected, "a") && !is_cycle(&rejected, "b"));
    let later = buried(&rejected, "c", Reason::Expired, Some("c"));
    assert!(is_cycle(&later, "c"));
    assert!(
        is_cycle(&later, "a"),
        "the order has turned round, as in RabbitMQ"
    );
    let odd = rejected_after(vec![AMQPValue::Void]);
    assert!(!is_cycle(&odd, "q"));
}

#[test]
fn copies_go_to_the_keys_in_cc_and_bcc() {
    let headers = table([
        (
            "CC",
            array(vec![string("a"), AMQPValue::LongInt(5), string("b")]),
        ),
        ("BCC", array(vec![string("c")])),
        ("own", AMQPValue::Void),
    ]);
    let (keys, cleaned) = sender_selected(&with(&headers)).unwrap();
    assert_eq!(keys, ["a", "b", "c"]);
    let cleaned = cleaned.unwrap().headers().unwrap();
    assert!(!cleaned.contains_key("BCC"));
    assert!(cleaned.contains_key("CC") && cleaned.contains_key("own"));
    let (keys, cleaned) = sender_selected(&with(&table([("cc", string("a"))]))).unwrap();
    assert!(keys.is_empty() && cleaned.is_none());
}

#[test]
fn copies_of_another_type_and_unknown_delivery_modes_are_refused() {
    let refused = |properties: &Properties| {
        let refusal = sender_selected(properties).unwrap_err();
        assert_eq!(refusal.code, 406);
        refusal.text
    };
    let cc = with(&table([("CC", string("a")), ("BCC", AMQPValue::Void)]));
    assert_eq!(
        refused(&cc),
        "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}"
    );
    let bcc = with(&table([("BCC", AMQPValue::LongInt(1))]));
    assert_eq!(
        refused(&bcc),
        "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"BCC\",signedint}"
    );
    let mode = |mode: u8| Properties::parse(vec![0x10, 0, mode].into()).unwrap();
    assert_eq!(
        refused(&mode(3)),
        "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}"
    );
    assert!(sender_selected(&mode(1)).is_ok() && sender_selected(&mode(2)).is_ok());
}
