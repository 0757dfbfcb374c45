//! Waiting without holding the interpreter, and without going deaf for Ctrl-C.

use std::cell::OnceCell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tokio::runtime::Handle;

/// How long a signal may go unnoticed.
const SLICE: Duration = Duration::from_millis(50);

thread_local! {
    /// Signals are handled in Python's main thread only; the others need not look.
    static IS_MAIN: OnceCell<bool> = const { OnceCell::new() };
}

/// Wakes the waiting thread itself.
struct Bell {
    thread: Thread,
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs a future on the calling thread. An exception from a signal handler, such as `KeyboardInterrupt`, drops it.
///
/// Not by `Handle::block_on` and a timer for the slices: a timer that is due before all others wakes the runtime's
/// worker, once for every call.
pub(crate) fn wait<F>(py: Python<'_>, runtime: &Handle, future: F) -> PyResult<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    let slice = is_main(py)?.then_some(SLICE);
    let bell = Arc::new(Bell {
        thread: std::thread::current(),
        rung: AtomicBool::new(true),
    });
    let mut future = pin!(future);
    loop {
        let output = py.detach(|| {
            let _entered = runtime.enter();
            run(future.as_mut(), &bell, slice)
        });
        match output {
            Some(output) => return Ok(output),
            None => py.check_signals()?,
        }
    }
}

/// Polls a future whenever its bell rings, for as long as one slice.
fn run<F: Future>(
    mut future: Pin<&mut F>,
    bell: &Arc<Bell>,
    slice: Option<Duration>,
) -> Option<F::Output> {
    let waker = Waker::from(Arc::clone(bell));
    let end = slice.map(|slice| Instant::now() + slice);
    loop {
        if bell.rung.swap(false, Ordering::Acquire)
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return Some(output);
        }
        let Some(end) = end else {
            std::thread::park();
            continue;
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
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
