//! Instances that are killed under load while they work on what is ordered by key: everything is done, in the order of its
//! key, and nothing of one key at once.

mod contract;
mod journal;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use harness::{Broker, Process, Signal, binary, eventually, within};
use leveret::{Call, Connection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::fixture::connect;
use contract::{LedgerClient, steps};
use journal::Journal;

const KEYS: u32 = 40;
const STEPS: u32 = 250;
const KILLS: usize = 10;
const INSTANCES: usize = 3;
/// How many calls of one key are under way.
const AHEAD: usize = 5;
/// Longer than the whole takes: nothing is to fail by its deadline.
const LONG: Duration = Duration::from_secs(150);

struct Stage {
    broker: Broker,
    names: String,
    what: &'static str,
    // Holds the journal.
    _folder: TempDir,
    journal: Journal,
    connection: Connection,
    instances: Vec<(usize, Process)>,
    started: usize,
}

impl Stage {
    async fn new(what: &'static str) -> Self {
        let broker = Broker::shared().await;
        let names = broker.namespace();
        let connection = connect(broker.url(), &names).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut stage = Self {
            journal: Journal::create(folder.path()),
            _folder: folder,
            broker,
            names,
            what,
            connection,
            instances: Vec::new(),
            started: 0,
        };
        for _ in 0..INSTANCES {
            let instance = stage.start();
            stage.instances.push(instance);
        }
        for (_, process) in &stage.instances {
            process.wait_line("ready").await;
        }
        stage
    }

    /// No two instances of a test have the same number.
    fn start(&mut self) -> (usize, Process) {
        self.started += 1;
        let mut command = Command::new(binary("keyed-worker"));
        command
            .args([self.what, &self.names])
            .arg(self.journal.path())
            .arg(self.started.to_string())
            .env("AMQP_URL", self.broker.url());
        (self.started, Process::spawn(command))
    }

    /// Kills one instance after another while the steps are done, each at a time of its own, and puts another in its place.
    async fn kill_and_replace(&mut self, mut chance: Chance) {
        let all = (KEYS * STEPS) as usize;
        for kill in 0..KILLS {
            let part = all / (KILLS + 2);
            let some = part * kill + part / 2 + chance.below(part);
            eventually("some steps to be done", async || {
                self.journal.done() >= some
            })
            .await;
            let victim = chance.below(INSTANCES);
            let (number, mut process) = self.instances.swap_remove(victim);
            self.journal.note_kill(number);
            process.kill().await;
            let successor = self.start();
            self.instances.push(successor);
        }
    }

    async fn end(mut self, began: Instant) {
        for (_, process) in &mut self.instances {
            process.wait_line("ready").await;
            process.signal(Signal::TERM);
        }
        for (_, process) in &mut self.instances {
            process.wait().await;
        }
        let summary = self.journal.check(KEYS, STEPS);
        println!("{}: {:?}, {summary:?}", self.what, began.elapsed());
    }
}

/// Numbers that come again with the same seed: `LEVERET_TEST_SEED`.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let seed = std::env::var("LEVERET_TEST_SEED").ok();
        let seed = seed.map_or_else(rand::random, |seed| seed.parse().expect("a number"));
        println!("LEVERET_TEST_SEED={seed}");
        Self(seed)
    }

    /// SplitMix64.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % limit
    }
}

async fn all(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_leave_the_tasks_of_a_key_in_order_and_alone() {
    let chance = Chance::new();
    let mut stage = Stage::new("tasks").await;
    let began = Instant::now();
    let mut pushing = JoinSet::new();
    let tasks = stage.connection.tasks(&steps()).with_timeout(LONG);
    for key in 0..KEYS {
        let tasks = tasks.clone();
        pushing.spawn(async move {
            for n in 0..STEPS {
                tasks.push(&(key, n)).key(key).await.expect("confirmed");
            }
        });
    }
    stage.kill_and_replace(chance).await;
    within("the pushes", all(pushing)).await;
    eventually("the end of the tasks", async || {
        stage.journal.complete(STEPS) == KEYS as usize
    })
    .await;
    stage.end(began).await;
    let info = tasks.info().await.expect("the queues");
    assert_eq!((info.ready, info.dead), (0, 0), "{info:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_servers_leave_the_calls_of_a_key_in_order_and_alone() {
    let chance = Chance::new();
    let mut stage = Stage::new("calls").await;
    let began = Instant::now();
    let mut calling = JoinSet::new();
    let ledger = LedgerClient::new(stage.connection.client().with_timeout(LONG));
    // From here on a call is sent when it is first polled.
    ledger.step(KEYS, 0).await.expect("an answer");
    for key in 0..KEYS {
        let ledger = ledger.clone();
        calling.spawn(async move {
            type Answer = <Call<u32> as IntoFuture>::IntoFuture;
            let mut under_way = FuturesOrdered::<Answer>::new();
            for n in 0..STEPS {
                if under_way.len() == AHEAD {
                    let first = under_way.next().await.expect("one under way");
                    assert_eq!(first.expect("an answer"), n - AHEAD as u32);
                }
                let mut call = ledger.step(key, n).into_future();
                assert!(futures_util::poll!(&mut call).is_pending());
                under_way.push_back(call);
            }
            while let Some(answer) = under_way.next().await {
                answer.expect("an answer");
            }
        });
    }
    stage.kill_and_replace(chance).await;
    within("the calls", all(calling)).await;
    stage.end(began).await;
}
