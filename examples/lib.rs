//! Contracts shared by the examples, so that a server and its clients cannot drift.

#[path = "hello/contract.rs"]
pub mod hello;
#[path = "monitoring/contract.rs"]
pub mod monitoring;

use leveret::{DomainError, rpc_service};

/// Small sums, on the queue of the RabbitMQ tutorials' RPC programs.
#[rpc_service(name = "math", queue = "rpc_queue")]
pub trait Math {
    /// The n-th Fibonacci number.
    #[rpc(default, idempotent)]
    async fn fib(&self, n: i64) -> Result<u64, MathError>;
}

/// Why there is no such Fibonacci number.
#[derive(Debug, PartialEq, Eq, thiserror::Error, DomainError)]
pub enum MathError {
    /// They are counted from 0.
    #[error("{n} is negative; n counts from 0")]
    Negative {
        /// What was asked for.
        n: i64,
    },
    /// It would not fit an unsigned 64-bit integer.
    #[error("the number does not fit 64 bits: the largest n is {max}")]
    TooLarge {
        /// The largest n that works.
        max: i64,
    },
}
