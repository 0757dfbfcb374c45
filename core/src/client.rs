//! The calling half. A call goes caller → [`call`] → [`outgoing`] → [`line`] (limits, route) → `amqp::publisher`; its
//! answer comes back through [`route`] and [`pending`].

mod call;
mod caller;
mod cancel;
mod endpoint;
mod keyed;
mod limits;
mod line;
mod outgoing;
mod pending;
mod route;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

pub use call::{Call, Cast};
pub(crate) use caller::Caller;
pub use endpoint::Endpoint;
pub(crate) use limits::{Limits, Permit};
pub(crate) use outgoing::{LONGEST, after, ceil_millis, deadline, headers};

use crate::arguments::ArgumentsWriter;
use crate::codec::Codec;
use crate::connection::Connection;
use crate::context::Metadata;
use crate::descriptor::{MethodDescriptor, ServiceDescriptor};
use crate::error::{Code, Error, Executed};
use crate::partition;
use crate::wire;
use outgoing::{Outgoing, Target};

/// What a call does while it cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenDown {
    /// Waits, inside its deadline.
    Wait,
    /// Fails at once with [`Code::Unavailable`], executed no.
    Fail,
}

/// Calls services. Cheap to clone; the `with_…` methods make a client with other defaults.
///
/// Generated stubs are made of one; without a stub it calls by name:
///
/// ```no_run
/// # async fn example(connection: leveret::Connection) -> Result<(), leveret::Error> {
/// use serde_json::json;
/// use std::time::Duration;
///
/// let client = connection.client().with_timeout(Duration::from_secs(2));
/// let mean: f64 = client.call("math", "mean", &json!({ "samples": [1, 2] })).await?;
/// # let _ = mean;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    caller: Arc<Caller>,
    defaults: Defaults,
}

#[derive(Clone, Debug)]
struct Defaults {
    timeout: Option<Duration>,
    codec: Codec,
    metadata: Metadata,
    when_blocked: WhenDown,
    when_disconnected: WhenDown,
    fail_fast: bool,
}

