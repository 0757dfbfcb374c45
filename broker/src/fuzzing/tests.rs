//! The fuzzers' rules for a few seconds of random steps, and for every input that once broke one.

use proptest::prelude::*;

use super::{sessions, wire};

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
