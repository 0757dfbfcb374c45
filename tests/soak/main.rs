//! `soak [SECONDS]`: a broker under everything at once, for an hour unless told otherwise: connections, queues, consumers,
//! calls, dead letters, transactions, faults. Its memory must stay flat, and nothing may be left when all have gone.
//!
//! The broker is a process of its own, this program again, so that nothing but the broker is measured. Linux only: that is
//! where a process can be asked for its memory.

mod broker;
mod churn;
mod verdict;

use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use broker::Sample;
use churn::Counts;

const USUALLY: u64 = 3600;
/// How often a line is printed.
const LINE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let seconds = match argument.as_deref() {
        Some(broker::ARGUMENT) => return broker::run().await,
        None => Some(USUALLY),
        Some(seconds) => seconds.parse().ok().filter(|seconds| *seconds >= 30),
    };
    let Some(seconds) = seconds else {
        eprintln!("usage: soak [SECONDS]; at least 30, {USUALLY} unless told");
        return ExitCode::from(2);
    };
    match soak(Duration::from_secs(seconds)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("soak: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(duration: Duration) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .arg(broker::ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(output).lines();
    let url = lines.next_line().await.map_err(failed)?;
    let url = url.ok_or("the broker did not start")?;

    let counts = Arc::new(Counts::default());
    let churning = churn::start(&url, &counts);
    let samples = watch(&mut lines, &counts, duration).await?;
    drop(churning);
    end(child, lines).await?;
    verdict::judge(&samples)
}

async fn watch(
    lines: &mut Lines<BufReader<ChildStdout>>,
    counts: &Counts,
    duration: Duration,
) -> Result<Vec<Sample>, String> {
    let started = Instant::now();
    let mut printed = started;
    let mut samples = Vec::new();
    println!("seconds  MiB  connections  queues  {}", Counts::NAMES);
    while started.elapsed() < duration {
        let line = timeout(Duration::from_secs(30), lines.next_line()).await;
        let line = line.map_err(|_| "the broker hangs")?;
        let line = line.map_err(|error| error.to_string())?;
        let sample = Sample::parse(&line.ok_or("the broker has ended")?)?;
        if printed.elapsed() >= LINE {
            printed = Instant::now();
            println!(
                "{:7}  {:3.1}  {:11}  {:6}  {counts}",
                started.elapsed().as_secs(),
                sample.mebibytes(),
                sample.connections,
                sample.queues,
            );
        }
        samples.push(sample);
    }
    counts.all_moved()?;
    Ok(samples)
}

/// The broker notices that its input ends, and looks at what is left.
async fn end(mut child: Child, mut lines: Lines<BufReader<ChildStdout>>) -> Result<(), String> {
    drop(child.stdin.take());
    let ended = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if Sample::parse(&line).is_err() {
                println!("{line}");
            }
        }
        child.wait().await
    };
    let status = timeout(Duration::from_secs(60), ended).await;
    let status = status.map_err(|_| "the broker does not end")?;
    match status {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("the broker ended badly: {other:?}")),
    }
}
