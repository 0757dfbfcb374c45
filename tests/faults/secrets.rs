//! Passwords and keys stay in: no `Debug`, no `Display`, no error and no log line of ours ever shows them.

use std::error::Error as _;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use harness::{Broker, Proxy, free_port};
use leveret::{Connection, ConnectionState, Error, TaskQueue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::fixture::{LONG, Worker, builder, serve, wait_state, work};

const CANARY: &str = "c4n4ry-7f1d93";

/// Keeps what is logged under a target of Leveret's.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().expect("no panic under the lock").clone()
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut log = self.0.lock().expect("no panic under the lock");
        let _ = write!(log, "{field}={value:?} ");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("leveret")
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[track_caller]
fn assert_hidden(shown: &str) {
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
}

#[track_caller]
fn assert_error_hides(error: &Error) {
    assert_hidden(&format!("{error} {error:?} {error:#?}"));
    let mut source = error.source();
    while let Some(error) = source {
        assert_hidden(&format!("{error} {error:?}"));
        source = error.source();
    }
}

#[tokio::test]
async fn errors_of_connecting_show_no_password() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let broker = Broker::shared().await;
    let port = free_port();
    let refused = broker
        .url()
        .replace("guest:guest@", &format!("guest:{CANARY}@"));
    let urls = [
        format!("amqp://guest:{CANARY}@127.0.0.1:{port}/%2f"),
        format!("amqps://guest:{CANARY}@127.0.0.1:{port}/%2f"),
        refused.replace("amqp://", "amqps://"),
        refused,
        // None of these is a URL, and parsers like to quote what they cannot read.
        format!("amqp://guest:{CANARY}@127.0.0.1:99999/%2f"),
        format!("amqp://guest:{CANARY}/@127.0.0.1/%2f"),
        format!("guest:{CANARY}@127.0.0.1"),
        format!("amqp://guest:{CANARY}@[::1/%2f"),
    ];
    for url in urls {
        // With and without: an address of the management API that is none ends it before anything is dialled.
        let builder = Connection::builder(&url).address(&url);
        let managed = builder.clone().management(&url);
        for builder in [builder, managed] {
            assert_hidden(&format!("{builder:?} {builder:#?}"));
            assert_error_hides(&builder.connect().await.expect_err("nobody is there"));
        }
    }
    // The capture itself must work, or it would prove nothing.
    assert!(log.text().contains("address="), "{}", log.text());
    assert_hidden(&log.text());
}

#[tokio::test]
async fn a_life_with_losses_shows_no_password() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let user = names.trim_end_matches('.').to_owned();
    broker.set_user(&user, CANARY).await;
    let proxy = Proxy::to(broker.url()).await;
    let url = proxy
        .url_through(broker.url())
        .replace("guest:guest@", &format!("{user}:{CANARY}@"));

    let builder = builder(&url, &names).client_certificate("", "-----BEGIN PRIVATE KEY-----");
    assert_hidden(&format!("{builder:?}"));
    let connection = builder.connect().await.expect("a connection");
    let server = serve(&connection, &Worker::default()).await;
    let stub = work(&connection, LONG);
    let call = stub.double(1);
    assert_hidden(&format!("{call:?} {connection:#?} {server:#?}"));
    assert_hidden(&format!("{:#?}", connection.client()));
    assert_eq!(call.await.expect("an answer"), 2);

    proxy.refuse().await;
    proxy.reset_connections().await;
    wait_state(&connection, ConnectionState::Reconnecting).await;
    assert_hidden(&format!("{connection:#?} {:#?}", connection.client()));
    broker.set_user(&user, "another").await;
    proxy.pass().await;
    // Two connections of before, then the refused login.
    proxy.wait_accepted(3).await;
    proxy.wait_open(0).await;
    broker.set_user(&user, CANARY).await;
    wait_state(&connection, ConnectionState::Connected).await;
    server.stop().await;
    connection.close().await;
    broker.remove_user(&user).await;

    assert!(log.text().contains("reconnecting"), "{}", log.text());
    assert_hidden(&log.text());
}

#[tokio::test]
async fn a_management_api_is_warned_of_once_for_each_reason_and_without_its_password() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let broker = Broker::shared().await;
    let (names, port) = (broker.namespace(), free_port());
    let builder =
        builder(broker.url(), &names).management(format!("http://guest:{CANARY}@127.0.0.1:{port}"));
    assert_hidden(&format!("{builder:?} {builder:#?}"));
    let connection = builder.connect().await.expect("a connection");
    assert_hidden(&format!("{connection:#?}"));
    let tasks = connection.tasks(&TaskQueue::<u8>::new("work"));
    tasks.push(&1).await.expect("a push");
    let look = async || tasks.info().await.expect("a look").unacked;
    let warnings = || log.text().matches("management=").count();

    assert_eq!((look().await, look().await), (None, None));
    assert_eq!(warnings(), 1, "nobody is there: {}", log.text());
    let refusing = TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("a port");
    let refused = tokio::spawn(async move {
        while let Ok((mut stream, _)) = refusing.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    assert_eq!((look().await, look().await), (None, None));
    assert_eq!(warnings(), 2, "a wrong login: {}", log.text());
    refused.abort();
    let _ = refused.await;
    assert_eq!(look().await, None);
    assert_eq!(warnings(), 2, "told before: {}", log.text());
    assert_hidden(&log.text());
}
