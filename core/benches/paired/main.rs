//! Leveret beside raw lapin on the same work, in the same run: what does everything that Leveret adds cost?
//!
//! Each stack has its server in a process of its own. Rounds alternate between the stacks, so that a noisy
//! machine hits both; the figures are medians over the rounds, and only their ratios mean anything.
//!
//! ```text
//! make bench                                  # on AMQP_URL, or on an embedded broker
//! make bench BROKER=rabbitmq                  # on a private RabbitMQ
//! cargo bench -p leveret --bench paired -- --seconds 5 --rounds 5
//! cargo bench -p leveret --bench paired -- --profile ours    # one stack alone, under perf
//! ```

mod measure;
mod ours;
mod raw;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use measure::{Work, median, run};

/// A client that can do the work.
trait Stack: Clone + Send + Sync + 'static {
    fn fib(&self, n: u64) -> impl Future<Output = u64> + Send;
    fn echo(&self, body: Vec<u8>) -> impl Future<Output = usize> + Send;
}

struct Settings {
    url: String,
    seconds: f64,
    rounds: usize,
}

/// What both servers compute: small enough that the messaging is what is measured.
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}

#[tokio::main]
async fn main() {
    let settings = Settings {
        url: std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://127.0.0.1:5672/%2f".into()),
        seconds: argument("--seconds")
            .and_then(|text| text.parse().ok())
            .unwrap_or(3.0),
        rounds: argument("--rounds")
            .and_then(|text| text.parse().ok())
            .unwrap_or(3),
    };
    match argument("--serve").as_deref() {
        Some("raw") => raw::serve(&settings.url).await,
        Some(_) => ours::serve(&settings.url).await,
        None if argument("--profile").is_some() => profile(&settings).await,
        None => compare(&settings).await,
    }
}

/// A server process, ended with the benchmark.
struct Server(Child);

impl Server {
    fn start(stack: &str, url: &str) -> Self {
        let program = std::env::current_exe().expect("the benchmark's own path");
        let child = Command::new(program)
            .args(["--serve", stack])
            .env("AMQP_URL", url)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a server process");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One stack alone, 64 calls in flight, for a profiler to look at.
async fn profile(settings: &Settings) {
    let stack = argument("--profile").unwrap_or_default();
    let _server = Server::start(&stack, &settings.url);
    let duration = Duration::from_secs_f64(settings.seconds);
    let figures = match &*stack {
        "raw" => {
            run(
                &raw::Client::connect(&settings.url, false).await,
                Work::ALL[1],
                duration,
            )
            .await
        }
        _ => {
            run(
                &ours::Client::connect(&settings.url).await,
                Work::ALL[1],
                duration,
            )
            .await
        }
    };
    println!("{figures}");
}

async fn compare(settings: &Settings) {
    let _servers = [
        Server::start("raw", &settings.url),
        Server::start("ours", &settings.url),
    ];
    let plain = raw::Client::connect(&settings.url, false).await;
    let confirmed = raw::Client::connect(&settings.url, true).await;
    let leveret = ours::Client::connect(&settings.url).await;
    let duration = Duration::from_secs_f64(settings.seconds);
    let warm_up = Duration::from_secs(1);
    println!(
        "{} rounds of {} s each; calls/s, p50 and p99 in microseconds",
        settings.rounds, settings.seconds
    );
    println!(
        "{:<22}{:>24}{:>24}{:>24}{:>8}{:>8}",
        "", "lapin", "lapin + confirms", "leveret", "ratio", "ratio*"
    );
    for work in Work::ALL {
        let mut results = [const { Vec::new() }; 3];
        run(&plain, work, warm_up).await;
        run(&confirmed, work, warm_up).await;
        run(&leveret, work, warm_up).await;
        for _ in 0..settings.rounds {
            results[0].push(run(&plain, work, duration).await);
            results[1].push(run(&confirmed, work, duration).await);
            results[2].push(run(&leveret, work, duration).await);
        }
        let [plain, confirmed, leveret] = results.map(median);
        println!(
            "{:<22}{plain:>24}{confirmed:>24}{leveret:>24}{:>8.2}{:>8.2}",
            work.name(),
            leveret.rate / plain.rate,
            leveret.rate / confirmed.rate
        );
    }
    println!(
        "ratio: leveret to lapin; ratio*: to lapin with mandatory publishes and confirms, which leveret has too"
    );
}
