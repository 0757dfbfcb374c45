//! The broker that is soaked, and what happens to it: a lever is pulled every fraction of a second.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use leveret_broker::{Broker, Restart, Status, Suspend};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// Makes this program the broker.
pub(crate) const ARGUMENT: &str = "broker";

/// What the broker says of itself once a second.
#[derive(Debug)]
pub(crate) struct Sample {
    kibibytes: u64,
    pub(crate) connections: usize,
    pub(crate) queues: usize,
}

impl Sample {
    fn of(status: &Status) -> Self {
        Self {
            kibibytes: resident().unwrap_or(0),
            connections: status.connections.len(),
            queues: status.queues.len(),
        }
    }

    fn line(&self) -> String {
        format!(
            "sample {} {} {}",
            self.kibibytes, self.connections, self.queues
        )
    }

    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let numbers = line.strip_prefix("sample ").map(|numbers| {
            let mut numbers = numbers.split(' ').map(str::parse);
            Some(Self {
                kibibytes: numbers.next()?.ok()?,
                connections: numbers.next()?.ok()? as usize,
                queues: numbers.next()?.ok()? as usize,
            })
        });
        numbers
            .flatten()
            .ok_or_else(|| format!("no sample: {line}"))
    }

    pub(crate) fn mebibytes(&self) -> f64 {
        self.kibibytes as f64 / 1024.0
    }
}

pub(crate) async fn run() -> ExitCode {
    if resident().is_none() {
        eprintln!("soak: this system does not say how much memory a process takes");
        return ExitCode::FAILURE;
    }
    let broker = Broker::builder()
        .memory_limit(16 << 20)
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    println!("{}", broker.url());
    let (over, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // Until the other side is gone, however it went.
        let _ = std::io::stdin().read(&mut [0]);
        let _ = over.send(());
    });
    tokio::select! {
        () = sample(&broker) => {}
        () = pull(&broker) => {}
        _ = ended => {}
    }
    match left(&broker).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("soak: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn sample(broker: &Broker) {
    let mut next = Instant::now();
    loop {
        let line = Sample::of(&broker.status()).line();
        if writeln!(std::io::stdout(), "{line}").is_err() {
            return;
        }
        next += Duration::from_secs(1);
        tokio::time::sleep_until(next).await;
    }
}

/// Breaks something, and then lets clients work for a while.
async fn pull(broker: &Broker) {
    let moment = || Duration::from_millis(rand::random_range(5..60));
    loop {
        let status = broker.status();
        let connection = pick(&status.connections).map(|connection| connection.handle);
        let queue = pick(&status.queues);
        match (rand::random_range(0..60), connection, queue) {
            (0..6, Some(connection), _) => drop(broker.close_connection(connection, "soaked")),
            (6..12, Some(connection), _) => drop(broker.drop_connection(connection)),
            (12..16, Some(connection), _) => {
                broker.stall(connection, true);
                sleep(moment()).await;
                broker.stall(connection, false);
            }
            (16..20, Some(connection), _) => {
                broker.delay(connection, Some(moment()));
                sleep(2 * moment()).await;
                broker.delay(connection, None);
            }
            (20..26, Some(connection), _) => {
                let channel = rand::random_range(1..4);
                broker.close_channel(connection, channel, 406, "PRECONDITION_FAILED - soaked");
            }
            (26..32, _, Some(queue)) => drop(broker.delete_queue("/", &queue.name)),
            (32..36, _, Some(queue)) => drop(broker.lose_deliveries("/", &queue.name, 2)),
            (36..40, _, Some(queue)) => drop(broker.duplicate_deliveries("/", &queue.name, 2)),
            (40..44, ..) => {
                broker.set_memory_alarm(true);
                sleep(moment()).await;
                broker.set_memory_alarm(false);
            }
            (44..46, ..) => {
                broker.refuse(true);
                sleep(moment()).await;
                broker.refuse(false);
            }
            (46, ..) => drop(broker.close_connections("soaked")),
            (47, ..) => broker.restart(Restart::KeepDurable),
            (48, ..) => {
                broker.suspend(Suspend::Abrupt).await;
                sleep(moment()).await;
                broker.resume(Restart::Forget).await.expect("up again");
            }
            (49, ..) => {
                broker.add_vhost("side");
                broker.set_user("ann", "a");
                broker.remove_user("ann");
                broker.remove_vhost("side");
            }
            _ => {}
        }
        sleep(10 * moment()).await;
    }
}

/// Everybody has gone: nothing of theirs may be there.
async fn left(broker: &Broker) -> Result<(), String> {
    // lapin keeps the socket of a client that was dropped in the middle of an operation, and its heartbeats.
    let dropped = Instant::now() + Duration::from_secs(5);
    let patience = Instant::now() + Duration::from_secs(20);
    broker.set_memory_alarm(false);
    broker.refuse(false);
    loop {
        let status = broker.status();
        for connection in &status.connections {
            broker.stall(connection.handle, false);
        }
        if status.connections.is_empty() {
            break;
        }
        if Instant::now() > dropped {
            broker.close_connections("the soak is over");
        }
        if Instant::now() > patience {
            return Err(format!("connections are left:\n{status}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    let status = broker.status();
    println!("left: {} queues", status.queues.len());
    for queue in &status.queues {
        if queue.owner.is_some() || queue.unacked > 0 || queue.consumers > 0 {
            return Err(format!("somebody still holds something:\n{status}"));
        }
        broker.delete_queue("/", &queue.name);
    }
    let status = broker.status();
    if status.message_bytes > 0 {
        return Err(format!("messages of nobody:\n{status}"));
    }
    Ok(())
}

fn pick<T>(things: &[T]) -> Option<&T> {
    things.get(rand::random_range(0..things.len().max(1)))
}

/// Memory that this process takes, in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
