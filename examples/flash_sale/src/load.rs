//! The buyers: so many at once, each with one connection that it keeps, each asking again as soon as it has its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use indicatif::ProgressBar;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::contract::Answer;
use crate::failure::{Doing, Failure, Result};

/// Longer than any deadline behind the front end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before the sale each buyer asks this often for item 0, of which there is none: connections, pools and statements are
/// there when it begins.
const REHEARSALS: u32 = 3;

/// What the buyers saw.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Microseconds to an answer.
    pub(crate) latencies: Histogram<u64>,
    pub(crate) ordered: u64,
    pub(crate) sold_out: u64,
    /// Answers other than 200, and none at all.
    pub(crate) errors: u64,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            elapsed: Duration::ZERO,
            latencies: Histogram::new_with_max(PATIENCE.as_micros() as u64 * 2, 3)
                .expect("the bounds are fixed"),
            ordered: 0,
            sold_out: 0,
            errors: 0,
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.ordered + self.sold_out + self.errors
    }

    fn count(&mut self, answer: Option<Answer>, took: Duration) {
        match answer {
            Some(Answer::Ordered) => self.ordered += 1,
            Some(Answer::SoldOut) => self.sold_out += 1,
            None => self.errors += 1,
        }
        self.latencies.saturating_record(took.as_micros() as u64);
    }

    /// Another sale of the same kind.
    pub(crate) fn add(&mut self, other: &Self) {
        self.elapsed += other.elapsed;
        self.latencies += &other.latencies;
        self.ordered += other.ordered;
        self.sold_out += other.sold_out;
        self.errors += other.errors;
    }
}

/// How many buyers there are and what they want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) clients: u32,
    /// Of each client.
    pub(crate) requests: u32,
    pub(crate) items: u32,
}

/// Lets the crowd in. `ready` runs between the rehearsal and the sale.
pub(crate) async fn run(
    crowd: Crowd,
    front: &str,
    ready: impl FnOnce(),
    progress: &ProgressBar,
) -> Result<Seen> {
    let gates = Arc::new([
        Barrier::new(crowd.clients as usize + 1),
        Barrier::new(crowd.clients as usize + 1),
    ]);
    let mut clients = JoinSet::new();
    for client in 0..crowd.clients {
        let (front, gates, progress) = (front.to_owned(), Arc::clone(&gates), progress.clone());
        clients.spawn(async move {
            let rehearsed = rehearse(&front).await;
            gates[0].wait().await;
            gates[1].wait().await;
            let sender = rehearsed?;
            Ok::<_, Failure>(buy(crowd, client, sender, &front, &progress).await)
        });
    }
    gates[0].wait().await;
    ready();
    let began = Instant::now();
    gates[1].wait().await;
    let mut seen = Seen::new();
    let clients = clients.join_all().await;
    seen.elapsed = began.elapsed();
    for client in clients {
        for (answer, took) in client? {
            seen.count(answer, took);
        }
    }
    Ok(seen)
}

async fn connect(front: &str) -> Result<SendRequest<Empty<Bytes>>> {
    let socket = TcpStream::connect(front)
        .await
        .doing("connecting to the web front end")?;
    socket
        .set_nodelay(true)
        .doing("connecting to the web front end")?;
    let (sender, connection) = handshake(TokioIo::new(socket)).await?;
    // Its end is seen by the request that it ends.
    tokio::spawn(connection);
    Ok(sender)
}

async fn rehearse(front: &str) -> Result<SendRequest<Empty<Bytes>>> {
    let mut sender = connect(front).await?;
    for _ in 0..REHEARSALS {
        match ask(&mut sender, front, 0).await {
            Some(Answer::SoldOut) => {}
            other => {
                return Err(Failure::Unusable(format!(
                    "the rehearsal failed: asked for an item of which there is none, the front end answered {other:?}"
                )));
            }
        }
    }
    Ok(sender)
}

async fn buy(
    crowd: Crowd,
    client: u32,
    mut sender: SendRequest<Empty<Bytes>>,
    front: &str,
    progress: &ProgressBar,
) -> Vec<(Option<Answer>, Duration)> {
    let mut answers = Vec::with_capacity(crowd.requests as usize);
    for request in 0..crowd.requests {
        // All items are wanted alike.
        let item = (client * crowd.requests + request) % crowd.items + 1;
        let began = Instant::now();
        let answer = ask(&mut sender, front, item).await;
        answers.push((answer, began.elapsed()));
        if answer.is_none()
            && let Ok(fresh) = connect(front).await
        {
            sender = fresh;
        }
    }
    progress.inc(crowd.requests.into());
    answers
}

/// `None` for anything but an answer.
async fn ask(sender: &mut SendRequest<Empty<Bytes>>, front: &str, item: u32) -> Option<Answer> {
    let request = Request::get(format!("/buy?item={item}"))
        .header(header::HOST, front)
        .body(Empty::new())
        .expect("the parts are fixed");
    let answered = async {
        let response = sender.send_request(request).await.ok()?;
        let found = response.status() == StatusCode::OK;
        let body = response.into_body().collect().await.ok()?.to_bytes();
        if found {
            serde_json::from_slice(&body).ok()
        } else {
            None
        }
    };
    timeout(PATIENCE, answered).await.ok()?
}
