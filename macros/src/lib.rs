//! The macros of [leveret](https://docs.rs/leveret), which re-exports them: depend on that, not on this.
//!
//! A trait goes through the files in order: its attributes are read by `attr`, it becomes the plain data of
//! `model`, `validate` looks for mistakes, and `expand` prints the code, or `fallback` the messages. The
//! derive is one file, `domain_error`.

mod attr;
mod domain_error;
mod errors;
mod expand;
mod fallback;
mod model;
mod names;
mod validate;

use proc_macro::TokenStream;

/// Makes a server and a client of a trait.
///
/// ```
/// use leveret::{Context, DomainError, rpc_service};
/// use serde::{Deserialize, Serialize};
///
/// /// Arithmetic.
/// #[rpc_service(name = "math")]
/// pub trait Math {
///     /// The n-th Fibonacci number.
///     async fn fib(&self, n: u64) -> Result<u64, MathError>;
///
///     /// Cannot fail, and asks for what is known about the call.
///     async fn stats(&self, cx: &Context, samples: Vec<f64>) -> Stats;
///
///     /// A cast: the caller does not wait.
///     #[rpc(oneway)]
///     async fn log(&self, line: String);
///
///     /// CPU-bound: runs off the I/O threads.
///     #[rpc(blocking, timeout = "30s")]
///     fn crunch(&self, n: u32) -> u64;
/// }
///
/// #[derive(Serialize, Deserialize)]
/// pub struct Stats {
///     mean: f64,
/// }
///
/// #[derive(Debug, thiserror::Error, DomainError)]
/// pub enum MathError {
///     #[error("fib({n}) does not fit 64 bits, the largest n is {limit}")]
///     TooLarge { n: u64, limit: u64 },
/// }
///
/// // The implementation needs no attribute.
/// struct Calculator;
///
/// impl Math for Calculator {
///     async fn fib(&self, n: u64) -> Result<u64, MathError> {
///         match n {
///             0..=93 => Ok((0..n).fold((0, 1_u64), |(a, b), _| (b, a.wrapping_add(b))).0),
///             _ => Err(MathError::TooLarge { n, limit: 93 }),
///         }
///     }
///
///     async fn stats(&self, _cx: &Context, samples: Vec<f64>) -> Stats {
///         Stats { mean: samples.iter().sum::<f64>() / samples.len() as f64 }
///     }
///
///     async fn log(&self, line: String) {
///         println!("{line}");
///     }
///
///     fn crunch(&self, n: u32) -> u64 {
///         (1..=u64::from(n)).sum()
///     }
/// }
///
/// // What a server is given.
/// let service = MathServer::new(Calculator);
/// # let _: &dyn leveret::Service = &service;
///
/// // What a caller writes.
/// use leveret::{CallError, Client};
///
/// async fn call(client: Client) -> Result<u64, CallError<MathError>> {
///     let math = MathClient::new(client);
///     math.log("calling".to_owned()).await?;
///     let sum = math.crunch(1_000_000).await?;
///     match math.fib(sum).await {
///         Err(CallError::Domain(MathError::TooLarge { limit, .. })) => math.fib(limit).await,
///         other => other,
///     }
/// }
/// # let _ = call;
/// ```
///
/// # What is generated
///
/// For a trait `Math`:
///
/// - **`Math`** itself, with its docs and attributes. `async fn f(..) -> T` becomes `fn f(..) -> impl
///   Future<Output = T> + Send`, which implementors write as plain `async fn`, and the trait gets the
///   supertraits `Send + Sync + 'static`. Methods may have default bodies.
/// - **`MathServer<S>`**, made by `MathServer::new(imp)`: a `leveret::Service` to hand to a server.
/// - **`MathClient`**, made by `MathClient::new(client)`, with one method for each function. A method takes
///   the arguments without the context and returns a `leveret::Call<T, E>` to be awaited: its output is
///   `Result<T, CallError<E>>` where the function returns `Result<T, E>` with a [`DomainError`], and
///   `Result<T, leveret::Error>` where it returns anything else or `Result<T, leveret::Error>`. A
///   `oneway` method returns a `leveret::Cast`. `client()` is the client underneath, so no method can be
///   called `client`, `new` or `descriptor`; `#[rpc(name = "..")]` still gives it that name on the wire.
/// - **`MathClient::descriptor()`**, the static description of the service: names, arguments, docs, options.
///
/// # The trait
///
/// - Methods take `&self`. Calls share one service and run at the same time: keep what changes behind a
///   `Mutex` or in atomics.
/// - A first parameter `cx: &Context` is not sent: it is the call's context, which knows the deadline, the
///   metadata and the caller.
/// - All other parameters are sent by name, so renaming one is a breaking change and reordering them is not.
///   Their types own their data and implement `serde::Serialize` and `serde::Deserialize`, as does the type
///   of the result. An `Option` may be left out by the caller.
/// - A result counts as `Result<T, E>` when it is written so, under any path. Aliases with one parameter are
///   refused: callers need to know `E`.
/// - Traits and methods are not generic; streams are not supported yet.
/// - `#[cfg]`, docs and `#[deprecated]` on a method apply to everything that is generated for it.
///
/// # `#[rpc_service(..)]`
///
/// All keys may be left out.
///
/// | key | meaning |
/// |---|---|
/// | `name = "math"` | the name on the wire; otherwise the trait's name in snake_case: `HttpGateway` is `http_gateway` |
/// | `queue = "rpc_queue"` | the queue to use, verbatim, instead of namespace + name |
/// | `partitions = 8` | how many queues the calls with a key are spread over, 1 to 1024; otherwise 16. Callers and servers must agree |
/// | `schema` | the descriptor carries JSON Schemas (draft 2020-12) of arguments and results; needs the feature `schema`, and `schemars::JsonSchema` on the types |
/// | `crate = "other::leveret"` | where the library is, if the dependency was renamed or is re-exported |
///
/// Names, of services, methods and domain errors alike, are 1 to 100 of `A-Z a-z 0-9 _ . -` and do not start
/// with `amq.` or `leveret.`.
///
/// # `#[rpc(..)]` on a method
///
/// | key | meaning |
/// |---|---|
/// | `name = "renamed"` | the name on the wire; otherwise the function's name |
/// | `timeout = "30s"` | the deadline of a call that sets none: a whole number with `ms`, `s`, `m` or `h` |
/// | `queue = "math.slow"` | a queue of its own, verbatim |
/// | `key = "item_id"` | calls with the same value of this parameter run one after another, in order, on one server at a time, others beside them. A key is a string, an integer, a boolean, a UUID, or a newtype of one; a call with anything else fails with `InvalidArgument`. A server that is frozen or cut off from the broker may still run one when the next begins elsewhere. On quorum queues the order may break when servers come and go; still no two run at once |
/// | `oneway` | a cast: it returns nothing and its caller does not wait for it |
/// | `blocking` | a plain `fn` that computes or blocks, run on a thread for such work |
/// | `idempotent` | running it twice does no harm: a request or cast without expiration that a crash left unacknowledged is run again instead of refused |
/// | `at_most_once` | acknowledged when the handler starts, so that a crash never runs it twice |
/// | `default` | takes requests that name no method; one for each service |
#[proc_macro_attribute]
pub fn rpc_service(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::rpc_service(attr.into(), item.into()).into()
}