/// The deadline of a call for which nobody set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    pub(crate) fn new(connection: Connection, caller: Arc<Caller>) -> Self {
        let defaults = Defaults {
            timeout: None,
            codec: Codec::MsgPack,
            metadata: Metadata::new(),
            when_blocked: WhenDown::Fail,
            when_disconnected: WhenDown::Wait,
            fail_fast: false,
        };
        Self {
            connection,
            caller,
            defaults,
        }
    }

    /// The connection under this client.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How many replies came on this connection that no call waited for: late, twice or forged.
    #[must_use]
    pub fn unclaimed_replies(&self) -> u64 {
        self.caller.unclaimed()
    }

    /// How long calls wait for their answer. Default: what the method says, else 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = Some(timeout);
        self
    }

    /// How arguments are written. Default: MessagePack. [`Codec::Text`] is for servers that read plain text,
    /// such as those of the RabbitMQ tutorials.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.defaults.codec = codec;
        self
    }

    /// Sends this entry with every call.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a key that may not be used.
    pub fn with_metadata(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        self.defaults.metadata.insert(key, value)?;
        Ok(self)
    }

    /// What calls do while the broker blocks publishers. Default: [`WhenDown::Fail`], since more requests are
    /// what a broker without memory needs least.
    #[must_use]
    pub fn when_blocked(mut self, what: WhenDown) -> Self {
        self.defaults.when_blocked = what;
        self
    }

    /// What calls do while there is no connection. Default: [`WhenDown::Wait`].
    #[must_use]
    pub fn when_disconnected(mut self, what: WhenDown) -> Self {
        self.defaults.when_disconnected = what;
        self
    }

    /// Looks, at most once a second for each queue, whether anybody consumes, and fails calls with
    /// [`Code::Unavailable`] at once when nobody does. Without it such calls wait for a server until their
    /// deadline, because a durable queue outlives its servers. Default: off.
    #[must_use]
    pub fn with_fail_fast(mut self, on: bool) -> Self {
        self.defaults.fail_fast = on;
        self
    }

    /// Calls a method by name. The arguments are a map or struct (by name), a tuple or list (by position), or
    /// the bare argument of a method with one parameter.
    pub fn call<T>(
        &self,
        service: &str,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        Call::new(self.dynamic(Ok(service), method, arguments))
    }

    /// The same on a queue whose name is taken verbatim, without the namespace. An empty method asks for the
    /// service's default method.
    pub fn call_queue<T>(
        &self,
        queue: &str,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        Call::new(self.dynamic(Err(queue), method, arguments))
    }

    /// Calls a method without waiting for it to run: returns when the broker has the request.
    pub fn cast(&self, service: &str, method: &str, arguments: &(impl Serialize + ?Sized)) -> Cast {
        Cast::new(self.dynamic(Ok(service), method, arguments))
    }

    /// A method to be called by name, again and again, with arguments that are encoded already.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for what can be no name.
    pub fn endpoint(&self, service: &str, method: &str) -> Result<Endpoint, Error> {
        Endpoint::new(self, Ok(service), method)
    }

    /// The same on a queue whose name is taken verbatim, as in [`call_queue`](Self::call_queue).
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for what can be no name.
    pub fn queue_endpoint(&self, queue: &str, method: &str) -> Result<Endpoint, Error> {
        Endpoint::new(self, Err(queue), method)
    }

    fn dynamic(
        &self,
        target: Result<&str, &str>,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Outgoing {
        let codec = self.defaults.codec;
        match self.target(target, method) {
            Ok(target) => {
                let body = codec.encode(arguments).map(Bytes::from);
                Outgoing::new(self.clone(), target, codec, body)
            }
            Err(error) => {
                let nowhere = Target {
                    queue: Cow::Borrowed(""),
                    method: Cow::Borrowed(""),
                    timeout: None,
                };
                Outgoing::new(self.clone(), nowhere, codec, Err(error))
            }
        }
    }

    /// `target` is a service, or a queue taken verbatim.
    fn target(&self, target: Result<&str, &str>, method: &str) -> Result<Target, Error> {
        let invalid =
            |what: String| Error::new(Code::InvalidArgument, what).with_executed(Executed::No);
        if !method.is_empty() && !wire::is_name(method) {
            return Err(invalid(format!(
                "{method:?} is no method name: 1 to 100 of A-Z a-z 0-9 _ . -, not amq.* or leveret.*"
            )));
        }
        let queue = match target {
            Ok(service) if !wire::is_name(service) => {
                return Err(invalid(format!(
                    "{service:?} is no service name: 1 to 100 of A-Z a-z 0-9 _ . -, not amq.* or leveret.*"
                )));
            }
            Ok(service) => self.connection.shared().scoped(service),
            Err(queue) => queue.to_owned(),
        };
        Ok(Target {
            queue: Cow::Owned(queue),
            method: Cow::Owned(method.to_owned()),
            timeout: None,
        })
    }

    /// For generated stubs: a call of a described method. `encode` pushes every argument, in order.
    #[doc(hidden)]
    pub fn stub_call<T, E>(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Call<T, E> {
        Call::new(self.described(service, method, encode))
    }

    /// For generated stubs: a cast of a described method.
    #[doc(hidden)]
    pub fn stub_cast(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Cast {
        Cast::new(self.described(service, method, encode))
    }

    /// For generated stubs: a call of a method that is ordered by a key.
    #[doc(hidden)]
    pub fn stub_keyed_call<T, E>(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        key: Result<String, Error>,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Call<T, E> {
        Call::new(self.ordered(service, method, key, encode))
    }

    /// For generated stubs: a cast of a method that is ordered by a key.
    #[doc(hidden)]
    pub fn stub_keyed_cast(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        key: Result<String, Error>,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Cast {
        Cast::new(self.ordered(service, method, key, encode))
    }

    fn ordered(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        key: Result<String, Error>,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Outgoing {
        let mut outgoing = self.described(service, method, encode);
        outgoing.order_by(key, service.partitions.unwrap_or(partition::DEFAULT));
        outgoing
    }

    fn described(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Outgoing {
        let queue = match method.options.queue.as_ref().or(service.queue.as_ref()) {
            Some(queue) => Cow::Borrowed(&**queue),
            None if self.connection.shared().settings.namespace.is_empty() => {
                Cow::Borrowed(&*service.name)
            }
            None => Cow::Owned(self.connection.shared().scoped(&service.name)),
        };
        let target = Target {
            queue,
            method: Cow::Borrowed(&*method.name),
            timeout: method.options.timeout,
        };
        let codec = self.defaults.codec;
        let mut arguments = ArgumentsWriter::new(codec, method.arguments.len());
        let body = encode(&mut arguments).map(|()| arguments.finish());
        Outgoing::new(self.clone(), target, codec, body)
    }
}

impl From<&Connection> for Client {
    fn from(connection: &Connection) -> Self {
        connection.client()
    }
}

impl From<&Client> for Client {
    fn from(client: &Client) -> Self {
        client.clone()
    }
}
