//! A service whose handlers are Python's: each request becomes an event, and its answer comes back by a channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use leveret::{HandlerFuture, Reply, Request, Service, ServiceDescriptor};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::queue::{Event, Events, JSON, MSGPACK, TEXT};
use crate::request::{Arrived, Desk, unanswered};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A number for a request or a run, by which it is cancelled.
pub(crate) fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

#[derive(Debug)]
pub(crate) struct PythonService {
    /// Its place in the server's list.
    pub(crate) index: usize,
    pub(crate) descriptor: ServiceDescriptor,
    /// For each method whether its only parameter takes a text as it is.
    pub(crate) text: Vec<bool>,
    /// Requests for the event loop.
    pub(crate) requests: Arc<Events>,
    /// Requests for the pool of threads, for methods marked `blocking`.
    pub(crate) blocking: Option<Arc<Events>>,
}

/// Tells Python when nobody waits for a handler any more.
pub(crate) struct Running<'a> {
    pub(crate) events: &'a Events,
    pub(crate) id: u64,
    pub(crate) ended: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended && !self.events.withdraw(self.id) {
            self.events.push(Event::Cancel(self.id));
        }
    }
}

impl PythonService {
    fn arguments(&self, method: usize, request: &Request) -> Result<(Bytes, u8), leveret::Error> {
        if self.text.get(method) == Some(&true)
            && let Some(text) = request.text()
        {
            return Ok((Bytes::copy_from_slice(text.as_bytes()), TEXT));
        }
        let names = self.descriptor.methods.get(method);
        let names: SmallVec<[&str; 8]> = names
            .iter()
            .flat_map(|method| method.arguments.iter())
            .map(|name| &**name)
            .collect();
        let how = match request.codec() {
            leveret::Codec::MsgPack => MSGPACK,
            _ => JSON,
        };
        Ok((request.named_arguments(&names)?, how))
    }

    async fn run(&self, method: usize, request: Request) -> Result<Reply, leveret::Error> {
        let (arguments, how) = self.arguments(method, &request)?;
        let blocking = self
            .descriptor
            .methods
            .get(method)
            .is_some_and(|method| method.options.blocking);
        let events = match &self.blocking {
            Some(pool) if blocking => pool,
            _ => &self.requests,
        };
        let (sender, answer) = oneshot::channel();
        let id = next_id();
        let context = request.context().clone();
        let mut running = Running {
            events,
            id,
            ended: false,
        };
        events.push(Event::Request(Box::new(Arrived {
            id,
            service: self.index,
            method,
            arguments,
            how,
            context,
            desk: Desk {
                request,
                answer: sender,
            },
        })));
        let outcome = answer.await;
        running.ended = true;
        outcome.unwrap_or_else(|_| Err(unanswered()))
    }
}

impl Service for PythonService {
    fn descriptor(&self) -> &ServiceDescriptor {
        &self.descriptor
    }

    fn call(self: Arc<Self>, method: &str, request: Request) -> HandlerFuture {
        let index = self
            .descriptor
            .methods
            .iter()
            .position(|known| known.name == method)
            .unwrap_or_default();
        Box::pin(async move { self.run(index, request).await })
    }
}
