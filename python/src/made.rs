//! What an operation without an answer of its own has made, on its way to Python.

use leveret::{QueueInfo, Raw};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::connection::Connection;
use crate::dead::{DeadLetter, DeadLetters};
use crate::delivery::{Given, Run};
use crate::server::Server;
use crate::worker::{Listener, Worker};

#[derive(Debug)]
pub(crate) enum Made {
    Nothing,
    Connection(leveret::Connection),
    Server(leveret::Server),
    Worker(leveret::Worker),
    Listener(Listener),
    /// The next message of a listener; none when it has ended.
    Run(Option<Box<Given>>),
    /// The id of what was sent.
    Id(String),
    Ids(Vec<String>),
    Count(u64),
    Info(QueueInfo),
    Letters(Box<leveret::DeadLetters<Raw>>),
    Letter(Option<Box<leveret::DeadLetter<Raw>>>),
}

impl Made {
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Nothing => Ok(py.None().into_bound(py)),
            Self::Connection(connection) => Connection::new(connection)?.into_bound_py_any(py),
            Self::Server(server) => Server::new(server)?.into_bound_py_any(py),
            Self::Worker(worker) => Worker::new(worker)?.into_bound_py_any(py),
            Self::Listener(listener) => listener.into_bound_py_any(py),
            Self::Run(given) => match given {
                Some(given) => Run::new(py, *given)?.into_bound_py_any(py),
                None => Ok(py.None().into_bound(py)),
            },
            Self::Id(id) => id.into_bound_py_any(py),
            Self::Ids(ids) => ids.into_bound_py_any(py),
            Self::Count(count) => count.into_bound_py_any(py),
            Self::Info(info) => {
                let QueueInfo {
                    ready,
                    consumers,
                    set_aside,
                    dead,
                    unacked,
                    ..
                } = info;
                (ready, consumers, set_aside, dead, unacked).into_bound_py_any(py)
            }
            Self::Letters(letters) => DeadLetters::new(*letters).into_bound_py_any(py),
            Self::Letter(letter) => letter
                .map(|letter| DeadLetter::new(*letter))
                .into_bound_py_any(py),
        }
    }
}
