//! The RPC programs of RabbitMQ's tutorials, unchanged, on both sides of fib, whatever their queue was before; and the
//! demo's own programs in three languages at once.

use harness::{Process, Raw, Signal, within};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use leveret::{Codec, Connection};

use crate::programs::Vhost;
use crate::world::LONG;

const QUEUE: &str = "rpc_queue";

async fn declare(raw: &Raw, kind: &str) {
    let mut arguments = FieldTable::default();
    let options = QueueDeclareOptions {
        durable: kind != "transient",
        ..Default::default()
    };
    if kind == "quorum" {
        let quorum = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), quorum);
    }
    raw.channel()
        .queue_declare(QUEUE.into(), options, arguments)
        .await
        .expect("a queue");
}

async fn terminate(mut server: Process) {
    server.signal(Signal::TERM);
    assert!(server.wait().await.success(), "{:?}", server.lines());
}

async fn answers(mut client: Process, answer: &str) {
    client.wait_line(answer).await;
    assert!(client.wait().await.success(), "{:?}", client.lines());
}

#[tokio::test]
async fn tutorial_clients_call_a_rust_server_on_any_kind_of_queue() {
    let vhost = Vhost::new().await;
    let raw = vhost.raw().await;
    for kind in ["absent", "transient", "durable", "quorum"] {
        if kind != "absent" {
            declare(&raw, kind).await;
        }
        let server = vhost.rust("fib-server", &[]);
        server.wait_line("ready").await;
        for client in ["tutorial_client.js", "tutorial_client.py"] {
            let path = format!("tests/interop/plain/{client}");
            answers(vhost.script(&path, &["30"], ""), "832040").await;
        }
        assert_eq!(server.wait_lines("fib(30)", 2).await.len(), 2, "{kind}");
        terminate(server).await;
        match raw.queue(QUEUE).await {
            // RabbitMQ deletes quorum queues only without conditions.
            Some(left) => assert_eq!((left, kind), ((0, 0), "quorum")),
            None => assert_ne!(kind, "quorum"),
        }
        if kind == "quorum" {
            raw.delete(QUEUE).await;
        }
    }
    vhost.remove().await;
}

#[tokio::test]
async fn rust_clients_call_tutorial_servers_on_any_kind_of_queue() {
    let vhost = Vhost::new().await;
    let raw = vhost.raw().await;
    for kind in ["transient", "durable", "quorum"] {
        for script in ["tutorial_server.js", "tutorial_server.py"] {
            let path = format!("tests/interop/plain/{script}");
            let mut server = vhost.script(&path, &[], kind);
            server.wait_line("ready").await;
            let client = vhost.rust("fib-client", &["--text", "30"]);
            answers(client, "fib(30) = 832040").await;
            server.wait_line("serving fib(30)").await;
            // By name, without a stub: the bare argument, and a string for whoever wants one.
            let connection = Connection::connect(&vhost.url).await.unwrap();
            let client = connection.client().with_codec(Codec::Text);
            let fib: u64 = client.call_queue(QUEUE, "", &20).await.unwrap();
            assert_eq!(fib, 6765, "{script} {kind}");
            let text: String = client.call_queue(QUEUE, "", &20).await.unwrap();
            assert_eq!(text, "6765", "{script} {kind}");
            connection.close().await;
            server.kill().await;
            raw.delete(QUEUE).await;
        }
    }
    vhost.remove().await;
}

#[tokio::test]
async fn three_languages_call_two_servers_at_once() {
    let vhost = Vhost::new().await;
    let servers = [(); 2].map(|()| vhost.rust("fib-server", &[]));
    for server in &servers {
        server.wait_line("ready").await;
    }
    let connection = Connection::connect(&vhost.url).await.unwrap();
    let client = connection.client().with_timeout(LONG);
    let call = |n: u64| client.call_queue::<u64>(QUEUE, "fib", &n);
    let calls: Vec<_> = (0..90)
        .map(|n| (n, tokio::spawn(call(n).into_future())))
        .collect();
    let scripts = ["client.js", "client_msgpack.js", "plain_client.py"];
    let numbers = [(30, 832_040_u64), (31, 1_346_269)];
    let others: Vec<_> = numbers
        .iter()
        .flat_map(|(n, fib)| {
            let n = n.to_string();
            let started = scripts.map(|script| {
                let path = format!("examples/fib/{script}");
                vhost.script(&path, &[&n], "")
            });
            let rust = vhost.rust("fib-client", &[&n]);
            let expected = format!("fib({n}) = {fib}");
            started
                .into_iter()
                .chain([rust])
                .map(move |process| (process, expected.clone()))
        })
        .collect();
    let (mut a, mut b) = (0_u64, 1_u64);
    for (n, call) in calls {
        let fib = within("an answer", call).await.unwrap().unwrap();
        assert_eq!(fib, a, "fib({n})");
        (a, b) = (b, a + b);
    }
    for (process, expected) in others {
        answers(process, &expected).await;
    }
    for server in servers {
        // Prefetch 1 keeps one server from taking everything.
        server.wait_lines("fib(", 10).await;
        terminate(server).await;
    }
    assert_eq!(vhost.raw().await.queue(QUEUE).await, None, "was left");
    connection.close().await;
    vhost.remove().await;
}

#[tokio::test]
async fn a_server_s_errors_reach_the_demo_s_client() {
    let vhost = Vhost::new().await;
    let server = vhost.rust("fib-server", &[]);
    server.wait_line("ready").await;
    let mut client = vhost.rust("fib-client", &["-1"]);
    assert!(!client.wait().await.success());
    let mut client = vhost.rust("fib-client", &["94"]);
    assert!(!client.wait().await.success());
    server.wait_line("fib(94)").await;
    let client = vhost.rust("fib-client", &["93"]);
    answers(client, "fib(93) = 12200160415121876738").await;
    terminate(server).await;
    // Nobody serves now, and the queue is gone.
    let mut client = vhost.rust("fib-client", &["30"]);
    assert!(!client.wait().await.success());
    vhost.remove().await;
}

#[tokio::test]
async fn without_a_broker_every_program_says_how_to_start_one() {
    let mut vhost = Vhost::new().await;
    vhost.url = format!("amqp://127.0.0.1:{}/%2f", harness::free_port());
    let programs = ["fib-server", "fib-client"];
    let scripts = [
        "client.js",
        "client_msgpack.js",
        "server.js",
        "client.py",
        "server.py",
        "plain_client.py",
        "plain_server.py",
    ];
    let programs = programs.map(|name| (name, vhost.rust(name, &[])));
    let scripts = scripts.map(|name| {
        let arguments = if name.contains("client") {
            &["30"][..]
        } else {
            &[]
        };
        let path = format!("examples/fib/{name}");
        (name, vhost.script(&path, arguments, ""))
    });
    for (name, mut process) in programs.into_iter().chain(scripts) {
        let (status, lines) = process.output().await;
        let said = lines.join("\n");
        assert!(!status.success(), "{name}: {said}");
        assert!(
            said.contains("leveret-broker") && said.contains("apt install"),
            "{name}: {said}"
        );
    }
    vhost.remove().await;
}