/// Makes an enum, or a struct, the error of RPC methods.
///
/// The error travels with a name, a message and details, so that a caller without this type can read it
/// too; a caller with it matches on the same enum.
///
/// ```
/// use leveret::{CallError, DomainError, MethodError};
///
/// #[derive(Debug, PartialEq, thiserror::Error, DomainError)]
/// pub enum OrderError {
///     #[error("the shop is closed")]
///     Closed,
///     #[error("there is no item {0:?}")]
///     #[rpc(name = "not-found")]
///     NotFound(String),
///     #[error("only {left} left of {item:?}")]
///     OutOfStock { item: String, left: u32 },
/// }
///
/// // What a server sends,
/// let error = OrderError::NotFound("carrot".to_owned()).into_error();
/// assert_eq!(error.name(), Some("not-found"));
/// assert_eq!(error.message(), "there is no item \"carrot\"");
/// assert_eq!(error.details::<String>().as_deref(), Some("carrot"));
///
/// // and what its caller makes of it.
/// let back = OrderError::from_error(error);
/// assert!(matches!(back, CallError::Domain(OrderError::NotFound(item)) if item == "carrot"));
/// ```
///
/// # On the wire
///
/// - **name**: the variant's name, or `#[rpc(name = "..")]`; of a struct, the type's name. Variants may be
///   renamed and moved freely as long as these names stay.
/// - **message**: what `Display` prints, so the type must implement it, for example by thiserror.
/// - **details**: nothing for a unit variant, the field itself for a tuple variant with one field, an array
///   for several (at most 15), a map by name for named fields. Fields implement `serde::Serialize` and
///   `serde::Deserialize`.
///
/// A caller ignores fields that it does not know, and reads an absent `Option` as `None`. An error whose
/// name or details do not fit reaches it as `CallError::Rpc`, with name, message and details for it to read.
///
/// `#[rpc(crate = "other::leveret")]` on the type says where the library is, as for [`macro@rpc_service`].
#[proc_macro_derive(DomainError, attributes(rpc))]
pub fn derive_domain_error(input: TokenStream) -> TokenStream {
    domain_error::derive(input.into()).into()
}
