//! Runs the cases of `../cases.json` against the interop service: `interop-caller NAMESPACE SERVER_LANGUAGE [SERVERS]`,
//! with the broker in `AMQP_URL`. Prints one line of JSON for each case.

mod cases;
mod contract;
mod marks;
mod scenarios;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cases::{Case, Options};
use contract::{Color, InteropClient, Item, Shape};
use leveret::{Call, Client, Codec, Connection, Error, TraceContext};
use marks::{Marked, differs};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

const LARGEST_BODY: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// What is wrong with a case.
type Outcome = Result<(), String>;

fn codec(name: &str) -> Codec {
    match name {
        "msgpack" => Codec::MsgPack,
        "json" => Codec::Json,
        "text" => Codec::Text,
        other => panic!("no codec {other}"),
    }
}

fn with<T, E>(mut call: Call<T, E>, options: &Options) -> Call<T, E> {
    call = call.timeout(PATIENCE);
    for (key, value) in &options.metadata {
        call = call.metadata(key.clone(), Marked(value).text());
    }
    if let Some(trace) = &options.trace {
        call = call.trace(TraceContext {
            traceparent: trace["traceparent"].clone(),
            tracestate: trace.get("tracestate").cloned(),
            baggage: trace.get("baggage").cloned(),
        });
    }
    call
}

/// A value as the test compares it: in the form that JSON has for it.
fn seen<T: Serialize>(value: &T) -> Result<Value, String> {
    let json = Codec::Json.encode(value).map_err(|e| e.to_string())?;
    serde_json::from_slice(&json).map_err(|e| e.to_string())
}

/// A call by name, of a result type that the caller knows.
async fn dynamic<T>(client: &Client, case: &Case) -> Result<Value, String>
where
    T: DeserializeOwned + Serialize + Send + 'static,
{
    let empty = json!({});
    let arguments = Marked(case.arguments.as_ref().unwrap_or(&empty));
    let call = client.call::<T>(&case.service, &case.method, &arguments);
    let value = with(call, &case.options)
        .await
        .map_err(|e| format!("{e:?}"))?;
    seen(&value)
}

/// A call of the generated stub, with an argument of the type that the trait says.
async fn typed<T, E>(
    case: &Case,
    value: &Value,
    call: impl FnOnce(T) -> Call<T, E>,
) -> Result<Value, String>
where
    T: DeserializeOwned + Serialize + Send + 'static,
    E: leveret::MethodError,
    E::CallError: std::fmt::Debug,
{
    let json = Marked(value).json().into();
    let argument = Codec::Json.decode(&json).map_err(|e| e.to_string())?;
    let value = with(call(argument), &case.options).await;
    seen(&value.map_err(|error| format!("{error:?}"))?)
}

async fn value(client: &Client, case: &Case) -> Result<Value, String> {
    let stub = InteropClient::new(client);
    macro_rules! echoes {
        ($($method:ident: $value:ty,)*) => {
            match (&*case.method, &case.echo) {
                $((stringify!($method), Some(value)) => {
                    typed(case, value, |value: $value| stub.$method(value)).await
                }
                (stringify!($method), None) => dynamic::<$value>(client, case).await,)*
                _ => dynamic::<Value>(client, case).await,
            }
        };
    }
    echoes! {
        echo_any: Value,
        echo_bool: bool,
        echo_bytes: Vec<u8>,
        echo_color: Color,
        echo_f32: f32,
        echo_f64: f64,
        echo_i64: i64,
        echo_item: Item,
        echo_list: Vec<i64>,
        echo_map: BTreeMap<String, i64>,
        echo_nested: Vec<Vec<Option<String>>>,
        echo_optional: Option<i64>,
        echo_shape: Shape,
        echo_string: String,
        echo_time: String,
        echo_tuple: (i64, String, bool),
        echo_u64: u64,
        echo_u8: u8,
        echo_uuid: String,
    }
}

fn check_error(expected: &Map<String, Value>, error: &Error) -> Outcome {
    let found = json!({
        "code": error.wire_code(),
        "executed": error.executed().as_str(),
        "retryable": error.retryable(),
        "retry_after_ms": error.retry_after().map(|delay| delay.as_millis() as u64),
        "name": error.name(),
        "details": error.details::<Value>(),
    });
    for (key, value) in expected {
        let told = |text: &Value| error.message().contains(text.as_str().expect("a text"));
        match &**key {
            "mentions" if told(value) => {}
            "hides" if !told(value) => {}
            "mentions" | "hides" => return Err(format!("{key} {value}, but says: {error:?}")),
            key => differs(value, &found[key], key).map_err(|why| format!("{why} in {error:?}"))?,
        }
    }
    Ok(())
}

async fn failure(client: &Client, case: &Case) -> Result<Error, String> {
    let empty = json!({});
    let arguments = Marked(case.arguments.as_ref().unwrap_or(&empty));
    let call = client.call::<Value>(&case.service, &case.method, &arguments);
    match with(call, &case.options).await {
        Ok(value) => Err(format!("answered with {value}")),
        Err(error) => Ok(error),
    }
}

async fn run(client: &Client, case: &Case) -> Outcome {
    let client = &client.clone().with_codec(codec(&case.codec));
    if let Some(scenario) = &case.scenario {
        return scenarios::run(scenario, client).await;
    }
    if let Some(expected) = &case.error {
        return check_error(expected, &failure(client, case).await?);
    }
    if case.method == "nan" {
        let nan = client.call::<f64>("interop", "nan", &json!({})).await;
        return match nan {
            Ok(value) if value.is_nan() => Ok(()),
            other => Err(format!("{other:?}")),
        };
    }
    let expected = case.echo.as_ref().unwrap_or(&case.value);
    differs(expected, &value(client, case).await?, "value")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (namespace, server, servers) = match &arguments[..] {
        [namespace, server] => (namespace, server, 1),
        [namespace, server, servers] => (namespace, server, servers.parse()?),
        _ => return Err("usage: interop-caller NAMESPACE SERVER_LANGUAGE [SERVERS]".into()),
    };
    let connection = Connection::builder(std::env::var("AMQP_URL")?)
        .namespace(namespace)
        .name("interop")
        .max_message_size(LARGEST_BODY)
        .connect()
        .await?;
    let client = connection.client().with_timeout(PATIENCE);
    for case in cases::load("rust", server, servers) {
        let begin = Instant::now();
        let why = run(&client, &case).await.err();
        let (ok, ms) = (why.is_none(), begin.elapsed().as_millis() as u64);
        println!(
            "{}",
            json!({"case": case.name, "ok": ok, "why": why, "ms": ms})
        );
    }
    connection.close().await;
    Ok(())
}
