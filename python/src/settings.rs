//! What Python hands over as dicts, by way of JSON: connections, servers and descriptors are set up rarely.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use leveret::{
    DESCRIPTOR_VERSION, Declare, MethodDescriptor, MethodOptions, MethodSchemas, QueueKind,
    QueueOptions, ReplyPath, Schemas, ServiceDescriptor, ServiceOptions,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::value_error;

/// Reads a dict of plain values.
pub(crate) fn from_python<T: DeserializeOwned>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    let json: String = value
        .py()
        .import("json")?
        .call_method1("dumps", (value,))?
        .extract()?;
    serde_json::from_str(&json).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A time from Python, if it is one. For what no clock can hold the longest that there is, which the core shortens to
/// what makes sense in its place.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    let too_long = seconds.is_finite() && seconds > 0.0;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .or(too_long.then_some(Duration::MAX))
}

pub(crate) fn duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let value = f64::deserialize(deserializer)?;
    seconds(value).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{value} is no time in seconds; use a number from 0"
        ))
    })
}

pub(crate) fn maybe_duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    struct Seconds(#[serde(deserialize_with = "duration")] Duration);
    Ok(Option::<Seconds>::deserialize(deserializer)?.map(|seconds| seconds.0))
}

/// Settings of a connection; what is absent keeps the core's default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionSettings {
    urls: Vec<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "maybe_duration")]
    connect_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "maybe_duration")]
    heartbeat: Option<Duration>,
    #[serde(default)]
    backoff: Option<(f64, f64)>,
    #[serde(default)]
    reply_path: Option<Reply>,
    #[serde(default)]
    in_flight: Option<(usize, usize)>,
    #[serde(default)]
    max_message_size: Option<usize>,
    #[serde(default)]
    management: Option<String>,
    #[serde(default)]
    ca: Vec<String>,
    #[serde(default)]
    certificate: Option<(String, String)>,
    #[serde(default)]
    pub(crate) lazy: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Queue,
    Direct,
}

impl ConnectionSettings {
    pub(crate) fn builder(self) -> PyResult<leveret::ConnectionBuilder> {
        let mut urls = self.urls.into_iter();
        let first = urls
            .next()
            .ok_or_else(|| PyValueError::new_err("give the address of a broker"))?;
        let mut builder = leveret::Connection::builder(first);
        for url in urls {
            builder = builder.address(url);
        }
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if let Some(namespace) = self.namespace {
            builder = builder.namespace(namespace);
        }
        if let Some(user) = self.user_id {
            builder = builder.user_id(user);
        }
        if let Some(timeout) = self.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(interval) = self.heartbeat {
            builder = builder.heartbeat(interval);
        }
        if let Some((first, most)) = self.backoff {
            let (Some(first), Some(most)) = (seconds(first), seconds(most)) else {
                return Err(PyValueError::new_err(
                    "backoff is two times in seconds, from 0",
                ));
            };
            builder = builder.backoff(first, most);
        }
        match self.reply_path {
            Some(Reply::Direct) => builder = builder.reply_path(ReplyPath::Direct),
            Some(Reply::Queue) | None => {}
        }
        if let Some((calls, bytes)) = self.in_flight {
            builder = builder.in_flight(calls, bytes);
        }
        if let Some(bytes) = self.max_message_size {
            builder = builder.max_message_size(bytes);
        }
        if let Some(url) = self.management {
            builder = builder.management(url);
        }
        for pem in self.ca {
            builder = builder.extra_ca(pem);
        }
        if let Some((chain, key)) = self.certificate {
            builder = builder.client_certificate(chain, key);
        }
        Ok(builder)
    }
}

/// A descriptor in the JSON shape of the core's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Descriptor {
    #[serde(default)]
    descriptor: Option<u32>,
    name: String,
    doc: String,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    partitions: Option<u16>,
    methods: Vec<Method>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    name: String,
    doc: String,
    arguments: Vec<String>,
    options: Options,
    #[serde(default)]
    schemas: Option<MethodSchemasJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    oneway: bool,
    #[serde(default)]
    blocking: bool,
    #[serde(default)]
    idempotent: bool,
    #[serde(default)]
    at_most_once: bool,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodSchemasJson {
    arguments: serde_json::Value,
    result: serde_json::Value,
}

impl Descriptor {
    pub(crate) fn into_core(self) -> ServiceDescriptor {
        ServiceDescriptor {
            descriptor: self.descriptor.unwrap_or(DESCRIPTOR_VERSION),
            name: self.name.into(),
            doc: self.doc.into(),
            queue: self.queue.map(Cow::Owned),
            partitions: self.partitions,
            methods: self.methods.into_iter().map(Method::into_core).collect(),
        }
    }
}

