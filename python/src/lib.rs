//! The native half of the Python package `leveret`: connections, calls and requests as bytes.
//!
//! Nothing in here waits for the interpreter, and no thread of the runtime ever holds it: results and requests are
//! collected in a `queue` and taken in batches by a thread of Python's. So a program that holds the interpreter for
//! half a minute costs itself half a minute, and not its connection.
//!
//! A call goes `python/leveret` → `target` (what is called and how) → `lane` (asyncio) or `blocking` → the core,
//! and its answer comes back through a `queue`. A request goes core → `service` → a `queue` → `request`, which
//! the Python handler answers. What is pushed or published is an `action` that a `sender` makes, done by a lane or here.
//! Tasks and events go core → `worker` → a `queue` → `delivery`, whose outcome goes back. `broker` is a broker of this process's own; it shares nothing with them.

mod action;
mod blocking;
mod broker;
mod connection;
mod convert;
mod dead;
mod delivery;
mod failure;
mod fork;
mod lane;
mod logs;
mod made;
mod queue;
mod request;
mod sender;
mod server;
mod service;
mod settings;
mod signal;
mod target;
mod worker;
mod workload;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _leveret {
    use super::{PyModule, PyModuleMethods, PyResult, queue};
    use pyo3::Bound;

    #[pymodule_export]
    use super::action::Action;
    #[pymodule_export]
    use super::broker::Broker;
    #[pymodule_export]
    use super::connection::Connection;
    #[pymodule_export]
    use super::convert::{describe, from_msgpack, to_msgpack};
    #[pymodule_export]
    use super::dead::{DeadLetter, DeadLetters};
    #[pymodule_export]
    use super::delivery::{Delivery, Run};
    #[pymodule_export]
    use super::fork::{Forked, after_fork_in_child};
    #[pymodule_export]
    use super::lane::Lane;
    #[pymodule_export]
    use super::logs::{collect_logs, take_log};
    #[pymodule_export]
    use super::queue::Queue;
    #[pymodule_export]
    use super::request::Request;
    #[pymodule_export]
    use super::sender::{Publisher, Tasks};
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::settings::check_queue;
    #[pymodule_export]
    use super::target::Target;
    #[pymodule_export]
    use super::worker::{Listener, Worker};
    #[pymodule_export]
    use super::workload::check_tasks;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in queue::CONSTANTS {
            module.add(name, value)?;
        }
        Ok(())
    }
}
