//! One test's part of the broker: a namespace, a stage on which its handlers run, and questions about the queue.

use std::time::Duration;

use harness::{Broker, Raw, RawMessage, eventually, within};
use leveret::{Codec, Connection, ConnectionBuilder, Server, ServiceOptions};
use serde_json::Value;

use crate::probe::{ProbeClient, ProbeServer, Stage};

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) namespace: String,
    pub(crate) stage: Stage,
}

/// A served [`Probe`](crate::probe::Probe) with the connection that serves it.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) connection: Connection,
}

impl World {
    pub(crate) async fn new() -> Self {
        let broker = Broker::shared().await;
        let namespace = broker.namespace();
        Self {
            broker,
            namespace,
            stage: Stage::new(),
        }
    }

    pub(crate) fn builder(&self) -> ConnectionBuilder {
        Connection::builder(self.broker.url()).namespace(&self.namespace)
    }

    pub(crate) async fn connect(&self) -> Connection {
        self.builder().connect().await.expect("a connection")
    }

    /// A client on a connection of its own, as another process would have it.
    pub(crate) async fn client(&self) -> ProbeClient {
        ProbeClient::new(&self.connect().await)
    }

    pub(crate) async fn serve(&self) -> Served {
        self.serve_with(ServiceOptions::new()).await
    }

    pub(crate) async fn serve_with(&self, options: ServiceOptions) -> Served {
        self.serve_stage(&self.stage, options).await
    }

    pub(crate) async fn serve_stage(&self, stage: &Stage, options: ServiceOptions) -> Served {
        self.serve_on(self.connect().await, stage, options).await
    }

    pub(crate) async fn serve_on(
        &self,
        connection: Connection,
        stage: &Stage,
        options: ServiceOptions,
    ) -> Served {
        let server = connection
            .server()
            .service_with(ProbeServer::new(stage.clone()), options)
            .start()
            .await
            .expect("a server");
        Served { server, connection }
    }

    /// The queue of the service.
    pub(crate) fn queue(&self) -> String {
        format!("{}probe", self.namespace)
    }

    pub(crate) async fn raw(&self) -> Raw {
        self.broker.raw().await
    }

    /// Closes the server's connection without a graceful stop. What it had not acknowledged would be back in the
    /// queue now, so an empty queue proves that everything was.
    pub(crate) async fn assert_all_acked(&self, served: Served) {
        within("the end of the connection", served.connection.close()).await;
        let raw = self.raw().await;
        let queue = self.queue();
        eventually("the end of the consumer", async || {
            raw.queue(&queue).await.is_some_and(|(_, users)| users == 0)
        })
        .await;
        assert_eq!(raw.queue(&queue).await, Some((0, 0)), "unacknowledged");
    }
}

/// A request as a foreign peer writes it.
pub(crate) fn json_request(method: &str, body: &Value) -> RawMessage {
    RawMessage {
        kind: Some(method.into()),
        content_type: Some("application/json".into()),
        body: body.to_string().into_bytes(),
        ..RawMessage::default()
    }
}

/// The body of a reply, decoded as its content type says.
pub(crate) fn body(reply: &RawMessage) -> Value {
    let codec = Codec::from_content_type(reply.content_type.as_deref()).expect("a known type");
    let bytes = reply.body.clone().into();
    codec.decode(&bytes).expect("a body that can be decoded")
}

/// The code and `executed` of an error reply.
pub(crate) fn failure(reply: &RawMessage) -> (String, String) {
    assert_eq!(reply.kind.as_deref(), Some("leveret.error"), "{reply:?}");
    let error = body(reply);
    let text = |key: &str| error[key].as_str().expect("a string").to_owned();
    assert!(error["message"].is_string() && error["retryable"].is_boolean());
    (text("code"), text("executed"))
}

pub(crate) fn failed(code: &str, executed: &str) -> (String, String) {
    (code.into(), executed.into())
}

/// The value of a reply.
pub(crate) fn value(reply: &RawMessage) -> Value {
    assert_eq!(reply.kind.as_deref(), Some("leveret.reply"), "{reply:?}");
    body(reply)
}

pub(crate) fn uuid(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A deadline that no passing test comes near.
pub(crate) const LONG: Duration = Duration::from_secs(60);
