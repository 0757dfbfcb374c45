//! What a handler of tasks or events may say about them.

use std::fmt::Display;
use std::time::Duration;

/// What becomes of a task. Handlers may also return `()`, or a `Result` whose errors mean [`Outcome::Retry`].
///
/// ```
/// use leveret::Outcome;
///
/// async fn charge(card: String) -> Outcome {
///     match card.as_str() {
///         "" => Outcome::reject("there is no card to charge"),
///         "busy" => Outcome::retry("the bank does not answer"),
///         _ => Outcome::Done,
///     }
/// }
/// # let _ = charge;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more is to be done.
    Done,
    /// Another attempt is to be made, if there is one left; else it becomes a dead letter.
    Retry {
        /// When; `None` leaves it to the queue's [`Retry`](crate::Retry).
        after: Option<Duration>,
        /// Why, for whoever reads the dead letter.
        reason: String,
    },
    /// It can never be done, and becomes a dead letter at once.
    Reject {
        /// Why, for whoever reads the dead letter.
        reason: String,
    },
}

impl Outcome {
    /// Another attempt, after the queue's own delay.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            after: None,
            reason: reason.into(),
        }
    }

    /// Another attempt, after this time (to 0.1 s), in a keyed queue after 10 minutes at most: it holds up its key.
    pub fn retry_in(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry {
            after: Some(after),
            reason: reason.into(),
        }
    }

    /// No other attempt.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject {
            reason: reason.into(),
        }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl<E: Display> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Done,
            // With its causes, which is what `{:#}` means to those error types that know it.
            Err(error) => Self::retry(format!("{error:#}")),
        }
    }
}
