//! The levers that others hold, at a real socket. The clock goes by itself as soon as everyone waits.

use amq_protocol::frame::{AMQPFrame, parse_frame};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::error::Refusal;
use crate::settings::{Settings, User};

const HANDSHAKE_BYTES: &[u8] = b"AMQP\0\0\x09\x01\
    \x01\0\0\0\0\0\x24\0\x0a\0\x0b\0\0\0\0\x05PLAIN\0\0\0\x0c\0guest\0guest\x05en_US\xce\
    \x01\0\0\0\0\0\x0c\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\0\xce\
    \x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce";
const CHANNEL_OPEN: &[u8] = b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce";
const CHANNEL_OPEN_OK: usize = 16;

struct Served {
    stream: TcpStream,
    control: Arc<Control>,
    task: JoinHandle<()>,
}

impl Served {
    /// An open connection, with the socket of its client.
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let peer = Peer { address };
        let settings = Settings {
            users: vec![User::guest()],
            ..Settings::default()
        };
        let wake = Arc::<Notify>::default();
        let control = Control::new(Arc::clone(&wake));
        let (stream, _) = theirs.expect("a connection");
        let shared = Shared::new(settings);
        let serving = serve(stream, shared, Arc::clone(&control), wake, peer);
        let mut served = Self {
            stream: ours.expect("a connection"),
            control,
            task: tokio::spawn(serving),
        };
        served.send(HANDSHAKE_BYTES).await;
        let mut input = Vec::new();
        while !input.ends_with(b"\x01\0\0\0\0\0\x05\0\x0a\0\x29\0\xce") {
            let read = served.stream.read_buf(&mut input).await;
            assert_ne!(read.expect("a socket"), 0);
        }
        served
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("a socket");
    }

    /// Whether the channel that was opened is open within `seconds`.
    async fn is_answered(&mut self, seconds: u64) -> bool {
        let mut answer = [0; CHANNEL_OPEN_OK];
        let read = self.stream.read_exact(&mut answer);
        let most = Duration::from_secs(seconds);
        timeout(most, read).await.is_ok_and(|read| read.is_ok())
    }

    async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it as well.
        let _ = self.stream.read_to_end(&mut rest).await;
        self.task.await.expect("an end");
        rest
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_cuts() {
    let served = Served::open().await;
    served.control.abort();
    assert!(served.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_close_is_said() {
    let served = Served::open().await;
    served.control.close(Refusal::connection_forced("enough"));
    let begin = Instant::now();
    let rest = served.rest().await;
    let (_, frame) = parse_frame(rest.as_slice()).expect("a frame");
    assert!(matches!(frame, AMQPFrame::Method(0, _)));
    let text = b"CONNECTION_FORCED - enough";
    assert!(rest.windows(text.len()).any(|part| part == text));
    assert_eq!(begin.elapsed().as_secs(), LINGER.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_is_silent_and_goes_on() {
    let mut served = Served::open().await;
    served.control.stall(true);
    served.send(CHANNEL_OPEN).await;
    assert!(!served.is_answered(3600).await);
    served.control.stall(false);
    assert!(served.is_answered(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_connection_is_not_read_until_it_is_unblocked() {
    let mut served = Served::open().await;
    served.control.block();
    // The reader that waits already reads once more.
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(1).await);
    served.send(CHANNEL_OPEN).await;
    assert!(!served.is_answered(3600).await);
    served.control.unblocked();
    assert!(served.is_answered(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_connection_can_be_closed() {
    let mut served = Served::open().await;
    served.control.block();
    served.control.close(Refusal::connection_forced("enough"));
    served.send(b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce").await;
    let begin = Instant::now();
    served.rest().await;
    assert_eq!(begin.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_answers_back() {
    let mut served = Served::open().await;
    served.control.delay(Some(Duration::from_secs(2)));
    tokio::task::yield_now().await;
    let begin = Instant::now();
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(10).await);
    assert!(begin.elapsed() >= Duration::from_millis(1900));
    served.control.delay(None);
    tokio::task::yield_now().await;
    let begin = Instant::now();
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(10).await);
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_ends_it() {
    let Served { stream, task, .. } = Served::open().await;
    drop(stream);
    task.await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_client_that_leaves_ends_it() {
    let mut served = Served::open().await;
    served.control.block();
    // The reader that waits already reads once more.
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(1).await);
    let Served { stream, task, .. } = served;
    drop(stream);
    task.await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_client_that_resets_ends_it_whatever_is_unread() {
    let mut served = Served::open().await;
    served.control.block();
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(1).await);
    served.send(CHANNEL_OPEN).await;
    assert!(!served.is_answered(1).await);
    let Served { stream, task, .. } = served;
    stream.set_zero_linger().expect("a socket");
    drop(stream);
    task.await.expect("an end");
}

/// A mandatory message to a queue that does not exist, on channel 1.
fn unroutable(size: u32) -> Vec<u8> {
    let mut bytes = b"\x01\0\x01\0\0\0\x0a\0\x3c\0\x28\0\0\0\x01-\x01\xce".to_vec();
    bytes.extend(b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0");
    bytes.extend(size.to_be_bytes());
    bytes.extend(b"\0\0\xce\x03\0\x01");
    bytes.extend(size.to_be_bytes());
    bytes.extend(vec![7; size as usize]);
    bytes.push(0xce);
    bytes
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_answers_is_not_read_either() {
    const COUNT: usize = 1000;
    let mut served = Served::open().await;
    served.send(CHANNEL_OPEN).await;
    assert!(served.is_answered(1).await);
    let message = unroutable(100_000);
    let (mut read, mut write) = served.stream.split();
    let mut sent = 0;
    let all = async {
        for _ in 0..COUNT {
            write.write_all(&message).await.expect("a socket");
            sent += 1;
        }
    };
    tokio::pin!(all);
    let hour = Duration::from_secs(3600);
    assert!(timeout(hour, all.as_mut()).await.is_err(), "all was taken");
    // Everything once it reads. A return has its code and text, and is as long otherwise.
    let mut answers = 0;
    let mut input = vec![0; 1 << 20];
    let reading = async {
        while answers < COUNT * message.len() {
            answers += read.read(&mut input).await.expect("a socket");
        }
    };
    tokio::join!(reading, all);
    assert_eq!(sent, COUNT);
}

#[tokio::test(start_paused = true)]
async fn a_delay_may_be_for_ever() {
    let mut served = Served::open().await;
    served.control.delay(Some(Duration::MAX));
    tokio::task::yield_now().await;
    served.send(CHANNEL_OPEN).await;
    assert!(!served.is_answered(3600).await);
    assert!(!served.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_is_due_waits_quietly_while_the_connection_stalls() {
    let mut served = Served::open().await;
    served.control.delay(Some(Duration::from_secs(2)));
    tokio::task::yield_now().await;
    served.send(CHANNEL_OPEN).await;
    assert!(!served.is_answered(1).await);
    served.control.stall(true);
    // The clock stands still while a task keeps busy.
    assert!(!served.is_answered(3600).await);
    served.control.stall(false);
    assert!(served.is_answered(1).await);
}
