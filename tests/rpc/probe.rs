//! The service of these tests. Its handlers tell what becomes of them, and wait to be let go, so that a test
//! waits for what happens and never for time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use harness::{PATIENCE, within};
use leveret::{Code, Context, DomainError, Error, rpc_service};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

#[derive(Debug, PartialEq, thiserror::Error, DomainError)]
pub(crate) enum ProbeError {
    #[error("{dividend} cannot be divided by zero")]
    DivisionByZero { dividend: i64 },
    #[error("closed")]
    #[rpc(name = "shut")]
    Closed,
}

/// What a handler saw of its context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) caller: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
    pub(crate) baggage: Option<String>,
    pub(crate) millis_left: Option<u64>,
    pub(crate) redelivered: bool,
}

#[rpc_service(name = "probe")]
pub(crate) trait Probe {
    #[rpc(default)]
    async fn add(&self, a: i64, b: Option<i64>) -> i64;
    async fn text(&self, text: String) -> String;
    async fn echo(&self, value: Value) -> Value;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, ProbeError>;
    async fn refuse(&self) -> Result<u32, Error>;
    async fn seen(&self, cx: &Context) -> Seen;
    async fn nothing(&self);
    /// Runs until it is let go.
    async fn hold(&self, id: String) -> String;
    #[rpc(idempotent)]
    async fn hold_idempotent(&self, id: String) -> String;
    #[rpc(at_most_once)]
    async fn hold_once(&self, id: String) -> String;
    #[rpc(timeout = "400ms")]
    async fn hold_briefly(&self, id: String) -> String;
    /// Runs on a thread until it is let go, and tells when it sees that it is cancelled.
    #[rpc(blocking)]
    fn hold_thread(&self, cx: &Context, id: String) -> bool;
    async fn panic(&self) -> u32;
    #[rpc(blocking)]
    fn panic_thread(&self) -> u32;
    async fn big(&self, bytes: usize) -> String;
    async fn not_a_number(&self) -> f64;
    #[rpc(oneway)]
    async fn note(&self, line: String);
    async fn note_or_fail(&self, line: String) -> Result<(), ProbeError>;
    #[rpc(name = "renamed")]
    async fn rust_name(&self) -> u32;
}

/// Implements [`Probe`]; clones share what happened.
#[derive(Clone, Debug)]
pub(crate) struct Stage(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    events: watch::Sender<Vec<String>>,
    released: watch::Sender<HashSet<String>>,
    open: watch::Sender<bool>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn tell(&self, what: &str, id: &str) {
        self.0
            .events
            .send_modify(|events| events.push(format!("{what} {id}")));
    }

    /// What has happened so far: `start`, `end` and `stop` of held calls, each with the call's id.
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.events.borrow().clone()
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|seen| *seen == event).count()
    }

    pub(crate) async fn wait(&self, event: &str) {
        self.wait_all(&[event]).await;
    }

    pub(crate) async fn wait_all(&self, wanted: &[&str]) {
        let mut events = self.0.events.subscribe();
        let all = events.wait_for(|events| {
            wanted
                .iter()
                .all(|wanted| events.iter().any(|event| event == wanted))
        });
        let what = format!("{wanted:?}");
        let _ = within(&what, all).await.expect("the stage is alive");
    }

    /// Waits until `count` events begin with this word.
    pub(crate) async fn wait_count(&self, word: &str, count: usize) {
        let mut events = self.0.events.subscribe();
        let enough = events.wait_for(|events| {
            let matching = events.iter().filter(|event| event.starts_with(word));
            matching.count() >= count
        });
        let what = format!("{count} x {word}");
        let _ = within(&what, enough).await.expect("the stage is alive");
    }

    /// Lets a call go, now or when it comes.
    pub(crate) fn release(&self, id: &str) {
        self.0.released.send_modify(|released| {
            released.insert(id.to_owned());
        });
    }

    /// Lets all calls go from now on.
    pub(crate) fn release_all(&self) {
        self.0.open.send_replace(true);
    }

    fn is_free(&self, id: &str) -> bool {
        *self.0.open.borrow() || self.0.released.borrow().contains(id)
    }

    pub(crate) async fn held(&self, id: String) -> String {
        let mut guard = Guard::start(self, &id);
        let (mut released, mut open) = (self.0.released.subscribe(), self.0.open.subscribe());
        while !self.is_free(&id) {
            tokio::select! {
                _ = released.changed() => {}
                _ = open.changed() => {}
            }
        }
        guard.end = "end";
        drop(guard);
        id
    }
}

