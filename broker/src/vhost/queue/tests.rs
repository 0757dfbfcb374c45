//! Messages that come back to where they were.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::message::Meter;
use crate::wire::properties::Properties;

fn entry(position: u64) -> Entry {
    let (name, properties) = (Name::from("q"), Properties::default());
    let message = Message::new(
        &Meter::default(),
        name.clone(),
        name,
        properties,
        Bytes::new(),
    );
    Entry {
        message: Arc::new(message),
        position,
        redelivered: false,
        expires: None,
        returns: 0,
    }
}

fn popped(ready: &mut Ready) -> Vec<u64> {
    let entries = std::iter::from_fn(|| ready.pop());
    entries.map(|entry| entry.position).collect()
}

/// All that a consumer held and another one did not: between those that the other one gave back.
#[test]
fn many_that_come_back_take_no_time() {
    const COUNT: u64 = 100_000;
    let every_other = |first: u64| (first..2 * COUNT).step_by(2).map(entry);
    let mut ready = Ready::new(0);
    every_other(1).for_each(|entry| ready.push(entry));
    let begin = Instant::now();
    every_other(0).for_each(|entry| ready.put_back(entry));
    // All under the broker's one lock.
    let taken = begin.elapsed();
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    assert!(popped(&mut ready).into_iter().eq(0..2 * COUNT));
}

proptest! {
    /// Whatever comes back, in whatever order, is where it was.
    #[test]
    fn behaves_like_a_sorted_list(steps in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 1..300)) {
        let (mut ready, mut model) = (Ready::new(0), Vec::new());
        let (mut held, mut next): (Vec<u64>, u64) = (Vec::new(), 0);
        for (step, which) in steps {
            match step {
                0 => {
                    ready.push(entry(next));
                    model.push(next);
                    next += 1;
                }
                1 => {
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(ready.pop().map(|entry| entry.position), expected);
                    held.extend(expected);
                }
                _ if held.is_empty() => {}
                _ => {
                    let back = held.swap_remove(which.index(held.len()));
                    ready.put_back(entry(back));
                    model.push(back);
                    model.sort_unstable();
                }
            }
            ready.check("q");
            prop_assert_eq!(ready.len(), model.len());
        }
        prop_assert_eq!(popped(&mut ready), model);
    }
}
