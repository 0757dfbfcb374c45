//! Closed-loop load: so many callers, each with one call under way, for so long.

use std::fmt;
use std::time::{Duration, Instant};

use super::Stack;

#[derive(Clone, Copy)]
pub(super) enum Work {
    Fib { callers: usize },
    Echo { callers: usize, bytes: usize },
}

impl Work {
    pub(super) const ALL: [Self; 4] = [
        Self::Fib { callers: 1 },
        Self::Fib { callers: 64 },
        Self::Fib { callers: 512 },
        Self::Echo {
            callers: 16,
            bytes: 64 * 1024,
        },
    ];

    pub(super) fn name(self) -> String {
        match self {
            Self::Fib { callers } => format!("fib(10), {callers} in flight"),
            Self::Echo { callers, bytes } => format!("{} KiB, {callers} in flight", bytes / 1024),
        }
    }

    fn callers(self) -> usize {
        match self {
            Self::Fib { callers } | Self::Echo { callers, .. } => callers,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) rate: f64,
    p50: Duration,
    p99: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "{:.0} ({}, {})",
            self.rate,
            self.p50.as_micros(),
            self.p99.as_micros()
        );
        f.pad(&text)
    }
}

pub(super) fn median(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds[rounds.len() / 2]
}

pub(super) async fn run(stack: &impl Stack, work: Work, duration: Duration) -> Figures {
    let start = Instant::now();
    let callers: Vec<_> = (0..work.callers())
        .map(|_| {
            let stack = stack.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < duration {
                    let sent = Instant::now();
                    match work {
                        Work::Fib { .. } => assert_eq!(stack.fib(10).await, 55),
                        Work::Echo { bytes, .. } => {
                            assert_eq!(stack.echo(vec![7; bytes]).await, bytes);
                        }
                    }
                    latencies.push(sent.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.await.expect("no call fails"));
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    Figures {
        rate: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
    }
}
