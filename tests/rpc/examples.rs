//! The worked examples of `docs/protocol.md`, as they stand there, against a service and a client of this library.

mod queues;

use std::fs;
use std::path::PathBuf;

use harness::{eventually, root};
use leveret::{Client, Code, Codec, Connection, Error, Executed, rpc_service};
use serde_json::{Value, json};

use crate::programs::Vhost;

#[rpc_service(name = "math")]
trait Math {
    async fn fib(&self, n: u64) -> u64;
}

struct Calculator;

impl Math for Calculator {
    async fn fib(&self, n: u64) -> u64 {
        (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
    }
}

/// Writes the page's program of this name into a folder.
fn extract(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let page = fs::read_to_string(root().join("docs/protocol.md")).expect("the page");
    let mark = format!("<!-- example: {name} -->\n```");
    let (_, rest) = page.split_once(&mark).expect("the example");
    let (_, code) = rest.split_once('\n').expect("a language");
    let (code, _) = code.split_once("\n```").expect("an end");
    let lines = code.lines().filter(|line| !line.trim().is_empty());
    // The page says so; the code of a worked example is counted without its imports' blank lines.
    let most = if name == "work.js" { 40 } else { 36 };
    assert!(lines.count() <= most, "{name} has grown");
    let path = folder.path().join(name);
    fs::write(&path, code).expect("a file");
    path
}

async fn run_caller(name: &str, answer: &str, refusal: Option<&str>) {
    let vhost = Vhost::new().await;
    let connection = Connection::connect(&vhost.url).await.unwrap();
    let server = connection.server().service(MathServer::new(Calculator));
    let server = server.start().await.unwrap();
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = vhost.file(&extract(&folder, name), &[], "");
    program.wait_line(answer).await;
    if let Some(refusal) = refusal {
        program.wait_line(refusal).await;
    }
    assert!(program.wait().await.success(), "{:?}", program.lines());
    assert_eq!(server.dropped_messages(), 0);
    server.stop().await;
    connection.close().await;
    vhost.remove().await;
}

#[tokio::test]
async fn call_js_calls() {
    run_caller("call.js", "832040", Some("InvalidArgument:")).await;
}

#[tokio::test]
async fn call_py_calls() {
    let refusal = "leveret.error {'code': 'InvalidArgument'";
    run_caller("call.py", "leveret.reply 832040", Some(refusal)).await;
}

#[tokio::test]
async fn call_msgpack_js_calls() {
    run_caller("call_msgpack.js", "leveret.reply 832040", None).await;
}

async fn refused(client: &Client, method: &str, arguments: &Value) -> Error {
    let call = client.call::<u64>("math", method, arguments);
    let error = call.await.unwrap_err();
    assert!(!error.retryable());
    error
}

/// `too_large` is what the example makes of `fib(1000)`.
async fn run_server(name: &str, too_large: Code) {
    let vhost = Vhost::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = vhost.file(&extract(&folder, name), &[], "");
    let raw = vhost.raw().await;
    eventually("the example serves", async || {
        raw.queue("math").await.is_some_and(|(_, users)| users == 1)
    })
    .await;
    let connection = Connection::connect(&vhost.url).await.unwrap();
    let client = connection.client().with_codec(Codec::Json);
    let math = MathClient::new(&client);
    assert_eq!(math.fib(30).await.unwrap(), 832_040);
    for arguments in [json!({"n": 30}), json!([30]), json!(30)] {
        let fib: u64 = client.call("math", "fib", &arguments).await.unwrap();
        assert_eq!(fib, 832_040, "{arguments}");
    }
    let fib: u64 = client.call("math", "", &30).await.unwrap();
    assert_eq!(fib, 832_040);
    let invalid = [
        json!({"n": -1}),
        json!([1, 2]),
        json!({"m": 1}),
        json!({}),
        json!("x"),
    ];
    for arguments in invalid {
        let error = refused(&client, "fib", &arguments).await;
        assert_eq!(error.code(), Code::InvalidArgument, "{arguments}");
        assert_eq!(error.executed(), Executed::No, "{arguments}");
    }
    let error = refused(&client, "mean", &json!([30])).await;
    assert_eq!(error.code(), Code::NoSuchMethod);
    let error = refused(&client, "fib", &json!([1000])).await;
    assert_eq!(error.code(), too_large);
    // MessagePack, which it does not read, is refused in JSON.
    let error = refused(&connection.client(), "fib", &json!([30])).await;
    assert_eq!(error.code(), Code::InvalidArgument);
    client.cast("math", "fib", &[30]).await.unwrap();
    assert_eq!(math.fib(10).await.unwrap(), 55, "it has died of the cast");
    assert_eq!(client.unclaimed_replies(), 0);
    program.kill().await;
    eventually("all was acknowledged", async || {
        raw.queue("math").await == Some((0, 0))
    })
    .await;
    connection.close().await;
    vhost.remove().await;
}

#[tokio::test]
async fn serve_js_serves() {
    run_server("serve.js", Code::Application).await;
}

#[tokio::test]
async fn serve_py_serves() {
    run_server("serve.py", Code::InvalidArgument).await;
}
