//! Programs that bring a codec of their own: a caller with encoded arguments, and a service that gets its
//! arguments and gives its results as MessagePack, as the Python module does.

use std::borrow::Cow;
use std::sync::Arc;

use leveret::{
    Code, Codec, Encoded, Error, Executed, HandlerFuture, MethodDescriptor, MethodOptions,
    MethodSchemas, Request, Schemas, Service, ServiceDescriptor,
};
use serde_json::{Value, json};

use crate::world::{World, failed, failure, json_request, millis, value};

/// Answers with its arguments as it got them.
struct Mirror(ServiceDescriptor);

impl Mirror {
    fn new() -> Self {
        let method = |name: &'static str, arguments: &[&'static str]| MethodDescriptor {
            name: name.into(),
            doc: "".into(),
            arguments: arguments.iter().map(|name| Cow::Borrowed(*name)).collect(),
            options: MethodOptions::NONE,
            schemas: Some(Schemas::Given(Arc::new(MethodSchemas {
                arguments: json!({"type": "object"}),
                result: json!({}),
            }))),
        };
        Self(ServiceDescriptor {
            descriptor: 1,
            name: "mirror".into(),
            doc: "".into(),
            queue: None,
            partitions: None,
            methods: vec![
                method("two", &["a", "b"]),
                method("rubbish", &[]),
                method("own_error", &[]),
            ]
            .into(),
        })
    }
}

impl Service for Mirror {
    fn descriptor(&self) -> &ServiceDescriptor {
        &self.0
    }

    fn call(self: Arc<Self>, method: &str, request: Request) -> HandlerFuture {
        let method = method.to_owned();
        Box::pin(async move {
            match &*method {
                "two" => request.encoded_value(request.named_arguments(&["a", "b"])?),
                "rubbish" => request.encoded_value(&b"\x92\x01"[..]),
                _ => {
                    Err(Error::new(Code::Application, "own")
                        .with_encoded_details(&b"\x91\x2a"[..])?)
                }
            }
        })
    }
}

#[tokio::test]
async fn arguments_and_results_pass_as_they_are_encoded() {
    let world = World::new().await;
    let connection = world.connect().await;
    let server = connection.server().service(Mirror::new()).start().await;
    let _server = server.unwrap();
    let two = world.connect().await.client().endpoint("mirror", "two");
    let two = two.unwrap();
    for (arguments, wanted) in [
        (json!({"a": 1, "b": [2]}), json!({"a": 1, "b": [2]})),
        (json!({"b": null}), json!({"b": null})),
        (json!(["x"]), json!({"a": "x"})),
        (json!([]), json!({})),
    ] {
        for codec in [Codec::MsgPack, Codec::Json] {
            let body = codec.encode(&arguments).unwrap();
            let answer = two.call(Encoded::new(codec, body)).undecoded().await;
            let answer = answer.unwrap();
            assert_eq!(answer.codec(), codec);
            assert_eq!(codec.decode::<Value>(answer.body()).unwrap(), wanted);
        }
    }
    let raw = world.raw().await;
    let queue = format!("{}mirror", world.namespace);
    let answer = raw.call(&queue, json_request("two", &json!([1, 2]))).await;
    assert_eq!(value(&answer), json!({"a": 1, "b": 2}));
    for wrong in [json!({"c": 1}), json!([1, 2, 3]), json!(7)] {
        let answer = raw.call(&queue, json_request("two", &wrong)).await;
        assert_eq!(failure(&answer), failed("InvalidArgument", "no"));
    }
}

#[tokio::test]
async fn errors_keep_encoded_details_and_rubbish_is_not_sent() {
    let world = World::new().await;
    let connection = world.connect().await;
    let server = connection.server().service(Mirror::new()).start().await;
    let _server = server.unwrap();
    let client = world.connect().await.client();
    let call = |method| {
        let endpoint = client.endpoint("mirror", method).unwrap();
        endpoint.call(Encoded::new(Codec::MsgPack, &b"\x80"[..]))
    };
    let error = call("own_error").undecoded().await.unwrap_err();
    assert_eq!(error.code(), Code::Application);
    let details = error.encoded_details().unwrap().to_msgpack().unwrap();
    assert_eq!(details, &b"\x91\x2a"[..]);
    let error = call("rubbish").undecoded().await.unwrap_err();
    assert_eq!(
        (error.code(), error.executed()),
        (Code::Internal, Executed::Yes)
    );
}

#[tokio::test]
async fn an_endpoint_checks_its_names_and_takes_the_methods_timeout() {
    let world = World::new().await;
    let client = world.connect().await.client();
    for (service, method) in [("", "m"), ("amq.x", "m"), ("s", "not a name")] {
        let error = client.endpoint(service, method).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    let _served = world.serve().await;
    let hold = client.endpoint("probe", "hold").unwrap();
    let hold = hold.with_method_timeout(millis(50));
    let arguments =
        Encoded::from_msgpack(Codec::MsgPack.encode(&["slow"]).unwrap(), Codec::MsgPack);
    let error = hold.call(arguments.unwrap()).undecoded().await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_server_told_to_stop_now_gives_no_grace() {
    let world = World::new().await;
    let served = world.serve().await;
    let client = world.client().await;
    let call = tokio::spawn(async move { client.hold("long".into()).await });
    world.stage.wait("start long").await;
    served.server.stop_now();
    served.server.stop().await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.executed()),
        (Code::Unavailable, Executed::Maybe)
    );
}
