//! The native half of the Python package `leveret`: connections, calls and requests as bytes.
//!
//! Nothing in here waits for the interpreter, and no thread of the runtime ever holds it: results and requests are
//! collected in a `queue` and taken in batches by a thread of Python's. So a program that holds the interpreter for
//! half a minute costs itself half a minute, and not its connection.
//!
//! A call goes `python/leveret` → `target` (what is called and how) → `lane` (asyncio) or `blocking` → the core,
//! and its answer comes back through a `queue`. A request goes core → `service` → a `queue` → `request`, which
//! the Python handler answers. `broker` is a broker of this process's own; it shares nothing with them.

mod blocking;
mod broker;
mod connection;
mod convert;
mod failure;
mod fork;
mod lane;
mod logs;
mod queue;
mod request;
mod server;
mod service;
mod settings;
mod signal;
mod target;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _leveret {
    use super::{PyModule, PyModuleMethods, PyResult, queue};
    use pyo3::Bound;

    #[pymodule_export]
    use super::broker::Broker;
    #[pymodule_export]
    use super::connection::Connection;
    #[pymodule_export]
    use super::convert::{describe, from_msgpack, to_msgpack};
    #[pymodule_export]
    use super::fork::after_fork_in_child;
    #[pymodule_export]
    use super::lane::Lane;
    #[pymodule_export]
    use super::logs::{collect_logs, take_log};
    #[pymodule_export]
    use super::queue::Queue;
    #[pymodule_export]
    use super::request::Request;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::target::Target;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in queue::CONSTANTS {
            module.add(name, value)?;
        }
        Ok(())
    }
}
