//! The fuzzers' rules for a few seconds of random steps, and for every input that once broke one.

use amq_protocol::protocol::{AMQPClass, basic, channel, queue};
use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::script::{Step, frame};
use super::{World, sessions, wire};
use crate::wire::encode;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_clients_do_the_state_is_sound(input in prop::collection::vec(any::<u8>(), 0..1500)) {
        sessions(&input);
    }

    #[test]
    fn what_one_parser_lets_through_the_next_one_reads(input in prop::collection::vec(any::<u8>(), 0..200)) {
        wire(&input);
    }
}

/// Sessions of real clients, and what the fuzzers have found.
#[test]
fn seeds_are_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/broker");
    // A packaged crate comes without them.
    let Ok(seeds) = std::fs::read_dir(folder) else {
        return;
    };
    for seed in seeds {
        let path = seed.expect("listed").path();
        println!("{}", path.display());
        sessions(&std::fs::read(path).expect("readable"));
    }
}

/// A message that nobody takes, too much by itself: the memory alarm is on until its queue is gone.
#[test]
fn an_alarm_may_last_as_long_as_the_queues() {
    const SIZE: usize = 128 << 10;
    let mut bytes = BytesMut::new();
    let open = channel::AMQPMethod::Open(channel::Open::default());
    encode::method(&mut bytes, 1, &AMQPClass::Channel(open));
    let declare = queue::AMQPMethod::Declare(queue::Declare {
        queue: "q1".into(),
        ..queue::Declare::default()
    });
    encode::method(&mut bytes, 1, &AMQPClass::Queue(declare));
    let publish = basic::AMQPMethod::Publish(basic::Publish {
        routing_key: "q1".into(),
        ..basic::Publish::default()
    });
    encode::method(&mut bytes, 1, &AMQPClass::Basic(publish));
    let mut header = BytesMut::new();
    // The class, nothing, the size, no properties.
    header.put_u16(60);
    header.put_u16(0);
    header.put_u64(SIZE as u64);
    header.put_u16(0);
    frame(&mut bytes, 2, 1, &header);
    for _ in 0..SIZE / 1024 {
        frame(&mut bytes, 3, 1, &[b'.'; 1024]);
    }
    let mut world = World::new();
    world.take(Step::Send(0, bytes));
    world.check();
    assert!(world.host.lock().alarm_is_on());
    world.end();
}
