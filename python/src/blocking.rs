//! Waiting without holding the interpreter, and without going deaf for Ctrl-C.

use std::cell::OnceCell;
use std::pin::pin;
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a signal may go unnoticed.
const SLICE: Duration = Duration::from_millis(50);

thread_local! {
    /// Signals are handled in Python's main thread only; the others need not look.
    static IS_MAIN: OnceCell<bool> = const { OnceCell::new() };
}

/// Runs a future on the calling thread. An exception from a signal handler, such as `KeyboardInterrupt`, drops it.
pub(crate) fn wait<F>(py: Python<'_>, runtime: &Handle, future: F) -> PyResult<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    if !is_main(py)? {
        return Ok(py.detach(|| runtime.block_on(future)));
    }
    let mut future = pin!(future);
    loop {
        let slice = py.detach(|| runtime.block_on(async { timeout(SLICE, future.as_mut()).await }));
        match slice {
            Ok(output) => return Ok(output),
            Err(_) => py.check_signals()?,
        }
    }
}

fn is_main(py: Python<'_>) -> PyResult<bool> {
    IS_MAIN.with(|known| {
        if let Some(known) = known.get() {
            return Ok(*known);
        }
        let threading = py.import("threading")?;
        let main = threading.call_method0("main_thread")?.getattr("ident")?;
        let this = threading.call_method0("get_ident")?;
        let is_main = main.eq(this)?;
        Ok(*known.get_or_init(|| is_main))
    })
}
