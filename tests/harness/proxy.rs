//! A TCP proxy between a client and the broker that breaks connections on demand: the network's part in a fault test.
//!
//! Every lever acts on all connections through the proxy, those that are open and those to come, until [`Proxy::pass`];
//! only the cuts happen once. What has happened is counted, and a test waits for a count instead of for time.

mod pump;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ports::free_port;
use crate::wait::within;
use pump::{CutAfter, Ending, Flow, Rules, Stats};

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the broker.
    ToServer,
    /// From the broker to the client.
    ToClient,
}

/// A running proxy; dropping it closes its listener and its connections.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    target: SocketAddr,
    shared: Arc<Shared>,
    /// Not in `Shared`: when this is dropped, the connections' tasks see it and end.
    cuts: watch::Sender<Ending>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// What the connections' tasks read and report.
#[derive(Debug, Default)]
struct Shared {
    rules: watch::Sender<Rules>,
    stats: watch::Sender<Stats>,
}

impl Proxy {
    /// Starts a proxy in front of `target`, on a port of its own.
    pub async fn start(target: SocketAddr) -> Self {
        let proxy = Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            target,
            shared: Arc::default(),
            cuts: watch::Sender::new(Ending::Reset),
            accepting: Mutex::default(),
        };
        proxy.listen().await;
        proxy
    }

    /// Starts a proxy in front of the broker at `url`.
    pub async fn to(url: &str) -> Self {
        let url = url::Url::parse(url).expect("a broker's URL");
        let port = url.port().expect("a URL with a port");
        Self::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The same URL, but through the proxy.
    #[must_use]
    pub fn url_through(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a broker's URL");
        url.set_host(Some("127.0.0.1")).expect("a URL with a host");
        url.set_port(Some(self.addr.port()))
            .expect("a URL with a port");
        url.into()
    }

    /// Ends every fault: listens, and passes bytes at once.
    pub async fn pass(&self) {
        self.shared.rules.send_replace(Rules::default());
        self.listen().await;
    }

    /// Refuses new connections, as a broker that is down does; open ones live on.
    pub async fn refuse(&self) {
        let accepting = self
            .accepting
            .lock()
            .expect("no panic under the lock")
            .take();
        if let Some(task) = accepting {
            task.abort();
            // Only when the task is gone has its listener been closed.
            let _ = task.await;
        }
    }

    /// Ends all open connections with RST, as a crashed peer or a firewall does.
    pub async fn reset_connections(&self) {
        self.cut(Ending::Reset).await;
    }

    /// Ends all open connections with FIN, as a process that exits does.
    pub async fn close_connections(&self) {
        self.cut(Ending::Close).await;
    }

    /// Resets the first connection that carries `bytes` more bytes in `direction`, right after the last of them. Happens once.
    pub fn reset_after(&self, direction: Direction, bytes: u64) {
        self.shared.rules.send_modify(|rules| {
            let epoch = rules.cut_epoch + 1;
            rules.cut_epoch = epoch;
            rules.cut_after = Some(CutAfter {
                direction,
                bytes,
                epoch,
            });
        });
    }

    /// Swallows everything that travels in `direction`, also the end of the stream. A connection that lost bytes this
    /// way cannot be mended: it is reset when the black hole ends. For a fault that heals, see [`stall`](Self::stall).
    pub fn black_hole(&self, direction: Direction) {
        self.shared
            .rules
            .send_modify(|rules| rules.of(direction).flow = Flow::Swallow);
    }

    /// Stops reading what comes from one side, until [`pass`](Self::pass): nothing is lost and nothing arrives, as with a
    /// full pipe or a partition that heals. The sender can still write until the kernel's buffers are full.
    pub fn stall(&self, direction: Direction) {
        self.shared
            .rules
            .send_modify(|rules| rules.of(direction).flow = Flow::Stall);
    }

    /// Holds back each chunk for `delay`.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.shared
            .rules
            .send_modify(|rules| rules.of(direction).delay = delay);
    }

    /// How many connections have been accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.stats.borrow().accepted
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.stats.borrow().open
    }

    /// How many bytes have come in from the side where `direction` begins.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.stats.borrow().bytes(direction)
    }

    /// Waits until `count` connections have been accepted since the start.
    pub async fn wait_accepted(&self, count: usize) {
        self.wait(
            &format!("{count} connections accepted by the proxy"),
            |stats| stats.accepted >= count,
        )
        .await;
    }

    /// Waits until exactly `count` connections are open.
    pub async fn wait_open(&self, count: usize) {
        self.wait(&format!("{count} connections open in the proxy"), |stats| {
            stats.open == count
        })
        .await;
    }

    /// Waits until [`bytes`](Self::bytes) has reached `count`.
    pub async fn wait_bytes(&self, direction: Direction, count: u64) {
        self.wait(&format!("{count} bytes {direction:?}"), |stats| {
            stats.bytes(direction) >= count
        })
        .await;
    }

    async fn wait(&self, what: &str, condition: impl FnMut(&Stats) -> bool) {
        let mut stats = self.shared.stats.subscribe();
        within(what, stats.wait_for(condition))
            .await
            .expect("the sender lives in the proxy");
    }

    async fn cut(&self, ending: Ending) {
        // A task that has not been polled yet counts as open and must see the change too, which it does: its receiver
        // was made when it was counted.
        let mut ended = self.shared.stats.subscribe();
        let goal = {
            let stats = ended.borrow();
            stats.ended + stats.open
        };
        self.cuts.send_replace(ending);
        within(
            "the cut connections to end",
            ended.wait_for(|stats| stats.ended >= goal),
        )
        .await
        .expect("the sender lives in the proxy");
    }

    async fn listen(&self) {
        if self
            .accepting
            .lock()
            .expect("no panic under the lock")
            .is_some()
        {
            return;
        }
        let listener = within("the proxy's port", bind(self.addr)).await;
        let task = tokio::spawn(accept(
            listener,
            self.target,
            Arc::clone(&self.shared),
            self.cuts.subscribe(),
        ));
        *self.accepting.lock().expect("no panic under the lock") = Some(task);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.lock().ok().and_then(|mut task| task.take()) {
            task.abort();
        }
    }
}

async fn bind(addr: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Connections of an earlier listener may linger on the port.
    socket
        .set_reuseaddr(true)
        .expect("an option that every socket has");
    socket
        .bind(addr)
        .unwrap_or_else(|error| panic!("the proxy cannot listen on {addr}: {error}"));
    socket.listen(1024).expect("a bound socket listens")
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    shared: Arc<Shared>,
    cuts: watch::Receiver<Ending>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let mut cuts = cuts.clone();
        // Cuts of the past are not for this connection.
        cuts.mark_unchanged();
        shared.stats.send_modify(Stats::opened);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A broker that cannot be reached shows as a reset to the client.
            let _ = carry(client, target, &shared, cuts).await;
            shared.stats.send_modify(Stats::closed);
        });
    }
}

async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    shared: &Shared,
    mut cuts: watch::Receiver<Ending>,
) -> io::Result<()> {
    let connected = tokio::select! {
        connected = TcpStream::connect(target) => connected,
        _ = cuts.changed() => Err(io::ErrorKind::ConnectionReset.into()),
    };
    let mut server = match connected {
        Ok(server) => server,
        Err(error) => {
            client.set_zero_linger()?;
            return Err(error);
        }
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;

    let ending = tokio::select! {
        ending = pump::both(&mut client, &mut server, shared) => ending,
        cut = cuts.changed() => cut.map_or(Ending::Reset, |()| *cuts.borrow()),
    };
    pump::end(client, server, ending).await
}
