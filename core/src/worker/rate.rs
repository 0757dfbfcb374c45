//! At most so many runs in so much time, by the `governor` crate.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::client::LONGEST;

/// Runs closer together than this would only exercise the timer, so this much of a period may come at once.
const GRAIN: Duration = Duration::from_millis(10);

pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, MonotonicClock>,
}

impl Rate {
    /// `None` when there is no such rate: none at all, or in no time.
    pub(super) fn new(runs: u32, period: Duration) -> Option<Self> {
        // Beyond what is ever waited for, governor counts in nanoseconds that do not fit.
        let step = period.checked_div(runs)?.min(LONGEST);
        let burst = NonZeroU32::new(u32::try_from(GRAIN.as_nanos() / step.as_nanos().max(1)).ok()?);
        let quota = Quota::with_period(step)?.allow_burst(burst.unwrap_or(NonZeroU32::MIN));
        Some(Self {
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock),
        })
    }

    /// Takes a run now, or says when to ask again.
    pub(super) fn take(&self) -> Result<(), Instant> {
        self.limiter
            .check()
            .map_err(|not_yet| Instant::now() + not_yet.wait_time_from(self.limiter.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_spread_evenly_over_the_period() {
        let rate = Rate::new(2, Duration::from_secs(3600)).unwrap();
        assert!(rate.take().is_ok());
        let wait = rate.take().unwrap_err() - Instant::now();
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800));
    }

    #[test]
    fn a_period_may_be_longer_than_any_clock_counts() {
        let rate = Rate::new(1, Duration::MAX).unwrap();
        assert!(rate.take().is_ok());
        assert!(rate.take().unwrap_err() > Instant::now());
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        assert!(Rate::new(0, Duration::from_secs(1)).is_none());
        assert!(Rate::new(1, Duration::ZERO).is_none());
    }
}
