//! Strict users stay strict: generated code trips none of their lints, and passes deprecation on.
#![deny(
    missing_docs,
    missing_debug_implementations,
    unused,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    elided_lifetimes_in_paths,
    single_use_lifetimes,
    trivial_casts,
    deprecated,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
// At odds with `unreachable_pub`.
#![allow(clippy::redundant_pub_crate)]

use leveret::{Context, DomainError, Error, rpc_service};

/// What can go wrong.
#[derive(Debug, thiserror::Error, DomainError)]
pub(crate) enum StrictError {
    /// Nothing there.
    #[error("nothing there")]
    Empty,
    /// Too much.
    #[error("{0} and {1}")]
    TooMuch(u8, u8),
    /// Wrong.
    #[error("{what}")]
    Wrong {
        /// What.
        what: String,
    },
}

/// A service that nobody serves or calls.
#[rpc_service(schema, queue = "strict")]
pub(crate) trait Strict {
    /// Returns itself.
    ///
    /// # Errors
    /// Never.
    async fn one(&self, n: u64) -> Result<u64, StrictError>;
    /// With all kinds of arguments.
    async fn many(&self, cx: &Context, a: u8, b: String, c: Option<Vec<u8>>) -> String;
    /// Named like a conversion.
    #[allow(clippy::wrong_self_convention)]
    async fn from_text(&self, text: String);
    /// Named like a predicate.
    async fn is_empty(&self) -> bool;
    /// Old.
    #[deprecated = "use `one`"]
    async fn old(&self, n: u64) -> Result<u64, Error>;
    /// With a body.
    async fn default_body(&self, n: u64) -> u64 {
        n
    }
    /// Computes.
    #[rpc(blocking, timeout = "1h")]
    fn crunch(&self, cx: &Context, n: u64) -> u64;
    /// A cast.
    #[rpc(oneway)]
    async fn log(&self, line: String);
}

#[test]
fn an_unused_method_of_a_strict_service_is_described_all_the_same() {
    assert_eq!(StrictClient::descriptor().methods.len(), 8);
}
