//! Where a handler is polled first: in the delivery loop, or in a task of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Whether the handlers of a method are polled first where their request arrived. That spares a task and the
/// wake-up of another thread, but a handler that computes for long there would hold up the others.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Long first polls in a row.
    long: AtomicU32,
    /// How many calls to come are not polled in place.
    elsewhere: AtomicU32,
}

impl Pace {
    const LONG: Duration = Duration::from_micros(100);
    /// One long poll may be the scheduler's doing; so many in a row are the handler's.
    const IN_A_ROW: u32 = 3;
    const ELSEWHERE: u32 = 1000;

    pub(super) fn in_place(&self) -> bool {
        let left = self.elsewhere.load(Ordering::Relaxed);
        // Only the delivery loop of one queue counts here, so nothing is lost in between.
        self.elsewhere
            .store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }

    pub(super) fn took(&self, time: Duration) {
        let long = if time > Self::LONG {
            self.long.load(Ordering::Relaxed) + 1
        } else {
            0
        };
        if long == Self::IN_A_ROW {
            self.elsewhere.store(Self::ELSEWHERE, Ordering::Relaxed);
        }
        self.long.store(long % Self::IN_A_ROW, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_computes_for_long_goes_elsewhere_and_comes_back() {
        let pace = Pace::default();
        for _ in 0..Pace::IN_A_ROW - 1 {
            assert!(pace.in_place());
            pace.took(Pace::LONG * 2);
        }
        assert!(pace.in_place(), "a long poll now and then is nothing");
        pace.took(Duration::ZERO);
        for _ in 0..Pace::IN_A_ROW {
            assert!(pace.in_place());
            pace.took(Pace::LONG * 2);
        }
        for _ in 0..Pace::ELSEWHERE {
            assert!(!pace.in_place());
        }
        assert!(pace.in_place());
    }
}