impl Method {
    fn into_core(self) -> MethodDescriptor {
        let options = self.options;
        let schemas = self.schemas.map(|schemas| {
            Schemas::Given(Arc::new(MethodSchemas {
                arguments: schemas.arguments,
                result: schemas.result,
            }))
        });
        MethodDescriptor {
            name: self.name.into(),
            doc: self.doc.into(),
            arguments: self.arguments.into_iter().map(Cow::Owned).collect(),
            options: MethodOptions {
                oneway: options.oneway,
                blocking: options.blocking,
                idempotent: options.idempotent,
                at_most_once: options.at_most_once,
                default: options.default,
                timeout: options.timeout_ms.map(Duration::from_millis),
                queue: options.queue.map(Cow::Owned),
                key: options.key.map(Cow::Owned),
            },
            schemas,
        }
    }
}

/// One service of a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Served {
    pub(crate) descriptor: Descriptor,
    /// For each method: whether its only parameter takes a text as it is.
    pub(crate) text: Vec<bool>,
    pub(crate) options: ServedOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServedOptions {
    #[serde(default)]
    concurrency: Option<u16>,
    #[serde(default)]
    prefetch: Option<u16>,
    #[serde(default)]
    queue: Option<QueueSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueueSettings {
    declare: String,
    kind: String,
    durable: bool,
    auto_delete: bool,
    #[serde(deserialize_with = "maybe_duration")]
    message_ttl: Option<Duration>,
    #[serde(deserialize_with = "maybe_duration")]
    expires: Option<Duration>,
    max_length: Option<u32>,
    max_priority: Option<u8>,
    single_active_consumer: bool,
    dead_letter_exchange: Option<String>,
    dead_letter_routing_key: Option<String>,
    delete_when_idle: bool,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            declare: "create".to_owned(),
            kind: "classic".to_owned(),
            durable: true,
            auto_delete: false,
            message_ttl: None,
            expires: None,
            max_length: None,
            max_priority: None,
            single_active_consumer: false,
            dead_letter_exchange: None,
            dead_letter_routing_key: None,
            delete_when_idle: false,
        }
    }
}

impl ServedOptions {
    pub(crate) fn into_core(self) -> PyResult<ServiceOptions> {
        let mut options = ServiceOptions::new();
        if let Some(requests) = self.concurrency {
            options = options.concurrency(requests);
        }
        if let Some(requests) = self.prefetch {
            options = options.prefetch(requests);
        }
        if let Some(queue) = self.queue {
            options = options.queue(queue.into_core()?);
        }
        Ok(options)
    }
}

fn wrong(what: &str, value: &str, known: &str) -> PyErr {
    PyValueError::new_err(format!("{what} is one of {known}, not {value:?}"))
}

/// Whether something is created where it is missing.
pub(crate) fn declare(how: &str) -> PyResult<Declare> {
    match how {
        "create" => Ok(Declare::Create),
        "passive" => Ok(Declare::Passive),
        "never" => Ok(Declare::Never),
        other => Err(wrong("declare", other, "'create', 'passive' and 'never'")),
    }
}

/// Raises ValueError for options that no queue can have.
#[pyfunction]
pub(crate) fn check_queue(options: &Bound<'_, PyAny>) -> PyResult<()> {
    let options = from_python::<QueueSettings>(options)?.into_core()?;
    options.check().map_err(|error| value_error(&error))
}

impl QueueSettings {
    pub(crate) fn into_core(self) -> PyResult<QueueOptions> {
        let kind = match &*self.kind {
            "classic" => QueueKind::Classic,
            "quorum" => QueueKind::Quorum,
            other => return Err(wrong("kind", other, "'classic' and 'quorum'")),
        };
        let mut queue = match (kind, self.durable) {
            (QueueKind::Quorum, true) => QueueOptions::quorum(),
            (QueueKind::Quorum, false) => {
                return Err(PyValueError::new_err("a quorum queue is always durable"));
            }
            (QueueKind::Classic, true) => QueueOptions::classic(),
            (QueueKind::Classic, false) => QueueOptions::transient(),
        };
        queue = queue.declare(declare(&self.declare)?);
        queue = queue
            .auto_delete(self.auto_delete)
            .single_active_consumer(self.single_active_consumer)
            .delete_when_idle(self.delete_when_idle);
        if let Some(ttl) = self.message_ttl {
            queue = queue.message_ttl(ttl);
        }
        if let Some(after) = self.expires {
            queue = queue.expires(after);
        }
        if let Some(requests) = self.max_length {
            queue = queue.max_length(requests);
        }
        if let Some(priority) = self.max_priority {
            queue = queue.max_priority(priority);
        }
        if let Some(exchange) = self.dead_letter_exchange {
            queue = queue.dead_letter_exchange(exchange);
        }
        if let Some(key) = self.dead_letter_routing_key {
            queue = queue.dead_letter_routing_key(key);
        }
        Ok(queue)
    }
}

/// Settings of a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    #[serde(deserialize_with = "duration")]
    pub(crate) grace: Duration,
}
