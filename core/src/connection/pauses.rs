//! How long to wait before something is tried again that the broker refuses. Each refusal closes a channel, and lapin
//! (4.12.3) never uses the number of such a channel again: tried every second, a connection would be used up within
//! half an hour.

use std::time::Duration;

use crate::error::{Code, Error};

/// The longest pause: 2,047 channels last for most of a day then.
const MOST: Duration = Duration::from_secs(30);

pub(crate) struct Pauses {
    first: Duration,
    next: Duration,
}

impl Pauses {
    pub(crate) const fn from(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// The pause after this. Losses pass, and are no refusals.
    pub(crate) fn after<T>(&mut self, outcome: &Result<T, Error>) -> Duration {
        let refused = matches!(outcome, Err(error) if error.code() != Code::Unavailable);
        if !refused {
            self.next = self.first;
            return self.first;
        }
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(MOST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_make_it_longer_and_nothing_else_does() {
        let second = Duration::from_secs(1);
        let mut pauses = Pauses::from(second);
        let refused = Err::<(), _>(Error::new(Code::PermissionDenied, "no"));
        let lost = Err::<(), _>(Error::new(Code::Unavailable, "lost"));
        let seconds = [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs);
        assert_eq!(seconds.map(|_| pauses.after(&refused)), seconds);
        assert_eq!(pauses.after(&lost), second);
        assert_eq!(pauses.after(&refused), second);
        assert_eq!(pauses.after(&Ok(())), second);
        assert_eq!(pauses.after(&refused), second);
    }
}
