//! The generated server, driven through `Service::call` as a server would: arguments in, reply out.

use std::sync::{Arc, Mutex};

use leveret::__private::{detached_request, reply_body};
use leveret::{Code, Codec, Error, Executed, Service};
use serde_json::{Value, json};

use crate::service::{Calculator, MathServer};

async fn call(method: &str, arguments: Value) -> Result<Value, Error> {
    call_on(
        &Arc::new(MathServer::new(Calculator::default())),
        method,
        arguments,
    )
    .await
}

async fn call_on<S: Service>(
    server: &Arc<S>,
    method: &str,
    arguments: Value,
) -> Result<Value, Error> {
    let body = arguments.to_string();
    let request = detached_request(server.descriptor(), method, Codec::Json, body);
    let reply = Arc::clone(server).call(method, request).await?;
    Ok(serde_json::from_slice(reply_body(&reply)).unwrap())
}

#[tokio::test]
async fn values_come_back_encoded() {
    assert_eq!(call("fib", json!({"n": 30})).await.unwrap(), json!(832_040));
    assert_eq!(call("fib", json!([30])).await.unwrap(), json!(832_040));
    assert_eq!(call("fib", json!(30)).await.unwrap(), json!(832_040));
    assert_eq!(call("renamed", json!({})).await.unwrap(), json!(3));
    assert_eq!(
        call("twice_slow", json!({"times": 2})).await.unwrap(),
        json!(6)
    );
}

#[tokio::test]
async fn optional_arguments_may_be_missing() {
    let all = call("stats", json!({"samples": [1.0, 2.0, 6.0]})).await;
    assert_eq!(all.unwrap(), json!({"count": 3, "mean": 3.0}));
    let some = call("stats", json!({"skip": 1, "samples": [1.0, 2.0, 6.0]})).await;
    assert_eq!(some.unwrap(), json!({"count": 2, "mean": 4.0}));
}

#[tokio::test]
async fn blocking_methods_get_arguments_and_context() {
    let text = call("crunch", json!({"n": 3, "type": "ab"})).await;
    assert_eq!(text.unwrap(), json!("ababab"));
    assert_eq!(call("crunch_for", json!({"n": 7})).await.unwrap(), json!(7));
    let refused = call("crunch_for", json!({"n": 0})).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.executed(), Executed::No);
    let negative = call("check", json!({})).await.unwrap_err();
    assert_eq!(negative.name(), Some("negative"));
    assert_eq!(negative.executed(), Executed::Yes);
}

#[tokio::test]
async fn the_context_is_handed_over() {
    assert_eq!(call("context", json!({})).await.unwrap(), json!("context"));
}

#[tokio::test]
async fn oneway_methods_run() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let calculator = Calculator {
        lines: Arc::clone(&lines),
    };
    let server = Arc::new(MathServer::new(calculator));
    let reply = call_on(&server, "log", json!({"line": "hello"})).await;
    assert_eq!(reply.unwrap(), json!(null));
    call_on(&server, "log_slowly", json!({"line": "again"}))
        .await
        .unwrap();
    assert_eq!(*lines.lock().unwrap(), ["hello", "again"]);
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_handler() {
    for (method, arguments) in [
        ("fib", json!({"n": "thirty"})),
        ("fib", json!({})),
        ("fib", json!({"n": 1, "dry_run": true})),
        ("fib", json!([1, 2])),
        ("renamed", json!({"n": 1})),
    ] {
        let error = call(method, arguments.clone()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{method} {arguments}");
        assert_eq!(error.executed(), Executed::No, "{method} {arguments}");
    }
}

#[tokio::test]
async fn an_unknown_method_is_named_with_the_known_ones() {
    let error = call("fibb", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchMethod);
    assert_eq!(error.executed(), Executed::No);
    assert!(!error.retryable());
    assert!(error.message().contains("\"fibb\""), "{error}");
    assert!(error.message().contains("renamed"), "{error}");
    // The Rust name is not the name on the wire.
    assert_eq!(
        call("slow", json!({})).await.unwrap_err().code(),
        Code::NoSuchMethod
    );
}

#[tokio::test]
async fn domain_errors_carry_name_message_and_details() {
    let error = call("fib", json!({"n": 91})).await.unwrap_err();
    assert_eq!(error.code(), Code::Application);
    assert_eq!(error.name(), Some("TooLarge"));
    assert_eq!(error.message(), "91 is above 90");
    assert_eq!(error.executed(), Executed::Yes);
    assert_eq!(
        error.details::<Value>(),
        Some(json!({"n": 91, "limit": 90}))
    );
}
