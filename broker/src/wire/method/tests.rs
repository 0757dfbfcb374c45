//! Every method there is, whole, cut and with something behind it.

use amq_protocol::frame::WriteContext;
use amq_protocol::protocol::{
    AMQPClass, access, basic, channel, confirm, connection, exchange, gen_class, queue, tx,
};
use proptest::prelude::*;

use super::*;

fn encode(class: &AMQPClass) -> Bytes {
    let context = WriteContext::from(Vec::new());
    gen_class(class)(context)
        .expect("memory")
        .into_inner()
        .0
        .into()
}

fn refusal(payload: &Bytes) -> (u16, String, (u16, u16)) {
    let refusal = decode(payload).map(drop).expect_err("a refusal");
    (refusal.code, refusal.text, refusal.method)
}

macro_rules! defaults {
    ($($module:ident $class:ident: $($name:ident)*;)*) => {
        vec![$($(AMQPClass::$class($module::AMQPMethod::$name(Default::default())),)*)*]
    };
}

fn all() -> Vec<AMQPClass> {
    defaults! {
        connection Connection: Start StartOk Secure SecureOk Tune TuneOk Open OpenOk Close CloseOk Blocked Unblocked
            UpdateSecret UpdateSecretOk;
        channel Channel: Open OpenOk Flow FlowOk Close CloseOk;
        access Access: Request RequestOk;
        exchange Exchange: Declare DeclareOk Delete DeleteOk Bind BindOk Unbind UnbindOk;
        queue Queue: Declare DeclareOk Bind BindOk Purge PurgeOk Delete DeleteOk Unbind UnbindOk;
        basic Basic: Qos QosOk Consume ConsumeOk Cancel CancelOk Publish Return Deliver Get GetOk GetEmpty Ack Reject
            RecoverAsync Recover RecoverOk Nack;
        tx Tx: Select SelectOk Commit CommitOk Rollback RollbackOk;
        confirm Confirm: Select SelectOk;
    }
}

#[test]
fn every_method_is_known_and_its_length_checked() {
    for class in all() {
        let payload = encode(&class);
        assert!(!is_fatal(&payload), "{class:?}");
        match decode(&payload).expect("a method") {
            Method::Other(decoded) => assert_eq!(*decoded, class),
            Method::Publish {
                exchange,
                routing_key,
                mandatory,
                immediate,
            } => {
                assert_eq!((exchange.as_str(), &routing_key[..]), ("", &b""[..]));
                assert!(!mandatory && !immediate);
            }
            Method::Ack { tag, multiple } => assert_eq!((tag, multiple), (0, false)),
        }
        let (id, method) = ids(&payload);
        let longer = Bytes::from([&payload[..], &[0]].concat());
        assert_eq!(refusal(&longer).0, 501, "{class:?}");
        for length in 4..payload.len() {
            let cut = payload.slice(..length);
            let numbers = erlang::numbers(&cut[4..]);
            let expected = format!("FRAME_ERROR - cannot decode {numbers}");
            assert_eq!(refusal(&cut), (501, expected, (id, method)), "{class:?}");
        }
    }
}

#[test]
fn an_unknown_method_and_a_table_that_is_none_are_fatal() {
    for (class, method) in [(0, 0), (10, 12), (60, 41), (99, 10), (40, 41), (50, 60)] {
        let [c1, c0] = u16::to_be_bytes(class);
        let [m1, m0] = u16::to_be_bytes(method);
        assert!(
            is_fatal(&Bytes::from(vec![c1, c0, m1, m0])),
            "{class}.{method}"
        );
    }
    let declare = |table: &[u8]| {
        let mut raw = vec![0, 50, 0, 10, 0, 0, 0, 0];
        raw.extend((table.len() as u32).to_be_bytes());
        raw.extend(table);
        Bytes::from(raw)
    };
    assert!(is_fatal(&declare(b"\x03abc?")));
    assert!(!is_fatal(&declare(b"\x03abcV")));
    // A length that is not the rest's is told to the client.
    let short = [&declare(b"")[..11], &[2, 1, b'a', b'V']].concat();
    let short = Bytes::from(short);
    assert!(!is_fatal(&short));
    assert_eq!(refusal(&short).0, 501);
}

#[test]
fn a_deep_table_is_refused_and_not_parsed() {
    let mut table = vec![0, 0, 0, 0];
    for _ in 0..5000 {
        let mut outer = (table.len() as u32 + 3).to_be_bytes().to_vec();
        outer.extend(b"\x01aF");
        outer.extend(table);
        table = outer;
    }
    let mut raw = vec![0, 10, 0, 11];
    raw.extend(table);
    raw.extend(b"\x05PLAIN\0\0\0\0\x05en_US");
    assert_eq!(refusal(&raw.into()).0, 502);
}

#[test]
fn names_are_utf8() {
    let publish = Bytes::from_static(b"\0\x3c\0\x28\0\0\x01\xff\0\0");
    let expected = "FRAME_ERROR - Malformed UTF-8 in shortstr".to_owned();
    assert_eq!(refusal(&publish), (501, expected.clone(), (0, 0)));
    // RabbitMQ takes any routing key.
    let key = Bytes::from_static(b"\0\x3c\0\x28\0\0\0\x01\xff\0");
    assert!(decode(&key).is_ok());
    let get = Bytes::from_static(b"\0\x3c\0\x46\0\0\x01\xff\0");
    assert_eq!(refusal(&get), (501, expected, (0, 0)));
}

proptest! {
    #[test]
    fn publish_and_ack_are_read_as_amq_protocol_writes_them(
        exchange in "[a-zä]{0,100}",
        routing_key in "[a-zä.#]{0,100}",
        mandatory: bool,
        immediate: bool,
        tag: u64,
        multiple: bool,
    ) {
        let class = AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            exchange: exchange.as_str().into(),
            routing_key: routing_key.as_str().into(),
            mandatory,
            immediate,
        }));
        let decoded = decode(&encode(&class)).expect("a publish");
        let Method::Publish { exchange: e, routing_key: r, mandatory: m, immediate: i } = decoded else {
            panic!("{decoded:?}");
        };
        prop_assert_eq!((e.as_str(), &r[..], m, i), (exchange.as_str(), routing_key.as_bytes(), mandatory, immediate));

        let class = AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack { delivery_tag: tag, multiple }));
        let decoded = decode(&encode(&class)).expect("an ack");
        let Method::Ack { tag: t, multiple: m } = decoded else {
            panic!("{decoded:?}");
        };
        prop_assert_eq!((t, m), (tag, multiple));
    }

    #[test]
    fn no_bytes_break_it(class in 0u16..100, method in 0u16..130, rest in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut raw = class.to_be_bytes().to_vec();
        raw.extend(method.to_be_bytes());
        raw.extend(rest);
        let payload = Bytes::from(raw);
        let _ = is_fatal(&payload);
        let _ = decode(&payload);
    }
}
