//! What survives a fork, and what does not: a child has none of its parent's threads, so everything that was made
//! before is unusable there, and must neither be waited for nor taken apart.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use leveret::{Code, Error, Executed};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

pyo3::create_exception!(
    leveret._leveret,
    Forked,
    PyRuntimeError,
    "Something of the parent was used in the child of a fork."
);

/// For Python, what [`Own::get`] fails with.
pub(crate) fn forked(error: &Error) -> PyErr {
    Forked::new_err(error.message().to_owned())
}

/// Counts the forks between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// One for each generation. Never shut down: its threads end with the process.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);

/// Marks every object of the parent as unusable.
#[pyfunction]
pub(crate) fn after_fork_in_child() -> PyResult<()> {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // The only thread that is left would go on with the numbers of its twin in the parent: calls of both would carry the
    // same ids, and a server answers the second of two calls with the answer of the first.
    rand::rng()
        .reseed()
        .map_err(|error| PyRuntimeError::new_err(format!("no randomness after a fork: {error}")))
}

/// Something that belongs to the process that made it.
#[derive(Debug)]
pub(crate) struct Own<T> {
    generation: u32,
    value: ManuallyDrop<T>,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            generation: GENERATION.load(Ordering::Relaxed),
            value: ManuallyDrop::new(value),
        }
    }

    pub(crate) fn get(&self) -> Result<&T, Error> {
        if self.generation == GENERATION.load(Ordering::Relaxed) {
            return Ok(&self.value);
        }
        Err(Error::new(
            Code::FailedPrecondition,
            "this was made before the process forked and cannot be used in the child; connect after the fork \
             (multiprocessing: use the `spawn` start method or connect in the worker; gunicorn: connect in \
             `post_fork`, or do not preload)",
        )
        .with_executed(Executed::No)
        .with_retryable(false))
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        // In a child the locks inside may be held by threads that do not exist there: leaked rather than hung.
        if self.generation == GENERATION.load(Ordering::Relaxed) {
            // SAFETY: dropped once, here, and not used afterwards.
            #[expect(unsafe_code, reason = "the only way to drop conditionally in place")]
            unsafe {
                ManuallyDrop::drop(&mut self.value);
            }
        }
    }
}

/// The runtime of this process.
pub(crate) fn runtime() -> PyResult<Handle> {
    let generation = GENERATION.load(Ordering::Relaxed);
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((made, runtime)) = *slot
        && made == generation
    {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers())
        .thread_name("leveret")
        .enable_all()
        .build()?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *slot = Some((generation, runtime));
    Ok(runtime.handle().clone())
}

/// Python's own thread is the busy one; more workers would mostly wake each other.
fn workers() -> usize {
    std::env::var("LEVERET_WORKER_THREADS")
        .ok()
        .and_then(|count| count.parse().ok())
        .filter(|count| (1..=1024).contains(count))
        .unwrap_or(1)
}
