//! The page as a browser asks for it, and as others try to abuse it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, ConnectionProperties};

use super::*;
use crate::Broker;

async fn served() -> (Broker, SocketAddr) {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let address = broker.serve_status("127.0.0.1:0").await.expect("a page");
    (broker, address)
}

async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    // It may be cut before all of it is sent.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    timeout(2 * PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("an answer in time")
        .expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn what_is_there_is_shown() {
    let (_broker, address) = served().await;
    for (path, kind, part) in [
        ("/", "text/html", "<pre>Messages take 0 bytes"),
        ("/?x", "text/html", "amq.topic"),
        ("/status.txt", "text/plain", "\nExchanges: 7\n"),
        ("/status.json", "application/json", "{\"message_bytes\":0,"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let answer = ask(address, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Type: {kind}")), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{head}"
        );
        assert!(body.contains(part), "{body}");
        let head_only = ask(address, request.replace("GET", "HEAD").as_bytes()).await;
        assert_eq!(head_only.split_once("\r\n\r\n"), Some((head, "")));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (_broker, address) = served().await;
    for (request, status) in [
        ("GET /nothing HTTP/1.1\r\n\r\n", "404"),
        ("GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", "404"),
        ("POST / HTTP/1.1\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"),
        (
            "GET / HTTP/1.1\r\nhost:127.0.0.1\r\nHOST: evil.example:80\r\n\r\n",
            "403",
        ),
        (
            "GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n",
            "403",
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n", "400"),
        ("GET /\r\n\r\n", "400"),
        ("GET / FTP/1.0\r\n\r\n", "400"),
        ("\r\n\r\n", "400"),
        ("", "400"),
        ("AMQP\0\0\x09\x01", "400"),
    ] {
        let answer = ask(address, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{request:?}: {answer}"
        );
    }
    let answer = ask(address, b"GET /\xff HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
}

#[tokio::test]
async fn nobody_keeps_it_busy_for_long() {
    let (_broker, address) = served().await;
    // As many as are answered at once, and none of them says anything.
    let mut silent = Vec::new();
    for _ in 0..MOST {
        silent.push(TcpStream::connect(address).await.expect("connected"));
    }
    let mut endless = TcpStream::connect(address).await.expect("connected");
    // One more than there is room for is cut.
    let mut nothing = Vec::new();
    let read = timeout(PATIENCE / 2, endless.read_to_end(&mut nothing)).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    for mut stream in silent {
        let mut nothing = Vec::new();
        let read = timeout(2 * PATIENCE, stream.read_to_end(&mut nothing)).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    }
    let long = [b'a'; 4 * LONGEST];
    let answer = ask(address, &long).await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
}

#[tokio::test]
async fn it_is_for_this_machine_alone() {
    let (broker, _) = served().await;
    let error = broker.serve_status("0.0.0.0:0").await;
    assert_eq!(
        error.expect_err("not loopback").kind(),
        io::ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn it_ends_with_the_broker() {
    let (broker, address) = served().await;
    drop(broker);
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("nobody listens");
}

/// Asks the management API as this login.
async fn ask_api(address: SocketAddr, path: &str, login: &str) -> (String, serde_json::Value) {
    let login = BASE64_STANDARD.encode(login);
    let request = format!("GET {path} HTTP/1.1\r\nauthorization: Basic {login}\r\n\r\n");
    let answer = ask(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.to_owned(), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn queues_are_told_as_by_the_management_api() {
    let (broker, address) = served().await;
    assert!(broker.add_vhost("a/b c"));
    let url = broker.url().replace("%2f", "a%2fb%20c");
    let connection = lapin::Connection::connect(&url, ConnectionProperties::default()).await;
    let connection = connection.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let name = "jobs/\u{e9} %";
    channel
        .queue_declare(name.into(), Default::default(), FieldTable::default())
        .await
        .expect("declared");
    for _ in 0..5 {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        channel
            .basic_publish("".into(), name.into(), options, b"hay", properties)
            .await
            .expect("published");
    }
    channel
        .basic_qos(3, BasicQosOptions::default())
        .await
        .expect("a prefetch");
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(name.into(), "".into(), options, FieldTable::default());
    let _consumer = consumer.await.expect("a consumer");

    let path = "/api/queues/a%2Fb%20c/jobs%2f%C3%A9%20%25?columns=name";
    let (status, told) = ask_api(address, path, "guest:guest").await;
    assert_eq!(status, "200");
    let expected = serde_json::json!({
        "name": name, "vhost": "a/b c", "messages": 5, "messages_ready": 2,
        "messages_unacknowledged": 3, "consumers": 1,
    });
    assert_eq!(told, expected);

    for (path, login, refused) in [
        ("a%2Fb%20c/jobs%2f%C3%A9%20%25", "guest:wrong", "401"),
        ("a%2Fb%20c/jobs%2f%C3%A9%20%25", "guest", "401"),
        ("a%2Fb%20c/jobs%2f%C3%A9%20%25", "nobody:guest", "401"),
        ("%2F/jobs%2f%C3%A9%20%25", "guest:guest", "404"),
        ("nowhere/jobs", "guest:guest", "404"),
        ("a%2Fb%20c/jobs/\u{e9}", "guest:guest", "404"),
        ("a%2Fb%20c/jobs%2f%C3", "guest:guest", "404"),
        ("a%2Fb%20c", "guest:guest", "404"),
        ("", "guest:guest", "404"),
    ] {
        let (status, told) = ask_api(address, &format!("/api/queues/{path}"), login).await;
        assert_eq!(status, refused, "{path} {login}: {told}");
        assert!(told["error"].is_string(), "{told}");
    }
    let without = b"GET /api/queues/%2F/jobs HTTP/1.1\r\n\r\n";
    let answer = ask(address, without).await;
    assert!(answer.starts_with("HTTP/1.0 401 "), "{answer}");
}

#[test]
fn names_cannot_leave_their_place() {
    let shown = html("<script>&");
    assert!(shown.contains("&lt;script&gt;&amp;"), "{shown}");
}
