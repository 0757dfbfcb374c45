//! Workers that are killed, by others or by what they work on: every task that was confirmed is done, or is a dead letter.

use std::collections::HashSet;
use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Broker, Process, Signal, binary, eventually, within};
use leveret::{Connection, DeathReason, TaskQueue, Tasks};
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixture::connect;

/// The number that ends its worker.
const POISON: i64 = -1;

struct Stage {
    broker: Broker,
    names: String,
    // Holds the journal.
    folder: TempDir,
    connection: Connection,
}

impl Stage {
    async fn new() -> Self {
        let broker = Broker::shared().await;
        let names = broker.namespace();
        let connection = connect(broker.url(), &names).await;
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            broker,
            names,
            folder,
            connection,
        }
    }

    fn tasks(&self) -> Tasks<i64> {
        let tasks = self.connection.tasks(&TaskQueue::new("work"));
        tasks.with_timeout(Duration::from_secs(30))
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn start(&self) -> Process {
        let mut command = Command::new(binary("task-worker"));
        command
            .arg(&self.names)
            .arg(self.journal())
            .env("AMQP_URL", self.broker.url());
        Process::spawn(command)
    }

    /// All tasks have left the queues, and nobody holds one.
    async fn wait_for_the_end(&self, worker: &mut Process) {
        let tasks = self.tasks();
        eventually("the end of the tasks", async || {
            let info = tasks.info().await.expect("the queue");
            (info.ready, info.set_aside) == (0, 0)
        })
        .await;
        worker.signal(Signal::TERM);
        worker.wait().await;
        let info = tasks.info().await.expect("the queue");
        assert_eq!((info.ready, info.set_aside), (0, 0), "{info:?}");
    }

    /// The dead letters, with their reasons.
    async fn dead(&self) -> Vec<(i64, DeathReason, u32)> {
        let mut letters = self.tasks().dead_letters().await.expect("the dead letters");
        let mut dead = Vec::new();
        while let Some(letter) = letters.next().await.expect("an answer") {
            let job = letter.job().expect("a task");
            dead.push((job, letter.reason(), letter.attempts()));
        }
        dead
    }
}

/// The numbers in the journal. Whoever is killed may leave the last line without its end.
fn done(journal: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_task_is_lost_with_its_worker() {
    const TASKS: i64 = 10_000;
    const KILLS: usize = 12;
    let stage = Stage::new().await;
    let tasks = stage.tasks();
    let pushing = tokio::spawn(async move {
        let jobs: Vec<_> = (0..TASKS).collect();
        tasks.push_all(&jobs).await
    });
    let journal = stage.journal();
    let mut workers = [stage.start(), stage.start()];
    for kill in 0..KILLS {
        let some = TASKS as usize * (kill + 1) / (KILLS + 3);
        eventually("some tasks to be done", async || {
            done(&journal).len() >= some
        })
        .await;
        let worker = &mut workers[kill % 2];
        worker.kill().await;
        *worker = stage.start();
    }
    let pushed = within("the pushes", pushing).await.expect("no panic");
    assert_eq!(pushed.expect("confirmed").len(), TASKS as usize);
    let [mut first, mut second] = workers;
    first.wait_line("ready").await;
    second.signal(Signal::TERM);
    second.wait().await;
    stage.wait_for_the_end(&mut first).await;

    let runs = done(&journal);
    let mut settled: HashSet<_> = runs.iter().copied().collect();
    let dead = stage.dead().await;
    settled.extend(dead.iter().map(|(job, ..)| *job));
    let lost: Vec<_> = (0..TASKS).filter(|job| !settled.contains(job)).collect();
    assert_eq!(lost, [0; 0], "{} are dead", dead.len());
    // Only what was in the hands of somebody who was killed may have run twice.
    let twice = runs.len() - runs.iter().collect::<HashSet<_>>().len();
    assert!(twice <= KILLS * 11, "{twice}");
}

async fn end(worker: &mut Process, crashes: &AtomicUsize) {
    const ABORT: i32 = 6;
    if worker.wait().await.signal() == Some(ABORT) {
        crashes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts a worker again whenever it has ended.
async fn supervise(stage: &Stage, worker: &mut Process, crashes: &AtomicUsize) -> Infallible {
    loop {
        end(worker, crashes).await;
        *worker = stage.start();
    }
}

#[tokio::test]
async fn a_task_that_ends_its_workers_takes_nobody_along() {
    const NEIGHBOURS: i64 = 300;
    let stage = Stage::new().await;
    let tasks = stage.tasks();
    let mut jobs: Vec<_> = (0..NEIGHBOURS).collect();
    jobs.insert(jobs.len() / 2, POISON);
    tasks.push_all(&jobs).await.expect("confirmed");
    let crashes = AtomicUsize::new(0);
    let mut workers = [stage.start(), stage.start()];
    let [first, second] = &mut workers;
    tokio::select! {
        never = supervise(&stage, first, &crashes) => match never {},
        never = supervise(&stage, second, &crashes) => match never {},
        () = eventually("a dead letter", async || {
            tasks.info().await.expect("the queue").dead > 0
        }) => {}
    }
    for mut worker in workers {
        worker.signal(Signal::TERM);
        end(&mut worker, &crashes).await;
    }
    stage.wait_for_the_end(&mut stage.start()).await;
    assert_eq!(stage.dead().await, [(POISON, DeathReason::Crashed, 5)]);
    // Once beside others, and then alone as often as it may be tried.
    assert_eq!(crashes.into_inner(), 6);
    let mut runs = done(&stage.journal());
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs, (0..NEIGHBOURS).collect::<Vec<_>>());
}
