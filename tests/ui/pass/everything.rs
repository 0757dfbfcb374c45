// Every attribute and every kind of method at once.
#![deny(warnings, missing_docs, clippy::all)]
//! A service.

use leveret::{Context, DomainError, rpc_service};
use serde::{Deserialize, Serialize};

/// A result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stats {
    /// The mean.
    pub mean: f64,
}

/// What orders calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account(pub u64);

/// What can go wrong.
#[derive(Debug, thiserror::Error, DomainError)]
pub enum MathError {
    /// Too large.
    #[error("{n} is above {limit}")]
    TooLarge {
        /// The argument.
        n: u64,
        /// The limit.
        limit: u64,
    },
    /// Negative.
    #[error("{0} is negative")]
    #[rpc(name = "negative")]
    Negative(i64),
    /// Nothing there.
    #[error("nothing there")]
    Empty,
}

/// Arithmetic.
#[rpc_service(name = "math", queue = "rpc_queue", partitions = 8)]
pub trait Math {
    /// The n-th Fibonacci number.
    #[rpc(default, idempotent)]
    async fn fib(&self, n: u64) -> Result<u64, MathError>;
    /// Statistics.
    async fn stats(&self, cx: &Context, samples: Vec<f64>) -> Stats;
    /// Writes a line.
    #[rpc(oneway)]
    async fn log(&self, line: String);
    /// Computes.
    #[rpc(blocking)]
    fn crunch(&self, n: u32) -> u64;
    /// Computes with the context.
    #[rpc(blocking)]
    fn crunch_for(&self, cx: &Context, n: u32, m: Option<u32>) -> Result<u64, leveret::Error>;
    /// Takes its time.
    #[rpc(timeout = "30s", at_most_once, queue = "math.slow", name = "renamed")]
    async fn slow(&self) -> u32;
    /// One sum after another.
    #[rpc(key = "account")]
    async fn book(&self, account: Account, sum: i64);
    /// The same without waiting.
    #[rpc(key = "type", oneway)]
    async fn book_later(&self, r#type: u8);
    /// Says what it can.
    async fn describe(&self) -> String {
        self.slow().await.to_string()
    }
}

struct Calculator;

impl Math for Calculator {
    async fn fib(&self, n: u64) -> Result<u64, MathError> {
        Err(MathError::TooLarge { n, limit: 90 })
    }

    async fn stats(&self, _cx: &Context, samples: Vec<f64>) -> Stats {
        Stats { mean: samples[0] }
    }

    async fn log(&self, line: String) {
        println!("{line}");
    }

    fn crunch(&self, n: u32) -> u64 {
        n.into()
    }

    fn crunch_for(&self, _cx: &Context, n: u32, _m: Option<u32>) -> Result<u64, leveret::Error> {
        Ok(n.into())
    }

    async fn slow(&self) -> u32 {
        3
    }

    async fn book(&self, _account: Account, _sum: i64) {}

    async fn book_later(&self, _type: u8) {}
}

fn main() {
    let server = MathServer::new(Calculator);
    assert_eq!(leveret::Service::descriptor(&server).methods.len(), 9);
    assert_eq!(MathClient::descriptor().methods[5].name, "renamed");
}
