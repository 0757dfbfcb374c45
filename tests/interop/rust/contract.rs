//! The contract of the interop service in Rust, for both its ends. `../README.md` says what each method does.

use std::collections::BTreeMap;

use leveret::{Context, DomainError, Error, rpc_service};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[rpc_service(name = "interop")]
pub(crate) trait Interop {
    async fn echo_any(&self, value: Value) -> Value;
    async fn echo_bool(&self, value: bool) -> bool;
    async fn echo_bytes(&self, value: Vec<u8>) -> Vec<u8>;
    async fn echo_color(&self, value: Color) -> Color;
    async fn echo_f32(&self, value: f32) -> f32;
    async fn echo_f64(&self, value: f64) -> f64;
    async fn echo_i64(&self, value: i64) -> i64;
    async fn echo_item(&self, value: Item) -> Item;
    async fn echo_list(&self, value: Vec<i64>) -> Vec<i64>;
    async fn echo_map(&self, value: BTreeMap<String, i64>) -> BTreeMap<String, i64>;
    async fn echo_nested(&self, value: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>>;
    async fn echo_optional(&self, value: Option<i64>) -> Option<i64>;
    async fn echo_shape(&self, value: Shape) -> Shape;
    async fn echo_string(&self, value: String) -> String;
    async fn echo_time(&self, value: String) -> String;
    async fn echo_tuple(&self, value: (i64, String, bool)) -> (i64, String, bool);
    async fn echo_u64(&self, value: u64) -> u64;
    async fn echo_u8(&self, value: u8) -> u8;
    async fn echo_uuid(&self, value: String) -> String;

    async fn big(&self, length: usize) -> String;
    async fn context(&self, cx: &Context) -> Seen;
    async fn crash(&self);
    async fn die(&self, cx: &Context) -> Survived;
    async fn events(&self, id: String, count: usize) -> Vec<String>;
    async fn fail(
        &self,
        code: String,
        message: Option<String>,
        executed: Option<String>,
        retryable: Option<bool>,
        retry_after_ms: Option<u64>,
        details: Option<Value>,
    ) -> Result<(), Error>;
    async fn hold(&self, id: String);
    async fn join(&self, words: Vec<String>, separator: Option<String>) -> String;
    async fn length(&self, text: String) -> usize;
    async fn limited(&self, number: u64) -> Result<u64, LimitError>;
    async fn nan(&self) -> f64;
    #[rpc(oneway)]
    async fn note(&self, id: String);
    async fn nothing(&self);
    async fn relay(&self) -> Result<Seen, Error>;
    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64;
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Color {
    Red,
    Green,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Shape {
    Empty,
    Circle(f64),
    Line(i64, i64),
    Box { width: u64, height: Option<u64> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    id: u64,
    name: String,
    note: Option<String>,
    photo: Vec<u8>,
    tags: Vec<String>,
}

/// What a handler saw of its context.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
    pub(crate) baggage: Option<String>,
    pub(crate) caller: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) redelivered: bool,
    pub(crate) millis_left: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Survived {
    pub(crate) redelivered: bool,
}

#[derive(Debug, thiserror::Error, DomainError)]
pub(crate) enum LimitError {
    #[error("too large: the limit is {limit}")]
    TooLarge { limit: u64 },
}
