//! The service that every fault meets, and what tests ask about it, about a call and about this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use harness::within;
use leveret::{
    Code, Connection, ConnectionBuilder, ConnectionState, Error, Executed, Server, ServiceOptions,
    rpc_service,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a call is given that must not end by its deadline: whatever ends it earlier was the fault.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[rpc_service(name = "work")]
pub(crate) trait Work {
    async fn double(&self, n: u64) -> u64;
    async fn echo(&self, text: String) -> String;
    /// Runs until the test opens the gate.
    async fn hold(&self, id: u64) -> u64;
    #[rpc(oneway)]
    async fn hold_cast(&self, id: u64);
}

/// The handlers, with a gate in front of their end and a count of what ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worker(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    started: watch::Sender<HashMap<u64, usize>>,
    finished: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Work for Worker {
    async fn double(&self, n: u64) -> u64 {
        n * 2
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn hold(&self, id: u64) -> u64 {
        self.run(id).await;
        id * 2
    }

    async fn hold_cast(&self, id: u64) {
        self.run(id).await;
    }
}

impl Worker {
    async fn run(&self, id: u64) {
        let inner = &self.0;
        inner
            .started
            .send_modify(|runs| *runs.entry(id).or_default() += 1);
        let _ = inner.open.subscribe().wait_for(|open| *open).await;
        inner.finished.send_modify(|finished| *finished += 1);
    }

    /// Lets held handlers end, those that run and those to come.
    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until this many different held calls have started.
    pub(crate) async fn wait_started(&self, calls: usize) {
        let mut started = self.0.started.subscribe();
        within(
            "held handlers",
            started.wait_for(|runs| runs.len() >= calls),
        )
        .await
        .expect("the sender lives in the worker");
    }

    pub(crate) async fn wait_finished(&self, calls: usize) {
        let mut finished = self.0.finished.subscribe();
        within(
            "the end of held handlers",
            finished.wait_for(|n| *n >= calls),
        )
        .await
        .expect("the sender lives in the worker");
    }

    /// How often each held call has started.
    pub(crate) fn runs(&self) -> HashMap<u64, usize> {
        self.0.started.borrow().clone()
    }

    pub(crate) fn assert_none_ran_twice(&self) {
        let runs = self.runs();
        assert!(runs.values().all(|runs| *runs == 1), "{runs:?}");
    }
}

/// A connection that reconnects fast enough for a test.
pub(crate) fn builder(url: &str, names: &str) -> ConnectionBuilder {
    Connection::builder(url)
        .namespace(names)
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
}

pub(crate) async fn connect(url: &str, names: &str) -> Connection {
    builder(url, names).connect().await.expect("a connection")
}

pub(crate) async fn serve(connection: &Connection, worker: &Worker) -> Server {
    serve_with(connection, worker, ServiceOptions::new()).await
}

pub(crate) async fn serve_with(
    connection: &Connection,
    worker: &Worker,
    options: ServiceOptions,
) -> Server {
    connection
        .server()
        .grace(Duration::from_secs(1))
        .service_with(WorkServer::new(worker.clone()), options)
        .start()
        .await
        .expect("a server")
}

/// A stub that waits for a connection and for an unblocked broker, up to `timeout`.
pub(crate) fn work(connection: &Connection, timeout: Duration) -> WorkClient {
    WorkClient::new(connection.client().with_timeout(timeout))
}

/// Calls that run until the gate opens, one for each id; they have been started when this returns.
pub(crate) async fn hold(
    connection: &Connection,
    worker: &Worker,
    ids: std::ops::Range<u64>,
) -> Vec<JoinHandle<(u64, Result<u64, Error>)>> {
    let before = worker.runs().len();
    let count = ids.clone().count();
    let calls = ids
        .map(|id| {
            let stub = work(connection, LONG);
            tokio::spawn(async move { (id, stub.hold(id).await) })
        })
        .collect();
    worker.wait_started(before + count).await;
    calls
}

/// The calls all end now, with the right answers.
pub(crate) async fn assert_right(calls: Vec<JoinHandle<(u64, Result<u64, Error>)>>) {
    for call in calls {
        let (id, outcome) = within("a held call", call).await.expect("no panic");
        assert_eq!(outcome.expect("an answer"), id * 2);
    }
}

/// The calls all end now, long before their deadline, and say so honestly.
pub(crate) async fn assert_lost(calls: Vec<JoinHandle<(u64, Result<u64, Error>)>>) {
    for call in calls {
        let (_, outcome) = within("the end of a lost call", call)
            .await
            .expect("no panic");
        assert_error(&outcome, Code::Unavailable, Executed::Maybe);
    }
}

#[track_caller]
pub(crate) fn assert_error<T: std::fmt::Debug>(
    outcome: &Result<T, Error>,
    code: Code,
    executed: Executed,
) {
    let error = outcome.as_ref().expect_err("the call must fail");
    assert_eq!(
        (error.code(), error.executed()),
        (code, executed),
        "{error:?}"
    );
}

pub(crate) async fn wait_state(connection: &Connection, wanted: ConnectionState) {
    let mut states = connection.states();
    let reached = within(&format!("the state {wanted:?}"), states.reached(wanted)).await;
    assert!(reached, "the connection was closed");
}

/// Every state from now on, in order.
pub(crate) fn record_states(connection: &Connection) -> watch::Receiver<Vec<ConnectionState>> {
    let mut states = connection.states();
    let (seen, receiver) = watch::channel(vec![connection.state()]);
    tokio::spawn(async move {
        loop {
            let state = states.changed().await;
            seen.send_modify(|seen| {
                if seen.last() != Some(&state) {
                    seen.push(state);
                }
            });
            if state == ConnectionState::Closed {
                break;
            }
        }
    });
    receiver
}

/// lapin runs a thread for each AMQP connection.
pub(crate) fn lapin_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim_end() == "lapin-io-loop")
        .count()
}

/// A line of `/proc/self/status` that counts kB, in MiB.
pub(crate) fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let value = status
        .lines()
        .find_map(|found| found.strip_prefix(line)?.strip_prefix(':'))
        .expect("a line of that name");
    let kilobytes = value.trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().expect("a number") / 1024
}
