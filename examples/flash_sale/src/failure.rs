//! Why a sale could not be held, or did not go as it must: every other module ends in one of these.

use std::io;

/// In words for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the broker: {0}")]
    Broker(#[from] leveret::Error),
    #[error("{doing}: {source}")]
    Io { doing: String, source: io::Error },
    #[error("{0} ended before it was ready; what it said is above")]
    NotReady(String),
    #[error("the web front end: {0}")]
    Http(#[from] hyper::Error),
    #[error("there is no item {0}")]
    NoSuchItem(i64),
    #[error("not what must be:\n  {}", .0.join("\n  "))]
    Inexact(Vec<String>),
    #[error("{0}")]
    Unusable(String),
    #[error("interrupted")]
    Interrupted,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Failure::Io {
            doing: what.into(),
            source,
        })
    }
}
