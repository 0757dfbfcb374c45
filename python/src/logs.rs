//! What the core has to say (a connection lost, a message dropped) on its way to Python's `logging`: collected here,
//! and taken by a thread of Python's, so that nobody in the runtime waits for the interpreter.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Condvar, Mutex, PoisonError};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// More than this are not kept; whoever reads them is told how many were lost.
const CAPACITY: usize = 1000;

static LINES: Mutex<Lines> = Mutex::new(Lines {
    lines: VecDeque::new(),
    lost: 0,
});
static AVAILABLE: Condvar = Condvar::new();

struct Lines {
    lines: VecDeque<Line>,
    lost: usize,
}

/// Level as `logging` counts it, the module that speaks, what it says.
type Line = (u8, String, String);

/// Collects what the core says, at or above a level of Python's `logging`. The first call counts.
#[pyfunction]
pub(crate) fn collect_logs(level: u8) -> bool {
    tracing::subscriber::set_global_default(Collector(level)).is_ok()
}

/// Waits for the next line.
#[pyfunction]
pub(crate) fn take_log(py: Python<'_>) -> Line {
    py.detach(|| {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if lines.lost > 0 {
                let lost = std::mem::take(&mut lines.lost);
                let text =
                    format!("{lost} log lines were lost: they came faster than they were taken");
                return (number(Level::WARN), "leveret".to_owned(), text);
            }
            if let Some(line) = lines.lines.pop_front() {
                return line;
            }
            lines = AVAILABLE
                .wait(lines)
                .unwrap_or_else(PoisonError::into_inner);
        }
    })
}

/// The level of what is said, as `logging` counts it. An embedded broker warns of what its tests have in mind: clients
/// that leave, and that it keeps nothing.
fn rank(metadata: &Metadata<'_>) -> u8 {
    let rank = number(*metadata.level());
    if metadata.target().starts_with("leveret_broker") {
        rank.min(number(Level::INFO))
    } else {
        rank
    }
}

const fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        _ => 10,
    }
}

struct Collector(u8);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only our own: lapin calls it an error when it is told that a queue does not exist, which is how one asks.
        metadata.is_event() && rank(metadata) >= self.0 && metadata.target().starts_with("leveret")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let target = metadata.target().replace("::", ".");
        let line = (rank(metadata), target, text.message + &text.fields);
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.lines.len() == CAPACITY {
            lines.lost += 1;
        } else {
            lines.lines.push_back(line);
        }
        drop(lines);
        AVAILABLE.notify_one();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A `String` takes whatever is written.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}
