//! When to send a heartbeat, and when a peer has been silent for too long: RabbitMQ's arithmetic.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::frame::OVERHEAD;

/// Sends after half an interval without a write; gives up at the third full interval without a byte, so after two to
/// three intervals.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    send: Instant,
    check: Instant,
    written: u64,
    received: u64,
    silent: u8,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Send,
    Silent,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            send: now + interval / 2,
            check: now + interval,
            written: 0,
            received: 0,
            silent: 0,
        }
    }

    pub(super) fn due(&self) -> Instant {
        self.send.min(self.check)
    }

    /// What is due at `now`. A peer that nobody listens to is not silent.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        received: u64,
        written: u64,
        listens: bool,
    ) -> Beat {
        const MISSED: u8 = 2;
        if now >= self.check {
            self.check = now + self.interval;
            if listens && received == self.received {
                self.silent += 1;
            } else {
                self.silent = 0;
            }
            self.received = received;
            if self.silent >= MISSED {
                return Beat::Silent;
            }
        }
        if now >= self.send {
            self.send = now + self.interval / 2;
            if std::mem::replace(&mut self.written, written) == written {
                // The heartbeat itself is no reason to leave out the next.
                self.written += OVERHEAD as u64;
                return Beat::Send;
            }
        }
        Beat::Nothing
    }
}
