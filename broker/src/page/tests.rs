//! The page as a browser asks for it, and as others try to abuse it.

use super::*;

async fn served() -> SocketAddr {
    let broker = Broker::bind("127.0.0.1:0").await.expect("bound");
    let page = Page::bind("127.0.0.1:0").await.expect("bound");
    let address = page.address();
    tokio::spawn(page.serve(Arc::new(broker)));
    address
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
    let address = served().await;
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
    let address = served().await;
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
    let address = served().await;
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
    let error = Page::bind("0.0.0.0:0").await.expect_err("not loopback");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn names_cannot_leave_their_place() {
    let shown = html("<script>&");
    assert!(shown.contains("&lt;script&gt;&amp;"), "{shown}");
}
