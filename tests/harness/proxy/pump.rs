//! One connection through the proxy: two one-way pumps that obey the proxy's levers.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::{Direction, Shared};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Flow {
    #[default]
    Pass,
    Stall,
    Swallow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Reset,
    Close,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rule {
    pub(super) flow: Flow,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CutAfter {
    pub(super) direction: Direction,
    pub(super) bytes: u64,
    /// Tells one arming of the lever from the next, so that each pump counts from zero.
    pub(super) epoch: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    to_server: Rule,
    to_client: Rule,
    pub(super) cut_after: Option<CutAfter>,
    pub(super) cut_epoch: u64,
}

impl Rules {
    fn rule(mut self, direction: Direction) -> Rule {
        *self.of(direction)
    }

    pub(super) fn of(&mut self, direction: Direction) -> &mut Rule {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) accepted: usize,
    pub(super) open: usize,
    pub(super) ended: usize,
    to_server: u64,
    to_client: u64,
}

impl Stats {
    pub(super) fn opened(&mut self) {
        self.accepted += 1;
        self.open += 1;
    }

    pub(super) fn closed(&mut self) {
        self.open -= 1;
        self.ended += 1;
    }

    pub(super) fn bytes(&self, direction: Direction) -> u64 {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }

    fn count(&mut self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        *counter += bytes as u64;
    }
}

/// Carries bytes both ways until both sides have closed, or until a fault ends the connection.
pub(super) async fn both(
    client: &mut TcpStream,
    server: &mut TcpStream,
    shared: &Shared,
) -> Ending {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = Pump::new(Direction::ToServer, from_client, to_server, shared);
    let down = Pump::new(Direction::ToClient, from_server, to_client, shared);
    match tokio::try_join!(up.run(), down.run()) {
        Ok(_) => Ending::Close,
        Err(_) => Ending::Reset,
    }
}

/// Closes both sides, with FIN or with RST.
pub(super) async fn end(
    mut client: TcpStream,
    mut server: TcpStream,
    ending: Ending,
) -> io::Result<()> {
    match ending {
        Ending::Reset => {
            client.set_zero_linger()?;
            server.set_zero_linger()
        }
        Ending::Close => {
            client.shutdown().await?;
            server.shutdown().await
        }
    }
}

struct Pump<'a> {
    direction: Direction,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    shared: &'a Shared,
    rules: watch::Receiver<Rules>,
    /// Bytes passed since the epoch of [`CutAfter`] that is named beside them.
    passed: (u64, u64),
    lost: bool,
}

impl<'a> Pump<'a> {
    fn new(
        direction: Direction,
        from: ReadHalf<'a>,
        to: WriteHalf<'a>,
        shared: &'a Shared,
    ) -> Self {
        let rules = shared.rules.subscribe();
        Self {
            direction,
            from,
            to,
            shared,
            rules,
            passed: (0, 0),
            lost: false,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        let mut ended = false;
        loop {
            let rule = self.rules.borrow_and_update().rule(self.direction);
            if self.lost && rule.flow != Flow::Swallow {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if ended || rule.flow == Flow::Stall {
                self.rules.changed().await.map_err(io::Error::other)?;
                continue;
            }
            let count = tokio::select! {
                biased;
                _ = self.rules.changed() => continue,
                count = self.from.read(&mut buffer) => count?,
            };
            self.shared
                .stats
                .send_modify(|stats| stats.count(self.direction, count));
            match rule.flow {
                Flow::Swallow => {
                    self.lost = true;
                    ended = count == 0;
                }
                _ if count == 0 => return self.to.shutdown().await,
                _ => {
                    tokio::time::sleep(rule.delay).await;
                    self.pass(&buffer[..count]).await?;
                }
            }
        }
    }

    async fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let armed = self
            .shared
            .rules
            .borrow()
            .cut_after
            .filter(|cut| cut.direction == self.direction);
        let Some(cut) = armed else {
            return self.to.write_all(bytes).await;
        };
        if self.passed.0 != cut.epoch {
            self.passed = (cut.epoch, 0);
        }
        let left = usize::try_from(cut.bytes - self.passed.1).unwrap_or(usize::MAX);
        if bytes.len() < left {
            self.passed.1 += bytes.len() as u64;
            return self.to.write_all(bytes).await;
        }
        if !self.disarm(cut) {
            return self.to.write_all(bytes).await;
        }
        self.to.write_all(&bytes[..left]).await?;
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// True for the one connection that may carry out the cut.
    fn disarm(&self, cut: CutAfter) -> bool {
        self.shared.rules.send_if_modified(|rules| {
            let mine = rules
                .cut_after
                .is_some_and(|armed| armed.epoch == cut.epoch);
            if mine {
                rules.cut_after = None;
            }
            mine
        })
    }
}
