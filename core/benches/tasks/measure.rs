//! How fast, and for how much processor time.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) rate: f64,
    /// Of this process, for one task; the broker's is not seen.
    busy: Option<f64>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let busy = self
            .busy
            .map_or_else(String::new, |busy| format!(" ({busy:.1})"));
        f.pad(&format!("{:.0}{busy}", self.rate))
    }
}

pub(super) async fn measure(tasks: usize, work: impl Future<Output = ()>) -> Figures {
    let (began, before) = (Instant::now(), busy());
    work.await;
    let (took, after) = (began.elapsed(), busy());
    let busy = before.zip(after).map(|(before, after)| after - before);
    Figures {
        rate: tasks as f64 / took.as_secs_f64(),
        busy: busy.map(|busy| busy.as_secs_f64() * 1e6 / tasks as f64),
    }
}

pub(super) fn median(mut rounds: Vec<Figures>) -> Figures {
    let middle = rounds.len() / 2;
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds[middle]
}

/// Processor time of all threads. Linux tells; elsewhere nothing is shown.
fn busy() -> Option<Duration> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let spent = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanoseconds.sum()))
}
