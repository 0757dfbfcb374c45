//! The golden messages, read by the Rust side. Python and Node read the same files, so what one of them
//! changes breaks here first.

mod any;
mod queues;
mod travel;

use std::fs;
use std::path::Path;

use any::Any;
use leveret::{Arguments, Code, Codec, Error, Executed};
use serde::Deserialize;
use serde_json::Value;

/// Reads every message of a file and lets `check` say what is wrong with each.
fn each<T: for<'de> Deserialize<'de>>(file: &str, check: impl Fn(T) -> Result<(), String>) {
    #[derive(Deserialize)]
    struct Message<T> {
        name: String,
        #[serde(flatten)]
        content: T,
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("wire")
        .join(file);
    let text = fs::read_to_string(&path).unwrap();
    let messages: Vec<Message<T>> = serde_json::from_str(&text).unwrap();
    assert!(!messages.is_empty());
    let wrong: Vec<String> = messages
        .into_iter()
        .filter_map(|message| Some((message.name, check(message.content).err()?)))
        .map(|(name, error)| format!("{name}: {error}"))
        .collect();
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: found {found:?}, expected {expected:?}")),
    }
}

fn is_refusal(error: &Error) -> Result<(), String> {
    same("code", &error.code(), &Code::InvalidArgument)?;
    same("executed", &error.executed(), &Executed::No)
}

#[derive(Deserialize)]
struct Example {
    json: Value,
    msgpack_hex: String,
    #[serde(default)]
    bytes: Vec<String>,
    /// A form that we read and do not write.
    #[serde(default)]
    decode_only: bool,
    #[serde(default)]
    float32: bool,
}

#[test]
fn values() {
    each("values.json", |example: Example| {
        let body = bytes(&example.msgpack_hex);
        let value: Any = decode(Codec::MsgPack, &body)?;
        let json = encode(Codec::Json, &value)?;
        let read: Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        same("as JSON", &read, &example.json)?;
        let read: Value = decode(Codec::Json, &json)?;
        same("read from JSON", &read, &example.json)?;
        if !example.decode_only {
            same("as MessagePack", &encode(Codec::MsgPack, &value)?, &body)?;
        }
        if !example.decode_only && !example.float32 && example.bytes.is_empty() {
            let body_of_json = encode(Codec::MsgPack, &example.json)?;
            same("JSON as MessagePack", &body_of_json, &body)?;
        }
        for pointer in &example.bytes {
            let text = example.json.pointer(pointer).ok_or("no such bytes")?;
            let from_json: Vec<u8> = decode(Codec::Json, text.to_string().as_bytes())?;
            let found = value.pointer(pointer);
            same("bytes", &found, &Some(&Any::Bytes(from_json)))?;
        }
        Ok(())
    });
}

#[derive(Deserialize)]
struct Call {
    parameters: Vec<String>,
    content_type: String,
    body_hex: String,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Ok(Vec<Value>),
    Error(String),
}

#[test]
fn arguments() {
    each("arguments.json", |call: Call| {
        let names: Vec<&str> = call.parameters.iter().map(String::as_str).collect();
        let codec = Codec::from_content_type(Some(&call.content_type)).ok_or("no codec")?;
        let body = bytes(&call.body_hex);
        match (take_all(codec, &body, &names), call.expect) {
            (Ok(values), Expected::Ok(expected)) => same("arguments", &values, &expected),
            (Err(error), Expected::Error(code)) => {
                same("code", &error.wire_code().to_owned(), &code)?;
                is_refusal(&error)
            }
            (Ok(values), Expected::Error(_)) => Err(format!("accepted as {values:?}")),
            (Err(error), Expected::Ok(_)) => Err(format!("refused: {error}")),
        }
    });
}

fn take_all(codec: Codec, body: &[u8], names: &[&str]) -> Result<Vec<Value>, Error> {
    let mut arguments = Arguments::parse(codec, body, names)?;
    (0..names.len())
        .map(|index| {
            // No value reads as this type, but an absent one is reported as such.
            match arguments.take::<any::Never>(index) {
                Err(error) if error.message().starts_with("missing argument") => {
                    return Ok(serde_json::json!({"$missing": true}));
                }
                _ => {}
            }
            let json = Codec::Json.encode(&arguments.take::<Any>(index)?)?;
            Codec::Json.decode(&json.into())
        })
        .collect()
}

#[derive(Deserialize)]
struct Refused {
    content_type: String,
    body_hex: String,
    reason: String,
}

#[test]
fn refused() {
    each("refused.json", |refused: Refused| {
        let codec = Codec::from_content_type(Some(&refused.content_type)).ok_or("no codec")?;
        match codec.decode::<Any>(&bytes(&refused.body_hex).into()) {
            Ok(value) => Err(format!(
                "accepted as {value:?}, although {}",
                refused.reason
            )),
            Err(error) => is_refusal(&error),
        }
    });
}

#[derive(Deserialize)]
struct ErrorReply {
    json: Value,
    msgpack_hex: String,
    json_hex: String,
    expect: Meaning,
}

#[derive(Deserialize)]
struct Meaning {
    code: String,
    wire_code: String,
    executed: String,
    retryable: bool,
}

/// What a client reads of the body of an error reply.
#[derive(Debug, Deserialize, PartialEq)]
struct ErrorBody {
    code: String,
    name: Option<String>,
    message: String,
    details: Option<Value>,
    executed: String,
    retryable: bool,
    retry_after_ms: Option<u64>,
}

#[test]
fn replies() {
    each("replies.json", |reply: ErrorReply| {
        let expected: ErrorBody =
            serde_json::from_value(reply.json.clone()).map_err(|error| error.to_string())?;
        for (codec, hex) in [
            (Codec::MsgPack, &reply.msgpack_hex),
            (Codec::Json, &reply.json_hex),
        ] {
            let body = bytes(hex);
            same("value", &decode::<Value>(codec, &body)?, &reply.json)?;
            same("body", &decode::<ErrorBody>(codec, &body)?, &expected)?;
        }
        let code = Code::from_wire(&expected.code).unwrap_or(Code::Unknown);
        same("code", &code.as_str(), &reply.expect.code.as_str())?;
        same("wire code", &expected.code, &reply.expect.wire_code)?;
        let executed = Executed::from_wire(&expected.executed);
        same(
            "executed",
            &executed.as_str(),
            &reply.expect.executed.as_str(),
        )?;
        same("retryable", &expected.retryable, &reply.expect.retryable)
    });
}

fn decode<T: serde::de::DeserializeOwned>(codec: Codec, body: &[u8]) -> Result<T, String> {
    codec
        .decode(&body.to_vec().into())
        .map_err(|error| format!("{}: {error}", codec.content_type()))
}

fn encode<T: serde::Serialize>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    codec
        .encode(value)
        .map_err(|error| format!("{}: {error}", codec.content_type()))
}
