//! The static description of a service: what `#[rpc_service]` knows, for tools, other languages and
//! the server's own tables. Versioned; its JSON form has a golden file in `tests/wire/`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::partition;

/// The version of the descriptor's own shape.
pub const DESCRIPTOR_VERSION: u32 = 1;

/// A service and its methods.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceDescriptor {
    /// The version of this shape, [`DESCRIPTOR_VERSION`].
    pub descriptor: u32,
    /// The name of the service on the wire.
    pub name: Cow<'static, str>,
    /// The doc comment of the trait.
    pub doc: Cow<'static, str>,
    /// The queue to use, verbatim, instead of namespace + name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Cow<'static, str>>,
    /// How many partitions its methods with a key have together, 1 to 1024; 16 when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u16>,
    /// The methods, in the order of the trait.
    pub methods: Cow<'static, [MethodDescriptor]>,
}

/// One method of a service.
#[derive(Clone, Debug, Serialize)]
pub struct MethodDescriptor {
    /// The name of the method on the wire.
    pub name: Cow<'static, str>,
    /// The doc comment of the method.
    pub doc: Cow<'static, str>,
    /// The names of its parameters, in order, without the context.
    pub arguments: Cow<'static, [Cow<'static, str>]>,
    /// What was said in `#[rpc(...)]`.
    pub options: MethodOptions,
    /// JSON Schemas (draft 2020-12) of the types, when the service was asked to carry them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Schemas>,
}

/// What was said about a method in `#[rpc(...)]`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MethodOptions {
    /// A cast: the caller does not wait for an answer.
    #[serde(skip_serializing_if = "is_false")]
    pub oneway: bool,
    /// The handler is CPU-bound or blocks, and runs off the I/O threads.
    #[serde(skip_serializing_if = "is_false")]
    pub blocking: bool,
    /// Running it twice does no harm.
    #[serde(skip_serializing_if = "is_false")]
    pub idempotent: bool,
    /// The request is acknowledged when the handler starts, so that it never starts twice.
    #[serde(skip_serializing_if = "is_false")]
    pub at_most_once: bool,
    /// It takes requests that name no method.
    #[serde(skip_serializing_if = "is_false")]
    pub default: bool,
    /// The deadline of a call that sets none, in milliseconds on the wire.
    #[serde(
        rename = "timeout_ms",
        skip_serializing_if = "Option::is_none",
        serialize_with = "millis"
    )]
    pub timeout: Option<Duration>,
    /// A queue of its own, taken verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Cow<'static, str>>,
    /// The parameter by which its calls are ordered: those with the same value run one after another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'static, str>>,
}

impl MethodOptions {
    /// No option set; `const`, for generated statics.
    pub const NONE: Self = Self {
        oneway: false,
        blocking: false,
        idempotent: false,
        at_most_once: false,
        default: false,
        timeout: None,
        queue: None,
        key: None,
    };
}

/// Where the schemas of a method come from.
#[derive(Clone, Debug)]
pub enum Schemas {
    /// Made from the types when somebody asks.
    Made(fn() -> MethodSchemas),
    /// Given by a program that learnt its methods at run time.
    Given(Arc<MethodSchemas>),
}

impl Schemas {
    /// The schemas themselves.
    #[must_use]
    pub fn get(&self) -> Arc<MethodSchemas> {
        match self {
            Self::Made(make) => Arc::new(make()),
            Self::Given(schemas) => Arc::clone(schemas),
        }
    }
}

impl Serialize for Schemas {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MethodSchemas::serialize(&self.get(), serializer)
    }
}

/// JSON Schemas of one method's types.
#[derive(Clone, Debug, Serialize)]
pub struct MethodSchemas {
    /// An object schema with one property for each parameter.
    pub arguments: serde_json::Value,
    /// The schema of the result.
    pub result: serde_json::Value,
}

impl ServiceDescriptor {
    /// Finds a method by its name on the wire.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&MethodDescriptor> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// How many partitions there are; `None` when no method has a key.
    #[must_use]
    pub fn key_partitions(&self) -> Option<u16> {
        let keyed = self
            .methods
            .iter()
            .any(|method| method.options.key.is_some());
        keyed.then(|| self.partitions.unwrap_or(partition::DEFAULT))
    }

    /// The method for requests that name none: the one marked `default`, or the only one.
    #[must_use]
    pub fn default_method(&self) -> Option<&MethodDescriptor> {
        match &*self.methods {
            [only] => Some(only),
            methods => methods.iter().find(|method| method.options.default),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn millis<S: serde::Serializer>(
    value: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value
        .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        .serialize(serializer)
}
