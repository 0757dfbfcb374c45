//! The service of these tests: one method of each kind.

use std::sync::{Arc, Mutex};

use leveret::{Code, Context, DomainError, Error, Executed, rpc_service};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Stats {
    /// How many there were.
    pub(crate) count: u64,
    pub(crate) mean: Option<f64>,
}

#[derive(Debug, PartialEq, thiserror::Error, DomainError)]
pub(crate) enum MathError {
    #[error("{n} is above {limit}")]
    TooLarge { n: u64, limit: u64 },
    #[error("{0} is negative")]
    #[rpc(name = "negative")]
    Negative(i64),
    #[error("closed")]
    Closed,
}

/// Arithmetic.
///
/// Second paragraph.
#[rpc_service(name = "math", queue = "rpc_queue", partitions = 8, schema)]
pub(crate) trait Math {
    /// The n-th Fibonacci number.
    #[rpc(default, idempotent)]
    async fn fib(&self, n: u64) -> Result<u64, MathError>;

    async fn stats(&self, cx: &Context, samples: Vec<f64>, skip: Option<usize>) -> Stats;

    #[rpc(oneway)]
    async fn log(&self, line: String);

    /** CPU-bound. */
    #[rpc(blocking)]
    fn crunch(&self, n: u32, r#type: String) -> String;

    #[rpc(blocking, timeout = "5m")]
    fn crunch_for(&self, cx: &Context, n: u32) -> Result<u64, Error>;

    #[rpc(timeout = "250ms", at_most_once, queue = "math.slow", name = "renamed")]
    async fn slow(&self) -> u32;

    /// The implementor may leave this to us.
    async fn twice_slow(&self, times: u32) -> Result<u32, Error> {
        let once = self.slow().await;
        once.checked_mul(times)
            .ok_or_else(|| Error::new(Code::InvalidArgument, "too often"))
    }

    async fn context(&self, cx: &Context) -> String;

    #[rpc(blocking)]
    fn check(&self) -> Result<(), MathError>;

    #[rpc(blocking, oneway)]
    fn log_slowly(&self, line: String);

    #[rpc(key = "account")]
    async fn book(&self, account: String, sum: i64) -> i64;
}

#[derive(Debug, Default)]
pub(crate) struct Calculator {
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl Math for Calculator {
    async fn fib(&self, n: u64) -> Result<u64, MathError> {
        match n {
            0 => Err(MathError::Closed),
            1..=90 => Ok((0..n).fold((0, 1), |(a, b), _| (b, a + b)).0),
            _ => Err(MathError::TooLarge { n, limit: 90 }),
        }
    }

    async fn stats(&self, cx: &Context, samples: Vec<f64>, skip: Option<usize>) -> Stats {
        assert_eq!(cx.service(), "math");
        let samples = &samples[skip.unwrap_or(0)..];
        tokio::task::yield_now().await;
        Stats {
            count: samples.len() as u64,
            mean: (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64),
        }
    }

    async fn log(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn crunch(&self, n: u32, r#type: String) -> String {
        r#type.repeat(n as usize)
    }

    fn crunch_for(&self, cx: &Context, n: u32) -> Result<u64, Error> {
        if n == 0 {
            return Err(
                Error::new(Code::FailedPrecondition, "nothing to do").with_executed(Executed::No)
            );
        }
        assert_eq!(cx.method(), "crunch_for");
        Ok(n.into())
    }

    async fn slow(&self) -> u32 {
        3
    }

    async fn context(&self, cx: &Context) -> String {
        cx.method().to_owned()
    }

    fn check(&self) -> Result<(), MathError> {
        Err(MathError::Negative(-1))
    }

    fn log_slowly(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    async fn book(&self, _account: String, sum: i64) -> i64 {
        sum
    }
}
