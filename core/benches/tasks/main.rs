//! Tasks over Leveret beside plain lapin on the same work, in the same run: durable queues, persistent messages, each
//! confirmed by the broker when it is pushed and acknowledged when it has been worked.
//!
//! Rounds alternate between the two, so that a noisy machine hits both; the figures are medians over the rounds.
//!
//! ```text
//! make bench                                  # on AMQP_URL, or on an embedded broker
//! make bench BROKER=rabbitmq                  # on a private RabbitMQ
//! cargo bench -p leveret --bench tasks -- --tasks 20000 --rounds 5
//! ```

mod measure;
mod ours;
mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use measure::{Figures, measure, median};
use tokio::sync::Notify;

const ONE_AT_A_TIME: &str = "push, one at a time";
const ALL: &str = "push_all, 256 under way";
const PREFETCH: [u16; 2] = [1, 64];
const UNDER_WAY: usize = 256;
/// The queues are gone so long after the benchmark.
const UNUSED: Duration = Duration::from_secs(60);

/// What does the work.
trait Stack {
    /// Pushes so many, each when the one before has been confirmed.
    fn push_each(&self, tasks: usize) -> impl Future<Output = ()>;
    fn push_all(&self, tasks: usize) -> impl Future<Output = ()>;
    /// Works until so many are done. They are in the queue when it begins.
    fn work(&self, tasks: usize, prefetch: u16) -> impl Future<Output = ()>;
}

/// What a handler does: it counts.
#[derive(Clone)]
struct Count(Arc<(AtomicUsize, Notify)>);

impl Count {
    fn down_from(tasks: usize) -> Self {
        Self(Arc::new((AtomicUsize::new(tasks), Notify::new())))
    }

    fn one(&self) {
        if self.0.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.1.notify_one();
        }
    }

    async fn done(&self) {
        self.0.1.notified().await;
    }
}

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name);
    arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://127.0.0.1:5672/%2f".into());
    let (tasks, rounds) = (argument("--tasks", 10_000), argument("--rounds", 5));
    let (lapin, leveret) = (raw::Tasks::open(&url).await, ours::Tasks::open(&url).await);
    // Queues are declared, and allocators warm.
    round(&lapin, tasks / 10).await;
    round(&leveret, tasks / 10).await;
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        plain.push(round(&lapin, tasks).await);
        ours.push(round(&leveret, tasks).await);
    }
    println!(
        "{rounds} rounds of {tasks} tasks; tasks/s, and microseconds of this process's processor time for each"
    );
    println!("{:<28}{:>20}{:>20}{:>8}", "", "lapin", "leveret", "ratio");
    let names = [ONE_AT_A_TIME.to_owned(), ALL.to_owned()]
        .into_iter()
        .chain(PREFETCH.map(|prefetch| format!("worked, prefetch {prefetch}")));
    for (index, name) in names.enumerate() {
        let [plain, ours] =
            [&plain, &ours].map(|rounds| median(rounds.iter().map(|round| round[index]).collect()));
        println!(
            "{name:<28}{plain:>20}{ours:>20}{:>8.2}",
            ours.rate / plain.rate
        );
    }
}

/// Each kind of work once. A worker takes all that is there, so for each there is as much as it is asked to do.
async fn round(stack: &impl Stack, tasks: usize) -> Vec<Figures> {
    let few = tasks / 5;
    let each = measure(few, stack.push_each(few)).await;
    let all = measure(tasks - few, stack.push_all(tasks - few)).await;
    let one = measure(tasks, stack.work(tasks, PREFETCH[0])).await;
    stack.push_all(tasks).await;
    let ahead = measure(tasks, stack.work(tasks, PREFETCH[1])).await;
    vec![each, all, one, ahead]
}
