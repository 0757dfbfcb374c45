//! A management API that is wrong, slow or gone costs a look its figures and some time, and nothing else.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::{free_port, within};
use leveret::{Code, Connection, QueueInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{World, work};

/// How long a look may take on a busy machine; the time limit is 2 s.
const IN_TIME: Duration = Duration::from_secs(10);

/// Something that listens where the management API should be, and what it was sent.
struct Listener {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// Treats everybody who has asked in this way.
    async fn new<F>(treat: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok()
                {
                }
                let request = String::from_utf8(request).expect("text");
                noted.lock().expect("no panic").push(request);
                treat(stream).await;
            }
        });
        Self { url, heard }
    }

    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::new(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                // Whoever has heard enough may have gone.
                let _ = stream.write_all(&answer).await;
            }
        })
        .await
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

fn json(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A queue with one task, looked at with this management API.
async fn look(api: &str) -> (QueueInfo, Duration) {
    let world = World::new().await;
    let connection = world.builder().management(api).connect().await;
    let tasks = connection.expect("a connection").tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    let start = Instant::now();
    let info = within("a look", tasks.info()).await.expect("a look");
    let took = start.elapsed();
    assert!(took < IN_TIME, "{took:?}");
    assert_eq!(info.ready, 1);
    (info, took)
}

#[tokio::test]
async fn where_nobody_is_there_are_no_figures() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    assert_eq!(look(&nobody).await.0.unacked, None);
}

#[tokio::test]
async fn whoever_does_not_answer_in_time_is_not_waited_for() {
    let silent = Listener::new(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    });
    let trickling = Listener::new(|mut stream| async move {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            sent = stream.write_all(b"x").await;
        }
    });
    for listener in [silent.await, trickling.await] {
        let (info, took) = look(&listener.url).await;
        assert_eq!(info.unacked, None);
        assert!(took >= Duration::from_secs(2), "it was not asked: {took:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_gives_no_figures() {
    let figures = "{\"messages_unacknowledged\":3}";
    let elsewhere = Listener::answering(json(figures)).await;
    let huge = format!("{{\"x\":\"{}\",{}", "x".repeat(1 << 20), &figures[1..]);
    let endless = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "400\r\n".to_owned() + &" ".repeat(0x400) + "\r\n"
    );
    for answer in [
        String::new(),
        "no HTTP\r\n\r\n".to_owned(),
        json(""),
        json("no JSON"),
        json("[]"),
        json("{}"),
        json("{\"messages_unacknowledged\":null}"),
        json("{\"messages_unacknowledged\":-1}"),
        json("{\"messages_unacknowledged\":\"3\"}"),
        json(figures).replace("200 OK", "500 No"),
        json(figures).replace("200 OK", "404 No"),
        json(figures).replace("200 OK", &format!("302 Go\r\nlocation: {}", elsewhere.url)),
        // Shorter than it says.
        json(figures).replace(": 2", ": 9"),
        json(&huge),
        endless.clone() + &endless[endless.find("400\r\n").unwrap()..].repeat(1 << 10),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)),
    ] {
        let shown = &answer[..answer.len().min(200)];
        let listener = Listener::answering(answer.as_str()).await;
        assert_eq!(look(&listener.url).await.0.unacked, None, "{shown}");
        assert!(!listener.heard().is_empty(), "{shown}");
    }
    assert!(elsewhere.heard().is_empty(), "a login goes nowhere else");
}

#[tokio::test]
async fn a_look_asks_for_the_queue_with_the_login_of_the_url_or_of_the_broker() {
    let listener = Listener::answering(json("{\"messages_unacknowledged\":3,\"other\":[]}")).await;
    for (login, prefix, sent) in [
        ("", "", "Z3Vlc3Q6Z3Vlc3Q="),
        ("ann:s%2F3@", "/a/b", "YW5uOnMvMw=="),
    ] {
        let world = World::new().await;
        let api = listener.url.replace("http://", &format!("http://{login}")) + prefix;
        let connection = world.builder().management(&api).connect().await.unwrap();
        let tasks = connection.tasks(&work());
        tasks.push(&"a".to_owned()).await.unwrap();
        // The queue and the one beside it from which workers take tasks.
        assert_eq!(tasks.info().await.unwrap().unacked, Some(6));
        let heard = listener
            .heard()
            .split_off(listener.heard().len() - 2)
            .concat();
        for name in ["work", "work.suspect"] {
            let name = world.named(name).replace('.', "%2E");
            let start = format!("GET {prefix}/api/queues/%2F/{name}?");
            assert!(heard.contains(&start), "{heard}");
        }
        let basic = format!("\r\nauthorization: Basic {sent}\r\n");
        assert_eq!(heard.matches(&basic).count(), 2, "{heard}");
    }
}

#[tokio::test]
async fn a_url_that_makes_no_sense_is_told_at_once() {
    for api in ["", "rabbit:15672", "amqp://rabbit", "http://rabbit?x"] {
        let builder = Connection::builder("amqp://127.0.0.1").management(api);
        let refused = builder.connect().await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{api}");
    }
}