impl Stage {
    /// As [`held`](Self::held), for a thread, which has nothing to wait on. It is bounded, because a failed test could
    /// not end before its threads.
    pub(crate) fn held_thread(&self, id: String) {
        let mut guard = Guard::start(self, &id);
        let begin = Instant::now();
        while !self.is_free(&id) && begin.elapsed() < PATIENCE {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        guard.end = "end";
    }
}

/// Tells the end of a handler: in order (`end`) or because its future was dropped (`stop`).
struct Guard<'a> {
    stage: &'a Stage,
    id: &'a str,
    end: &'static str,
}

impl<'a> Guard<'a> {
    fn start(stage: &'a Stage, id: &'a str) -> Self {
        stage.tell("start", id);
        Self {
            stage,
            id,
            end: "stop",
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.stage.tell(self.end, self.id);
    }
}

impl Probe for Stage {
    async fn add(&self, a: i64, b: Option<i64>) -> i64 {
        self.tell("start", "add");
        a + b.unwrap_or(100)
    }

    async fn text(&self, text: String) -> String {
        text
    }

    async fn echo(&self, value: Value) -> Value {
        value
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, ProbeError> {
        match (a, b) {
            (0, 0) => Err(ProbeError::Closed),
            (dividend, 0) => Err(ProbeError::DivisionByZero { dividend }),
            (a, b) => Ok(a / b),
        }
    }

    async fn refuse(&self) -> Result<u32, Error> {
        Err(Error::new(Code::FailedPrecondition, "not today"))
    }

    async fn seen(&self, cx: &Context) -> Seen {
        let trace = cx.trace();
        Seen {
            service: cx.service().into(),
            method: cx.method().into(),
            metadata: cx
                .metadata()
                .iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            caller: cx.caller().map(Into::into),
            user: cx.user().map(Into::into),
            traceparent: trace.map(|trace| trace.traceparent.clone()),
            tracestate: trace.and_then(|trace| trace.tracestate.clone()),
            baggage: trace.and_then(|trace| trace.baggage.clone()),
            millis_left: cx.time_left().map(|left| left.as_millis() as u64),
            redelivered: cx.redelivered(),
        }
    }

    async fn nothing(&self) {}

    async fn hold(&self, id: String) -> String {
        self.held(id).await
    }

    async fn hold_idempotent(&self, id: String) -> String {
        self.held(id).await
    }

    async fn hold_once(&self, id: String) -> String {
        self.held(id).await
    }

    async fn hold_briefly(&self, id: String) -> String {
        self.held(id).await
    }

    fn hold_thread(&self, cx: &Context, id: String) -> bool {
        let mut guard = Guard::start(self, &id);
        let (begin, mut cancelled) = (Instant::now(), false);
        // A thread has nothing to wait on: looking is how blocking handlers learn of a cancel. It is bounded,
        // because a failed test could not end before its threads.
        while !self.is_free(&id) && begin.elapsed() < PATIENCE {
            if cx.is_cancelled() && !cancelled {
                cancelled = true;
                self.tell("cancelled", &id);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        guard.end = "end";
        cancelled
    }

    async fn panic(&self) -> u32 {
        panic!("as asked")
    }

    fn panic_thread(&self) -> u32 {
        panic!("as asked")
    }

    async fn big(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    async fn not_a_number(&self) -> f64 {
        f64::NAN
    }

    async fn note(&self, line: String) {
        self.tell("note", &line);
    }

    async fn note_or_fail(&self, line: String) -> Result<(), ProbeError> {
        self.tell("note", &line);
        Err(ProbeError::Closed)
    }

    async fn rust_name(&self) -> u32 {
        7
    }
}
