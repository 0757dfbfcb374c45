//! What a server serves, and how.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::{QueueConfig, Server};
use crate::connection::Connection;
use crate::descriptor::ServiceDescriptor;
use crate::error::{Code, Error, Executed};
use crate::partition;
use crate::service::Service;
use crate::topology::QueueOptions;
use crate::wire;

/// How many requests of a queue run at once when nobody says so.
const CONCURRENCY: NonZeroU16 = NonZeroU16::new(64).unwrap();

/// The name of a partitioned queue leaves room for `.p1023`, of which a cancel can still be sent.
const LONGEST_PARTITIONED: usize = 230;

/// How one service, or one queue of it, is served.
///
/// ```
/// use leveret::{QueueOptions, ServiceOptions};
///
/// // One request at a time: work is shared evenly over all processes that serve the queue.
/// let fair = ServiceOptions::new().concurrency(1).queue(QueueOptions::quorum());
/// # let _ = fair;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServiceOptions {
    concurrency: Option<u16>,
    prefetch: Option<u16>,
    queue: QueueOptions,
    method_queues: HashMap<String, ServiceOptions>,
}

impl ServiceOptions {
    /// The defaults: a durable classic queue, 64 requests at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests run at once, at least 1, those of its partitions included. Default: 64.
    pub fn concurrency(mut self, requests: u16) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// How many requests the broker may hand over before earlier ones are done, at least 1. Default: the
    /// concurrency. More hides the broker's round trip and makes sharing between processes less even. Each partition
    /// of methods with a key is handed over so many.
    pub fn prefetch(mut self, requests: u16) -> Self {
        self.prefetch = Some(requests);
        self
    }

    /// How the queue is declared. Those of the partitions of methods with a key (`#[rpc(key = "…")]`) are declared
    /// alike, but are never `auto_delete` or `single_active_consumer`: they are consumed by one server at a time anyway,
    /// and by none while one hands them to the next.
    pub fn queue(mut self, options: QueueOptions) -> Self {
        self.queue = options;
        self
    }

    /// Other options for a queue that a method has of its own (`#[rpc(queue = "…")]`). Default: those of the
    /// service.
    pub fn method_queue(mut self, name: impl Into<String>, options: ServiceOptions) -> Self {
        self.method_queues.insert(name.into(), options);
        self
    }
}

/// A server that has not started. Made by [`Connection::server`].
#[derive(Debug)]
#[must_use = "a server serves after `start`"]
pub struct ServerBuilder {
    connection: Connection,
    queues: Vec<QueueConfig>,
    refused: Option<Error>,
    grace: Duration,
}

impl ServerBuilder {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            queues: Vec::new(),
            refused: None,
            grace: Duration::from_secs(10),
        }
    }

    /// Adds a service with the default options.
    pub fn service(self, service: impl Service) -> Self {
        self.service_with(service, ServiceOptions::default())
    }

    /// Adds a service.
    pub fn service_with(mut self, service: impl Service, options: ServiceOptions) -> Self {
        if let Err(error) = self.add(Arc::new(service), options) {
            self.refused.get_or_insert(error);
        }
        self
    }

    /// How long handlers may go on once the server is told to stop. Default: 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Declares the queues and begins to serve; returns when requests are taken.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for options that make no sense, [`Code::NoSuchService`] when a queue is not
    /// there and may not be created, [`Code::PermissionDenied`] when the login may not declare or consume,
    /// [`Code::Unavailable`] when there is no connection within 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future stops what has been started.
    pub async fn start(self) -> Result<Server, Error> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        if self.queues.is_empty() {
            return Err(invalid(
                "a server needs a service: call `service` before `start`".into(),
            ));
        }
        Server::start(self.connection, self.queues, self.grace).await
    }

    fn add(&mut self, service: Arc<dyn Service>, options: ServiceOptions) -> Result<(), Error> {
        let descriptor = service.descriptor();
        let unnamed = |what, name: &str| {
            invalid(format!(
                "{name:?} is no {what} name: 1 to 100 of A-Z a-z 0-9 _ . -, not amq.* or leveret.*"
            ))
        };
        if !wire::is_name(&descriptor.name) {
            return Err(unnamed("service", &descriptor.name));
        }
        if let Some(method) = descriptor
            .methods
            .iter()
            .find(|method| !wire::is_name(&method.name))
        {
            return Err(unnamed("method", &method.name));
        }
        let main = match &descriptor.queue {
            Some(queue) => queue.clone().into_owned(),
            None => self.connection.shared().scoped(&descriptor.name),
        };
        let partitions = descriptor.key_partitions();
        if let Some(partitions) = partitions {
            check_partitions(descriptor, &main, partitions)?;
        }
        let mut names = vec![main.clone()];
        for queue in descriptor
            .methods
            .iter()
            .filter_map(|method| method.options.queue.as_deref())
        {
            if !names.iter().any(|name| name == queue) {
                names.push(queue.to_owned());
            }
        }
        for name in options.method_queues.keys() {
            if !names[1..].contains(name) {
                return Err(invalid(format!(
                    "no method of `{}` has the queue `{name}`",
                    descriptor.name
                )));
            }
        }
        for name in names {
            if name.is_empty() || name.len() > 240 {
                return Err(invalid(format!(
                    "the queue's name {name:?} must have 1 to 240 bytes"
                )));
            }
            let options = options.method_queues.get(&name).unwrap_or(&options);
            let partitions = partitions.filter(|_| name == main);
            let positive = |value: Option<u16>, default: NonZeroU16, what| match value {
                None => Ok(default),
                Some(value) => NonZeroU16::new(value)
                    .ok_or_else(|| invalid(format!("{what} must be at least 1 (queue `{name}`)"))),
            };
            let concurrency = positive(options.concurrency, CONCURRENCY, "the concurrency")?;
            let prefetch = positive(options.prefetch, concurrency, "the prefetch")?;
            let queue = QueueConfig {
                name,
                service: Arc::clone(&service),
                options: options.queue.clone(),
                concurrency: concurrency.get(),
                prefetch: prefetch.get(),
                partitions,
            };
            let shares = |other: &QueueConfig| other.uses(&queue.name) || queue.uses(&other.name);
            if let Some(other) = self.queues.iter().find(|other| shares(other)) {
                return Err(invalid(format!(
                    "two services would share a queue: `{}` and `{}`",
                    other.name, queue.name
                )));
            }
            self.queues.push(queue);
        }
        Ok(())
    }
}

/// What the macro has checked already, for descriptors that were made at run time.
fn check_partitions(
    descriptor: &ServiceDescriptor,
    queue: &str,
    partitions: u16,
) -> Result<(), Error> {
    partition::check(partitions)?;
    if queue.len() > LONGEST_PARTITIONED {
        return Err(invalid(format!(
            "the queue's name {queue:?} must have at most {LONGEST_PARTITIONED} bytes, to stand before those of \
             its partitions"
        )));
    }
    for method in &*descriptor.methods {
        let Some(key) = &method.options.key else {
            continue;
        };
        if !method.arguments.contains(key) {
            return Err(invalid(format!(
                "`{}` has no parameter `{key}` to order its calls by",
                method.name
            )));
        }
        if method.options.queue.is_some() {
            return Err(invalid(format!(
                "calls of `{}` go to the partitions of their keys, and to no queue of the method's own",
                method.name
            )));
        }
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message).with_executed(Executed::No)
}
